// SPDX-License-Identifier: BSL-1.0
#pragma once
/// \file
/// The version of the library, for the preprocessor and for programs.

#define CATENA_VERSION_MAJOR 0
#define CATENA_VERSION_MINOR 1
#define CATENA_VERSION_PATCH 0
