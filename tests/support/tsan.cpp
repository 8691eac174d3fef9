// SPDX-License-Identifier: BSL-1.0
/// \file
/// What ThreadSanitizer reports wrongly: Asio counts an erased executor's references down with a release and deletes it
/// behind a fence, and g++'s ThreadSanitizer does not model fences; and OpenSSL, as it comes, counts references where no sanitizer looks.
/// So does Torch those of a graph: each thread remembers weakly which it ran last, and may free, when it ends, what another has destroyed.
#if defined(__SANITIZE_THREAD__)
extern "C" const char* __tsan_default_suppressions();  // NOLINT
extern "C" const char* __tsan_default_suppressions() {  // NOLINT
  return "race:boost::asio::execution::detail::shared_target_executor\n"
         "called_from_lib:libcrypto.so\n"
         "called_from_lib:libssl.so\n"
         "race:torch::jit::Graph::~Graph\n";
}
#endif
