// SPDX-License-Identifier: BSL-1.0
#pragma once
/// \file
/// C++ values in what a model answers: a type's JSON schema, and the type read out of a text.
#include <catena/llm/answer.hpp>
#include <catena/llm/shape.hpp>
#include <catena/result.hpp>

#include <string>
#include <string_view>
#include <utility>

namespace catena::llm {

namespace detail {
[[nodiscard]] std::string schema_text(const shape& of);
[[nodiscard]] std::string json_text(const shape& of, const void* value);
/// \param to  what is there is replaced; after a failure it is anything
[[nodiscard]] result<void> read_text(const shape& of, std::string_view text, void* to);
[[nodiscard]] result<void> read_answer(const shape& of, const answer& from, void* to);
}  // namespace detail

/// The JSON schema of a T, in the form in which servers hold models to it: an object has all of its fields and no others, and what is
/// optional may be null. Fields are in the order in which they are described, as a model writes them in that order.
///
/// A T is made of bool, whole and floating numbers, std::string, std::optional, std::vector, std::map<std::string, U>, and enums and structs
/// that are described (BOOST_DESCRIBE_ENUM, BOOST_DESCRIBE_STRUCT); it can be made by T().
template <class T>
[[nodiscard]] std::string schema_of() {
  return detail::schema_text(detail::shape_of<T>());
}

/// A value as JSON, its fields in the order in which they are described.
template <class T>
[[nodiscard]] std::string write_json(const T& value) {
  return detail::json_text(detail::shape_of<T>(), &value);
}

/// The T that a text has in it: the whole text, a block between ``` marks, or the first object (or array, if T is one) in it. Fields that T does
/// not have are passed over, and of those that are there twice the last one counts. What is optional may be absent or null.
/// \errors  errc::bad_response: there is none, or it is not of T, with the JSON pointer, what is expected and what kind of value is there. What
///          the text says is not told, and so not what the keys of a std::map are
template <class T>
[[nodiscard]] result<T> read_json(std::string_view text) {
  T value = T();
  if (const result<void> read = detail::read_text(detail::shape_of<T>(), text, &value); !read) return read.error();
  return value;
}

template <class T>
result<T> answer::as() const {
  T value = T();
  if (const result<void> read = detail::read_answer(detail::shape_of<T>(), *this, &value); !read) return read.error();
  return value;
}

}  // namespace catena::llm
