// SPDX-License-Identifier: BSL-1.0
#pragma once
/// \file
/// Stages that a model may call.
#include <catena/chain/chain.hpp>
#include <catena/chain/stage.hpp>
#include <catena/llm/chat_settings.hpp>
#include <catena/llm/schema.hpp>
#include <catena/runtime.hpp>

#include <functional>
#include <string>
#include <type_traits>
#include <utility>

namespace catena::llm {

/// Something that takes JSON, answers text, and says what it is for. A value; see tool().
class agent_tool {
 public:
  using bound = chain<std::string, std::string>;
  agent_tool(tool_spec spec, std::function<bound(const runtime&)> bind) : spec_(std::move(spec)), bind_(std::move(bind)) {}

  [[nodiscard]] const tool_spec& spec() const noexcept { return spec_; }
  /// The chain that reads arguments, works and writes the answer.
  [[nodiscard]] bound on(const runtime& rt) const { return bind_(rt); }

 private:
  tool_spec spec_;
  std::function<bound(const runtime&)> bind_;
};

namespace detail {

/// \errors errc::invalid_input with what a model needs to know to do better
[[nodiscard]] result<void> read_arguments(const shape& of, const std::string& text, void* to);

template <class Args>
struct arguments_reader {
  result<Args> operator()(const std::string& text) const {
    Args args = Args();
    if (const result<void> read = read_arguments(shape_of<Args>(), text, &args); !read) return read.error();
    return args;
  }
};

struct answer_writer {
  std::string operator()(unit) const { return "done"; }
  std::string operator()(const std::string& text) const { return text; }
  template <class R>
  std::string operator()(const R& value) const {
    return write_json(value);
  }
};

template <class F>
auto tool_stage(const std::string& name, const F& f) {
  if constexpr (catena::detail::stage_expression<F>) return f;
  else return stage(name, f);
}

}  // namespace detail

/// A tool for an agent: anything that can be a stage from an Args, a described struct, to a std::string, which the model is given as it is, or to
/// something that write_json() can write. What may be said of a stage may be said of a tool:
///
///     llm::tool<place>("weather", "The weather of now at a place", stage("weather", look_up).timeout(2s).retry())
///
/// The model is told of Args and its field_notes by a schema, and what it gives is checked against it before the stage sees it.
/// \param name  letters, digits, - and _, 64 at most
template <class Args, class F>
[[nodiscard]] agent_tool tool(std::string name, std::string description, F f) {
  static_assert(detail::described_struct<Args>, "catena: the arguments of a tool are the fields of a struct: describe it with BOOST_DESCRIBE_STRUCT");
  auto bind = [name, f = std::move(f)](const runtime& rt) {
    return make_chain<std::string>(rt, name, [&](auto in) {
      return in >> stage("arguments", detail::arguments_reader<Args>()) >> detail::tool_stage(name, f) >> stage("answer", detail::answer_writer());
    });
  };
  return agent_tool(tool_spec{std::move(name), std::move(description), schema_of<Args>()}, std::move(bind));
}

}  // namespace catena::llm
