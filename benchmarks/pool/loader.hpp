// SPDX-License-Identifier: BSL-1.0
#pragma once
/// \file
/// What the processes do that are started to load a model.
namespace pool {

/// Loads the file as the subject does, asks once, and prints one line: milliseconds until it was loaded, milliseconds until it had
/// answered, megabytes of private memory, and a hash of the answer. Both times begin with main.
/// \return main's exit status
int load_and_answer(const char* subject, const char* file);

/// Loads the file by torch::jit::load, and lets go of it.
void load_and_drop(const char* file);

}  // namespace pool
