// SPDX-License-Identifier: BSL-1.0
#pragma once
/// \file
/// The main job as a chain: split, summarise every section with the model, merge, and pick out the key points meanwhile.
#include <catena/chain.hpp>
#include <catena/torch/script_model.hpp>

#include <boost/asio/any_io_executor.hpp>

#include "legal_document/options.hpp"
#include "legal_document/progress.hpp"
#include "legal_document/report.hpp"
#include "legal_document/summariser.hpp"
#include "legal_document/text.hpp"

namespace legal {

using summariser = catena::torch::script_model<section_input, summary>;
using report_chain = catena::chain<document, report>;

/// LexRank behind catena's batcher; `shown` is told of every section that is done and must outlive the model.
summariser make_summariser(const catena::runtime& rt, const options& of, progress& shown);

/// The chain from a text to its report. Where a model is named it writes the summary of the whole, and the report does without where it is
/// late or away. The key points are looked for on `aside`, while the model computes.
report_chain make_report_chain(const catena::runtime& rt, const summariser& model, const boost::asio::any_io_executor& aside,
                               const options& of, progress& shown);

}  // namespace legal
