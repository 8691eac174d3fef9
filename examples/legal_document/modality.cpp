// SPDX-License-Identifier: BSL-1.0
#include "modality.hpp"

#include "utf8.hpp"

#include <algorithm>
#include <array>
#include <string>
#include <vector>

namespace legal {
namespace {

using std::string_view;
using words = std::vector<std::string>;

template <std::size_t N>
bool is_one_of(string_view word, const std::array<string_view, N>& list) {
  return std::find(list.begin(), list.end(), word) != list.end();
}

/// Lower-case words; a comma or semicolon is a word of its own, because conditions end there.
words words_of(string_view text) {
  words out(1);
  for (std::size_t at = 0; at < text.size();) {
    const code_point c = code_point_at(text, at);
    at += c.size;
    if (is_letter(c.value) || is_digit(c.value) || c.value == '\'') {
      append(out.back(), c.value);
      continue;
    }
    if (!out.back().empty()) out.emplace_back();
    if (c.value == ',' || c.value == ';' || c.value == ':') {
      out.back().assign(1, ',');
      out.emplace_back();
    }
  }
  out.pop_back();
  for (std::string& word : out)
    if (word != "May") word = lower(word);  // the month keeps its capital
  return out;
}

class reader {
 public:
  explicit reader(words all) : all_(std::move(all)) {}

  modality read() const {
    const bool negative_subject = is_one_of(at(0), std::array<string_view, 3>{"no", "neither", "none"});
    for (std::size_t i = operative_begin(); i < all_.size(); ++i) {
      if (follow(i, "in", "no", "event")) return modality::none;  // excludes, and forbids nothing
      const modality found = read_at(i);
      if (found == modality::none) continue;
      return negative_subject && found != modality::duty ? modality::prohibition
             : negative_subject && at(i) == "shall"      ? modality::prohibition
                                                         : found;
    }
    return modality::none;
  }

 private:
  string_view at(std::size_t i) const { return i < all_.size() ? string_view(all_[i]) : string_view(); }
  bool follow(std::size_t i, string_view a, string_view b = {}, string_view c = {}) const {
    return at(i) == a && (b.empty() || at(i + 1) == b) && (c.empty() || at(i + 2) == c);
  }

  /// After the condition that the sentence starts with, if any.
  std::size_t operative_begin() const {
    static constexpr std::array<string_view, 9> conditions = {"if",       "when", "where",    "unless", "should",
                                                              "whenever", "once", "although", "because"};
    if (!is_one_of(at(0), conditions)) return 0;
    // The main clause follows the last comma before a subject that is addressed or named; the first comma may stand
    // inside the condition.
    for (std::size_t i = 1; i < all_.size(); ++i)
      if (all_[i] == "," &&
          is_one_of(at(i + 1), std::array<string_view, 14>{"you", "the", "it", "they", "that", "each", "this", "such",
                                                           "then", "we", "any", "no", "all", "either"}))
        return i + 1;
    return 0;
  }

  bool in_relative_clause(std::size_t i) const {
    static constexpr std::array<string_view, 6> relative = {"that", "which", "who", "whom", "whose", "what"};
    if (i >= 1 && (is_one_of(at(i - 1), relative) || at(i - 1) == "as")) return i < 2 || at(i - 2) != "provided";
    if (i >= 2 && is_one_of(at(i - 2), relative)) return i < 3 || at(i - 3) != "provided";
    return false;
  }

  modality read_at(std::size_t i) const {
    const string_view word = at(i);
    if (word == "may") return in_relative_clause(i) ? modality::none : read_may(i + 1);
    if (word == "must")
      return in_relative_clause(i) ? modality::none : (at(i + 1) == "not" ? modality::prohibition : modality::duty);
    if (word == "shall") return in_relative_clause(i) ? modality::none : read_shall(i + 1);
    if (follow(i, "need", "not") || follow(i, "needs", "not")) return modality::right;
    if (word == "not" || word == "no" || word == "never") return read_negated(i + 1);
    return read_phrase(i);
  }

  modality read_may(std::size_t i) const {
    static constexpr std::array<string_view, 27> possible = {
        "differ", "vary",   "arise",  "result",   "occur",  "cause",   "happen", "include", "contain",
        "have",   "give",   "need",   "consider", "apply",  "exist",   "become", "lead",    "affect",
        "fail",   "change", "depend", "also",     "appear", "consist", "seem",   "involve", "remain"};
    const bool negated = at(i) == "not" || at(i) == "neither";
    if (negated) ++i;
    const std::size_t verb =
        i + ((at(i) == "also" || at(i) == "only" || at(i) == "otherwise" || at(i) == "at") ? 1 : 0);
    if (is_one_of(at(verb), possible)) return modality::none;
    if (at(verb) == "be" && !may_be_done(at(verb + 1))) return modality::none;
    return negated ? modality::prohibition : modality::right;
  }

  /// "may be used" permits, "may be different" only says what is possible.
  static bool may_be_done(string_view word) {
    static constexpr std::array<string_view, 14> participles = {"made", "given", "taken", "sold",      "brought",
                                                                "sent", "shown", "kept",  "withdrawn", "done",
                                                                "held", "set",   "put",   "paid"};
    static constexpr std::array<string_view, 4> states = {"required", "interested", "limited", "deemed"};
    return is_one_of(word, participles) || (word.ends_with("ed") && !is_one_of(word, states));
  }

  /// "shall be deemed", "shall survive": declares, and obliges nobody.
  modality read_shall(std::size_t i) const {
    static constexpr std::array<string_view, 17> declares = {
        "mean",     "include", "apply",      "survive", "remain",    "prevail", "continue", "terminate", "expire",
        "commence", "become",  "constitute", "affect",  "prejudice", "exceed",  "begin",    "consist"};
    static constexpr std::array<string_view, 17> passive = {
        "deemed",      "construed",   "governed",   "void",      "null",    "resolved",
        "interpreted", "binding",     "considered", "effective", "invalid", "in",
        "valid",       "enforceable", "unaffected", "treated",   "under"};
    // i is the word after "shall": "nothing herein shall supersede", "in no event shall X be liable"
    for (std::size_t back = 2; back <= 4 && back <= i; ++back)
      if (at(i - back) == "nothing" || at(i - back) == "event") return modality::none;
    const bool negated = at(i) == "not" || at(i) == "neither";
    if (negated) ++i;
    if (is_one_of(at(i), declares) && !(negated && at(i) == "exceed")) return modality::none;
    if (at(i) == "be" && is_one_of(at(i + 1), passive)) return modality::none;
    return negated ? modality::prohibition : modality::duty;
  }

  modality read_negated(std::size_t i) const {
    if (i >= 2 && at(i - 2) == "should") return modality::none;  // a wish
    if (at(i) == "permitted" || at(i) == "allowed") return modality::prohibition;
    if (at(i) == "permit" || at(i) == "allow") return modality::prohibition;
    if (at(i - 1) == "no" && at(i) == "permission") return modality::prohibition;
    if ((at(i) == "required" || at(i) == "obliged" || at(i) == "obligated") && at(i + 1) == "to")
      return modality::right;
    if (at(i) == "require" || at(i) == "responsible" || at(i) == "liable") return modality::right;
    if (at(i) == "entitled") return modality::prohibition;
    return modality::none;
  }

  bool be(std::size_t i) const {
    static constexpr std::array<string_view, 7> forms = {"is", "are", "be", "remain", "remains", "was", "were"};
    return i > 0 && is_one_of(at(i - 1), forms) && at(i) != "not";
  }

  modality read_phrase(std::size_t i) const {
    const string_view word = at(i);
    const bool negated = (i > 0 && at(i - 1) == "not") || at(0) == "nothing" || (at(1) == "," && at(2) == "nothing");
    if (negated || in_relative_clause(i)) return modality::none;
    if (be(i)) {
      if (word == "prohibited" || word == "forbidden") return modality::prohibition;
      if ((word == "required" || word == "obliged" || word == "obligated") && at(i + 1) == "to") return modality::duty;
      if (word == "responsible" && at(i + 1) == "for") return modality::duty;
      if (word == "permitted" || word == "allowed" || (word == "entitled" && at(i + 1) == "to")) return modality::right;
      if (word == "free" && at(i + 1) == "to") return modality::right;
    }
    if (follow(i, "requires", "that") || follow(i, "undertakes", "to") || follow(i, "agrees", "to") ||
        follow(i, "shall", "be", "required"))
      return modality::duty;
    if (follow(i, "prohibits") && i < 4) return modality::prohibition;
    if (follow(i, "have", "permission", "to") || follow(i, "has", "permission", "to") ||
        follow(i, "unlimited", "permission", "to"))
      return modality::right;
    if (follow(i, "the", "right", "to") && i > 0 &&
        (at(i - 1) == "have" || at(i - 1) == "has" || at(i - 1) == "reserves"))
      return modality::right;
    if (follow(i, "have", "the", "option") || follow(i, "authorizes", "you", "to") ||
        follow(i, "permission", "is", "granted"))
      return modality::right;
    if (follow(i, "receives", "a", "license") || follow(i, "receives", "a", "licence")) return modality::right;
    if (follow(i, "grants", "you") || follow(i, "hereby", "grants") || follow(i, "hereby", "grant") ||
        follow(i, "grants", "to"))
      return modality::right;
    return modality::none;
  }

  words all_;
};

struct sign {
  string_view text;
  modality kind;
};

/// Where two start at the same place the longer stands first.
constexpr std::array<sign, 25> chinese_signs = {
    {{"不得", modality::prohibition}, {"禁止", modality::prohibition},   {"严禁", modality::prohibition},
     {"不应", modality::prohibition}, {"不可以", modality::prohibition}, {"不准", modality::prohibition},
     {"无权", modality::prohibition}, {"不允许", modality::prohibition}, {"无需", modality::right},
     {"无须", modality::right},       {"不必", modality::right},         {"无义务", modality::right},
     {"应当", modality::duty},        {"必须", modality::duty},          {"有义务", modality::duty},
     {"有责任", modality::duty},      {"应承担", modality::duty},        {"应按", modality::duty},
     {"应在", modality::duty},        {"应向", modality::duty},          {"应于", modality::duty},
     {"应及时", modality::duty},      {"有权", modality::right},         {"可以", modality::right},
     {"享有", modality::right}}};

modality chinese_modality(string_view text) {
  const bool condition = text.starts_with("如") || text.starts_with("若") || text.starts_with("当");
  std::size_t from = condition ? text.find("，") : 0;
  if (from == string_view::npos) from = 0;
  std::size_t first = string_view::npos;
  modality kind = modality::none;
  for (const sign& s : chinese_signs) {
    const std::size_t at = text.find(s.text, from);
    if (at >= first) continue;
    first = at;
    kind = s.kind;
  }
  return kind;
}

}  // namespace

modality modality_of(string_view sentence) {
  const code_point first = code_point_at(sentence, 0);
  if (is_cjk(first.value) || sentence.find("。") != string_view::npos || sentence.find("；") != string_view::npos)
    if (const modality kind = chinese_modality(sentence); kind != modality::none) return kind;
  return reader(words_of(sentence)).read();
}

}  // namespace legal
