// SPDX-License-Identifier: BSL-1.0
#pragma once
/// \file
/// Prompts with named, typed parameters.
#include <catena/llm/message.hpp>
#include <catena/llm/shape.hpp>

#include <array>
#include <cstddef>
#include <memory>
#include <string>
#include <string_view>
#include <utility>

namespace catena::llm {

/// What a prompt says: `{name}` stands for a parameter, `{{` and `}}` for braces.
struct prompt_text {
  std::string_view system = {};  ///< empty: there is no such message
  std::string_view user = {};
};

namespace detail {

enum class prompt_part : std::uint8_t { text, brace, parameter, stray };

/// The next part of a prompt, which is taken off its beginning: a text without braces, a brace, a parameter's name, or a brace that is neither.
struct prompt_piece {
  prompt_part is{};
  std::string_view text{};
};
[[nodiscard]] constexpr prompt_piece next_piece(std::string_view& left) noexcept {
  const auto take = [&left](prompt_part is, std::size_t size, std::size_t from, std::size_t used) {
    const std::string_view text = left.substr(from, used);
    left.remove_prefix(size);
    return prompt_piece{is, text};
  };
  const std::size_t brace = left.find_first_of("{}");
  if (brace != 0) {
    const std::size_t size = brace == left.npos ? left.size() : brace;
    return take(prompt_part::text, size, 0, size);
  }
  if (left.size() > 1 && left[1] == left[0]) return take(prompt_part::brace, 2, 0, 1);
  const std::size_t end = left.find_first_of("{}", 1);
  if (left[0] == '}' || end == left.npos || left[end] != '}') return take(prompt_part::stray, 1, 0, 1);
  return take(prompt_part::parameter, end + 1, 1, end - 1);
}

[[nodiscard]] constexpr bool uses(std::string_view text, std::string_view name) noexcept {
  while (!text.empty())
    if (const prompt_piece p = next_piece(text); p.is == prompt_part::parameter && p.text == name) return true;
  return false;
}

// A literal that is wrong calls one of these while it is compiled, which is an error that shows its name.
void the_prompt_has_a_brace_that_is_neither_a_parameter_nor_doubled();
void the_prompt_has_a_parameter_that_is_no_field_of_the_struct(std::string_view name);
template <auto Field>
void the_prompt_does_not_use_the_field() {}  // has a body, as clang warns of one without for a type in an unnamed namespace

template <class T, class Members = described_members<T>>
struct prompt_check;
template <class T, template <class...> class List, class... D>
struct prompt_check<T, List<D...>> {
  static constexpr void parameters(std::string_view text) {
    while (!text.empty()) {
      const prompt_piece p = next_piece(text);
      if (p.is == prompt_part::stray) the_prompt_has_a_brace_that_is_neither_a_parameter_nor_doubled();
      if (p.is == prompt_part::parameter && !(false || ... || (p.text == D::name))) the_prompt_has_a_parameter_that_is_no_field_of_the_struct(p.text);
    }
  }
  static constexpr void all(const prompt_text& t) {
    parameters(t.system);
    parameters(t.user);
    ((uses(t.system, D::name) || uses(t.user, D::name) ? void() : the_prompt_does_not_use_the_field<D::pointer>()), ...);
  }
};

[[nodiscard]] messages fill_in(const prompt_text& t, const shape& of, const void* values);
/// \errors std::invalid_argument listing all faults
void check_prompt(const prompt_text& t, const shape& of);

}  // namespace detail

/// See prompt_template::parse.
template <class T>
class parsed_prompt;

/// A prompt that is filled in with the fields of a described struct. It is checked while it is compiled: a parameter that T does not have does
/// not compile, and neither does a field of T that is not used. It is a stage in front of a model:
///
///     struct about { std::string product; int stars; };
///     BOOST_DESCRIBE_STRUCT(about, (), (product, stars))
///     constexpr llm::prompt_template<about> ask("Why has {product} only {stars} stars?");
///     in >> stage("prompt", ask) >> stage("ask", chat)
///
/// Texts are filled in as they are (what looks like a parameter in them is none), numbers as std::to_chars writes them, enums by name, what is
/// optional and absent as nothing, everything else as JSON.
/// \threads   an immutable value
/// \lifetime  of its literals
template <class T>
class prompt_template {
  static_assert(detail::described_struct<T>, "catena: a prompt's parameters are the fields of a struct: describe it with BOOST_DESCRIBE_STRUCT");

 public:
  consteval prompt_template(const char* user) : prompt_template(prompt_text{{}, user}) {}  // NOLINT: a literal is one
  consteval explicit prompt_template(prompt_text text) : text_(text) { detail::prompt_check<T>::all(text); }

  [[nodiscard]] messages operator()(const T& values) const { return detail::fill_in(text_, detail::shape_of<T>(), &values); }
  [[nodiscard]] const prompt_text& text() const noexcept { return text_; }

  /// A prompt that is known only at run time.
  /// \errors std::invalid_argument listing all parameters that T does not have, all fields that are not used, and stray braces
  [[nodiscard]] static parsed_prompt<T> parse(std::string user, std::string system = {}) {
    return parsed_prompt<T>(std::move(user), std::move(system));
  }

 private:
  prompt_text text_;
};

/// The same as a prompt_template, of texts that it owns.
/// \threads  an immutable value
template <class T>
class parsed_prompt {
 public:
  /// \errors see prompt_template::parse
  explicit parsed_prompt(std::string user, std::string system = {}) : texts_(std::make_shared<const texts>(texts{std::move(user), std::move(system)})) {
    detail::check_prompt(text(), detail::shape_of<T>());
  }
  parsed_prompt(const prompt_template<T>& literal)  // NOLINT: it is one
      : texts_(std::make_shared<const texts>(texts{std::string(literal.text().user), std::string(literal.text().system)})) {}

  [[nodiscard]] messages operator()(const T& values) const { return detail::fill_in(text(), detail::shape_of<T>(), &values); }
  [[nodiscard]] prompt_text text() const noexcept { return {texts_->system, texts_->user}; }

 private:
  struct texts {
    std::string user, system;
  };
  std::shared_ptr<const texts> texts_;
};

}  // namespace catena::llm
