// SPDX-License-Identifier: BSL-1.0
#pragma once
/// \file
/// Options of stages and models from JSON.
#include <catena/policy/apply.hpp>
#include <catena/policy/document.hpp>
