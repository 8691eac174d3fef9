// SPDX-License-Identifier: BSL-1.0
#pragma once
/// \file
/// The chain as a picture that says where a run's time went.
#include <catena/graph/description.hpp>

#include <string>

#include "legal_document/report.hpp"

namespace legal {

/// An SVG; a stage has the more colour the longer it took, beside the one that took longest.
std::string to_svg(const catena::graph::description& chain, const report& of);

}  // namespace legal
