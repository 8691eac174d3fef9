// SPDX-License-Identifier: BSL-1.0
#pragma once
/// \file
/// Values that come bit by bit, and stages that answer them.
#include <catena/chain/produce.hpp>
#include <catena/stream/stream.hpp>
