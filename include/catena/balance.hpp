// SPDX-License-Identifier: BSL-1.0
#pragma once
/// \file
/// Balancing: replica pools and their policies.
#include <catena/balance/replica_pool.hpp>
