// SPDX-License-Identifier: BSL-1.0
#include <catena/llm/prompt_template.hpp>

#include "request_body.hpp"
#include "shape_writer.hpp"

#include <algorithm>
#include <charconv>
#include <limits>
#include <stdexcept>
#include <vector>

namespace catena::llm::detail {
namespace {

std::string text_of_value(const shape& s, const void* value) {
  if (s.kind == shape_kind::text) return *static_cast<const std::string*>(value);
  if (s.kind == shape_kind::number) {
    char digits[32];
    const double d = s.number(value);
    const bool is_float = s.largest <= std::numeric_limits<float>::max();
    const auto end = is_float ? std::to_chars(digits, digits + sizeof digits, static_cast<float>(d)) : std::to_chars(digits, digits + sizeof digits, d);
    return {digits, end.ptr};
  }
  if (s.kind == shape_kind::optional) {
    struct inner {
      const shape& of;
      std::string text;
    } context{s.item(), {}};
    s.each(value, {[](void* c, const std::string*, const void* item) {
                     auto& it = *static_cast<inner*>(c);
                     it.text = text_of_value(it.of, item);
                   },
                   &context});
    return std::move(context.text);
  }
  const auto j = written(s, value);
  return j.is_string() ? j.get<std::string>() : text_of(j);
}

const shape_field* find(const shape& of, std::string_view name) noexcept {
  const auto found = std::ranges::find_if(of.fields, [&](const shape_field& f) { return f.name == name; });
  return found == of.fields.end() ? nullptr : &*found;
}

std::string filled_in(std::string_view text, const shape& of, const void* values) {
  std::string all;
  while (!text.empty()) {
    const prompt_piece p = next_piece(text);
    const shape_field* const f = p.is == prompt_part::parameter ? find(of, p.text) : nullptr;
    if (f) all += text_of_value(f->of(), f->in(const_cast<void*>(values)));
    else all += p.text;
  }
  return all;
}

void add_faults(std::string_view text, const shape& of, const std::string& which, std::string& faults) {
  std::vector<std::string_view> told;
  for (std::string_view left = text; !left.empty();) {
    const std::size_t at = text.size() - left.size();
    const prompt_piece p = next_piece(left);
    if (p.is == prompt_part::stray) faults += "; the " + which + " text has a '" + std::string(p.text) + "' at " + std::to_string(at) + " that is neither a parameter's nor doubled";
    if (p.is != prompt_part::parameter || find(of, p.text) || std::ranges::find(told, p.text) != told.end()) continue;
    told.push_back(p.text);
    faults += "; the " + which + " text has a parameter '" + std::string(p.text) + "', and there is no such field";
  }
}

}  // namespace

messages fill_in(const prompt_text& t, const shape& of, const void* values) {
  messages all;
  if (!t.system.empty()) all.push_back(message::system(filled_in(t.system, of, values)));
  all.push_back(message::user(filled_in(t.user, of, values)));
  return all;
}

void check_prompt(const prompt_text& t, const shape& of) {
  std::string faults;
  add_faults(t.system, of, "system", faults);
  add_faults(t.user, of, "user", faults);
  for (const shape_field& f : of.fields)
    if (!uses(t.system, f.name) && !uses(t.user, f.name)) faults += "; the field '" + std::string(f.name) + "' is not used";
  if (!faults.empty()) throw std::invalid_argument("prompt_template: " + faults.substr(2));
}

}  // namespace catena::llm::detail
