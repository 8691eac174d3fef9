// SPDX-License-Identifier: BSL-1.0
#include "endpoint.hpp"

#include <stdexcept>
#include <utility>

namespace legal {

void refuse_model() { throw usage_error("there is no language model to ask: this program was built without catena::llm, which needs OpenSSL"); }

#if LEGAL_DOCUMENT_LLM
namespace {

namespace llm = catena::llm;

const llm::provider& provider_of(const endpoint& to) {
  if (!to.provider.empty()) {
    if (const llm::provider* found = llm::find_provider(to.provider)) return *found;
    throw usage_error("--provider is deepseek, openai, llama_server, vllm or generic, not '" + to.provider + "'");
  }
  for (const llm::provider* known : {&llm::deepseek(), &llm::openai()})
    if (to.url.starts_with(known->base_url)) return *known;
  return llm::generic();
}

}  // namespace

llm::chat_model connect(const catena::runtime& rt, const endpoint& to, llm::chat_settings settings) {
  llm::chat_options options;
  options.name = "model";
  options.provider = provider_of(to);
  options.base_url = to.url;
  options.model = to.model;
  options.settings = std::move(settings);
  if (to.model.empty() && options.provider.model.empty()) options.model = "default";  // servers of one model take any name
  try {
    return llm::chat_model(rt, std::move(options));
  } catch (const std::invalid_argument& e) {
    throw usage_error(e.what());
  }
}
#endif

}  // namespace legal
