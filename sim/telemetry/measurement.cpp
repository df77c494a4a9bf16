#include "sim/telemetry/measurement.h"

#include "policies/assert.h"

namespace gatewright::sim {

Measurement measurement_of(const Probe& probe) {
  const std::optional<WorldMetric> metric = world_metric(probe.metric);
  const MetricInfo* info = find_metric(probe.metric);
  GATEWRIGHT_ASSERT(metric.has_value() && info != nullptr);
  using Kind = Measurement::Kind;
  Kind kind = Kind::sum;
  if (probe.form == Form::distributions) {
    kind = Kind::histogram;
  } else if (probe.statistic.kind == Statistic::Kind::quantile) {
    kind = Kind::values;
  } else if (probe.statistic.kind == Statistic::Kind::mean_log) {
    kind = Kind::log_sum;
  }
  return {*metric, info->scope, kind};
}

void ArmTally::clear() noexcept {
  summary = {};
  bins.clear();
  values.clear();
}

}  // namespace gatewright::sim
