// SPDX-License-Identifier: BSL-1.0
#pragma once
/// \file
/// Models: batches, batching, and the handle that is a stage and is called.
#include <catena/model/model.hpp>
