// SPDX-License-Identifier: BSL-1.0
#pragma once
/// \file
/// Everything that a chain is written with.
#include <catena/chain/branch.hpp>
#include <catena/chain/chain.hpp>
#include <catena/chain/each.hpp>
