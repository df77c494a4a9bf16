// What every gate test's make() needs: reading parameters and refusing what the test cannot weigh.
// Used by the files of policies/gates/ while a plan is compiled; never at run time.
// Never stops at the first problem: each is reported with its path relative to the gate.
#pragma once

#include <string>
#include <string_view>
#include <utility>
#include <variant>

#include "policies/assert.h"
#include "policies/diagnostic.h"
#include "policies/metric.h"
#include "policies/plan.h"

namespace gatewright::gates {

inline void report(Diagnostics& diagnostics, std::string path, std::string message) {
  diagnostics.push_back(
      {.path = std::move(path), .message = std::move(message), .file = {}, .line = 0, .column = 0});
}

/// The parameter as written, or the default where it is not.
template <typename Value>
[[nodiscard]] Value parameter(const TestSpec& test, std::string_view name, Value otherwise) {
  const auto found = test.parameters.find(std::string(name));
  if (found == test.parameters.end()) return otherwise;
  const Value* value = std::get_if<Value>(&found->second);
  return value != nullptr ? *value : otherwise;
}

/// The metric, for tests that weigh means and rates of requests. Refuses quantiles and gauges, and
/// margins that leave a ratio or a rate without meaning.
[[nodiscard]] inline const MetricInfo& metric_of_requests(const GateSpec& gate,
                                                          Diagnostics& diagnostics) {
  const MetricInfo* metric = find_metric(gate.metric);
  GATEWRIGHT_ASSERT(metric != nullptr);
  if (metric->kind == MetricKind::gauge)
    report(diagnostics, "test",
           gate.test.name + " weighs numbers per request, and " + gate.metric +
               " is a reading; use fixed_threshold");
  if (gate.harm.kind == HarmSpec::Kind::quantile)
    report(diagnostics, "harm",
           gate.test.name +
               " weighs means and rates, not quantiles; use fixed_threshold, or state "
               "the harm as a change of the mean");
  if (gate.harm.relation == HarmSpec::Relation::ratio && !(gate.harm.margin > 0.0))
    report(diagnostics, "harm", "expected a ratio above 0");
  if (gate.harm.relation == HarmSpec::Relation::absolute && metric->kind == MetricKind::event &&
      !(gate.harm.margin > 0.0 && gate.harm.margin < 1.0))
    report(diagnostics, "harm",
           gate.test.name + " needs a rate above 0% and below 100% to compare with");
  return *metric;
}

/// +1 where more is harm, -1 where less is.
[[nodiscard]] inline double sign_of_harm(const HarmSpec& harm) noexcept {
  return harm.direction == Direction::up ? 1.0 : -1.0;
}

}  // namespace gatewright::gates
