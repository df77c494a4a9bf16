#include <cmath>

#include <fmt/format.h>
#include <nlohmann/json.hpp>

#include "analysis/estimate_json.h"
#include "analysis/report.h"

namespace gatewright::analysis {
namespace {

using Json = nlohmann::ordered_json;

}  // namespace

nlohmann::ordered_json json_number(double value) {
  return std::isfinite(value) ? Json(value) : Json(nullptr);
}

nlohmann::ordered_json json_of(const Estimate& estimate) {
  return {{"value", json_number(estimate.value)},
          {"lower", json_number(estimate.lower)},
          {"upper", json_number(estimate.upper)},
          {"runs", estimate.runs},
          {"method", to_string(estimate.method)}};
}

std::string json_text(const nlohmann::ordered_json& whole) {
  return whole.dump(2, ' ', false, Json::error_handler_t::replace) + "\n";
}

std::string json(const ReportContext& context,
                 const std::vector<OperatingCharacteristics>& results) {
  Json policies = Json::array();
  for (const OperatingCharacteristics& result : results) {
    Json columns = Json::object();
    for (const Column& column : result.columns) columns[column.name] = json_of(column.estimate);
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
  return json_text(whole);
}

}  // namespace gatewright::analysis
