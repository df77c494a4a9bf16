#include "sim/telemetry/measurement.h"

#include "policies/assert.h"

namespace gatewright::sim {

Measurement measurement_of(const Probe& probe) {
  using Kind = Measurement::Kind;
  if (probe.metric == kAssignedUnits) return {WorldMetric::units, MetricScope::all, Kind::sum};
  const std::optional<WorldMetric> metric = world_metric(probe.metric);
  const MetricInfo* info = find_metric(probe.metric);
  GATEWRIGHT_ASSERT(metric.has_value() && info != nullptr);
  Kind kind = Kind::sum;
  if (probe.form == Form::distributions) {
    kind = Kind::histogram;
  } else if (probe.statistic.kind == Statistic::Kind::quantile) {
    kind = Kind::values;
  } else if (probe.statistic.kind == Statistic::Kind::mean_log) {
    kind = Kind::log_sum;
  }
  Measurement measurement{.metric = *metric, .scope = info->scope, .kind = kind};
  measurement.pairs = probe.statistic.pairs;
  if (!probe.statistic.covariate.empty()) {
    measurement.covariate = world_metric(probe.statistic.covariate);
    const MetricInfo* beside = find_metric(probe.statistic.covariate);
    GATEWRIGHT_ASSERT(measurement.covariate.has_value() && beside != nullptr);
    // Counted are the requests on which both are defined.
    if (measurement.scope == MetricScope::all) measurement.scope = beside->scope;
  }
  return measurement;
}

void ArmTally::clear() noexcept {
  summary = {};
  covariate = {};
  bins.clear();
  values.clear();
  ranges.clear();
}

void ArmTally::add(const ArmTally& other) {
  summary += other.summary;
  covariate += other.covariate;
  bins.add(other.bins);
  values.insert(values.end(), other.values.begin(), other.values.end());
  ranges.add(other.ranges);
}

}  // namespace gatewright::sim
