// SPDX-License-Identifier: BSL-1.0
#pragma once
/// \file
/// Having a language model write the summary of the whole.
#include <catena/chain.hpp>

#include "legal_document/endpoint.hpp"
#include "legal_document/page_material.hpp"
#include "legal_document/report.hpp"

namespace legal {

/// A chain that fails where the model does.
/// \errors usage_error: see connect()
catena::chain<page_material, written_page> make_page_writer(const catena::runtime& rt, const endpoint& by);

}  // namespace legal
