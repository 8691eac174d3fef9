// SPDX-License-Identifier: BSL-1.0
#pragma once
/// \file
/// Whether somebody who did not answer is to blame for it himself.
#include <catena/error.hpp>

namespace catena {

/// Whether a failure says that whoever was asked is away, too slow or broken, so that somebody else's answer can stand in for his. It
/// does not where nobody wants an answer any more (errc::cancelled), or the question is at fault: condition::give_up, but for
/// what says that the model itself is missing, broken or not for this machine. A deadline that passed was his own: whoever asks
/// looks at that of the run.
[[nodiscard]] bool is_away(const failure& why) noexcept;

}  // namespace catena
