// An estimate as a JSON object: the same names in every report.
// Used by the reports and the command line; writes nothing by itself.
#pragma once

#include <nlohmann/json.hpp>

#include "analysis/intervals.h"

namespace gatewright::analysis {

/// null for NaN and infinities, which JSON does not have.
[[nodiscard]] nlohmann::ordered_json json_number(double value);
/// value, lower, upper, runs, method.
[[nodiscard]] nlohmann::ordered_json json_of(const Estimate& estimate);
/// Names come from files, which are UTF-8; a command line need not be.
[[nodiscard]] std::string json_text(const nlohmann::ordered_json& whole);

}  // namespace gatewright::analysis
