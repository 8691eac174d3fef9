// SPDX-License-Identifier: BSL-1.0
#pragma once
/// \file
/// How waiting ends.

namespace catena {

/// What becomes of something that waits: it goes on, or its executor is destroyed and it must only free what it owns.
enum class wake : bool { resumed, abandoned };

}  // namespace catena
