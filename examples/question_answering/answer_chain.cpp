// SPDX-License-Identifier: BSL-1.0
#include "answer_chain.hpp"

#include <algorithm>

#include "legal_document/utf8.hpp"
#include "question_answering/generator.hpp"
#include "question_answering/retrieval.hpp"

namespace qa {
namespace {

using catena::branch;
using catena::join;
using catena::stage;
using namespace std::chrono_literals;

bool is_question(const request& of) { return of.what == intent::question || of.what == intent::meaning; }
bool has_passages(const evidence& of) { return !of.passages.empty(); }
draft nothing_found(const evidence&) { return {author::program, "The texts say nothing about that."}; }

/// Answers what is no question for the texts.
reply talk(const library& about, const request& to) {
  reply out;
  if (to.what == intent::small_talk) {
    out.text = "Hello. Ask me about the texts.";
  } else if (to.what == intent::sources) {
    for (const std::string& file : about.files) out.text += legal::concat({out.text.empty() ? "" : "\n", file});
  } else {
    out.text = "Type a question about the texts. /sources lists them, /quit ends.";
  }
  return out;
}

/// What writes the answer. A model that is late or away is replaced by the passages themselves.
catena::chain<evidence, draft> make_writer(const catena::runtime& rt, const std::optional<legal::endpoint>& model) {
  return catena::make_chain<evidence>(rt, "write", [&](auto found) {
    if (!model) return found >> stage("quote", quote);
    return found >> stage("generate", make_generator(rt, *model)).timeout(90s).fallback(quote_instead);
  });
}

}  // namespace

catena::chain<std::string, reply> make_answer_chain(const catena::runtime& rt, const std::shared_ptr<const library>& from,
                                                    const std::optional<legal::endpoint>& model) {
  const auto retrieve = make_retrieval(rt, from);
  const auto write = make_writer(rt, model);
  const auto answer = catena::make_chain<request>(rt, "answer", [&](auto asked) {
    auto found = asked >> stage("retrieve", retrieve);
    auto written = found >> branch("found?", has_passages, stage("write", write), stage("nothing", nothing_found));
    return join(found, written) >> stage("check", check_citations);
  });
  return catena::make_chain<std::string>(rt, "question-answering", [&](auto line) {
    return line >> stage("intent", understand) >>
           branch("question?", is_question, stage("answer", answer), stage("talk", [from](const request& to) { return talk(*from, to); }));
  });
}

}  // namespace qa
