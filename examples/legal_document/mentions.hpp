// SPDX-License-Identifier: BSL-1.0
#pragma once
/// \file
/// What a sentence mentions: the term it defines, the dates and periods it sets.
#include <string>
#include <string_view>
#include <vector>

namespace legal {

/// The term that the sentence defines, without its quotes; empty if it defines none.
/// `"X" means`, `is called an "X"`, `(the "X")`, `X means`, “X”是指, 所称X是指, 以下简称“X”.
std::string defined_term(std::string_view sentence);

/// Dates ("29 June 2007", 2007年6月29日) and periods ("within 30 days", 三十日内), in order, as the text has them.
std::vector<std::string> dates_in(std::string_view sentence);

}  // namespace legal
