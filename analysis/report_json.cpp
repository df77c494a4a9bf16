#include <cmath>

#include <fmt/format.h>
#include <nlohmann/json.hpp>

#include "analysis/report.h"

namespace gatewright::analysis {
namespace {

using Json = nlohmann::ordered_json;

/// JSON has no NaN and no infinities.
[[nodiscard]] Json finite(double value) {
  return std::isfinite(value) ? Json(value) : Json(nullptr);
}

[[nodiscard]] Json object_of(const Estimate& estimate) {
  return {{"value", finite(estimate.value)},
          {"lower", finite(estimate.lower)},
          {"upper", finite(estimate.upper)},
          {"runs", estimate.runs},
          {"method", to_string(estimate.method)}};
}

}  // namespace

std::string json(const ReportContext& context,
                 const std::vector<OperatingCharacteristics>& results) {
  Json policies = Json::array();
  for (const OperatingCharacteristics& result : results) {
    Json columns = Json::object();
    for (const Column& column : result.columns) columns[column.name] = object_of(column.estimate);
    policies.push_back({{"policy", result.policy},
                        {"runs", result.runs},
                        {"confidence", result.confidence},
                        {"harmful", result.harmful},
                        {"violations", result.violations},
                        {"fingerprint", fmt::format("{:016x}", result.fingerprint)},
                        {"columns", std::move(columns)}});
  }
  const Json whole = {{"scenario", context.scenario}, {"sentence", context.sentence},
                      {"notes", context.notes},       {"fidelity", context.fidelity},
                      {"seed", context.seed},         {"policies", std::move(policies)},
                      {"repro", context.repro}};
  // Names come from files, which are UTF-8; a command line need not be.
  return whole.dump(2, ' ', false, Json::error_handler_t::replace) + "\n";
}

}  // namespace gatewright::analysis
