// SPDX-License-Identifier: BSL-1.0
#pragma once
/// \file
/// Everything of the cache.
#include <catena/cache/cache.hpp>
