// SPDX-License-Identifier: BSL-1.0
#pragma once
/// \file
/// Text in a picture: what of it can be shown, how wide it is about, and how it is written in XML.
#include <string>
#include <string_view>

namespace catena::graph {

/// Without control characters and those that turn the direction of text; white space is a space, and what is not UTF-8 is U+FFFD.
[[nodiscard]] std::string showable(std::string_view text);

/// About how wide it is for each unit of the font's size, rather too much than too little: the fonts of sans-serif differ.
[[nodiscard]] double width_of(std::string_view showable);

/// The text, or as much of its beginning as fits with an ellipsis behind it.
[[nodiscard]] std::string shortened(const std::string& showable, double width);

/// As the text of an element or of an attribute in double quotes.
[[nodiscard]] std::string escaped_xml(std::string_view showable);

}  // namespace catena::graph
