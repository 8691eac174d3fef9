// SPDX-License-Identifier: BSL-1.0
#pragma once
/// \file
/// What a language model is given to write the summary of the whole from.
#include "merge.hpp"

#include <string>

namespace legal {

struct page_material {
  std::string title;
  std::string sentences;  ///< one a line, each with its place
};

/// The sentences that stand for the sections, and those of the page; shortened, and of a long text not those of every section, so that a
/// model has room for them.
page_material gather_material(const contents& from, const outline& merged);

}  // namespace legal
