#include "sim/noise/disturbance.h"

#include <cmath>

#include "sim/arms/answers.h"

namespace gatewright::sim {

double own_rate(const Arm& arm, WorldMetric metric) noexcept {
  if (metric == WorldMetric::quality) return arm.quality.mean;
  if (metric == WorldMetric::error) return arm.error_probability;  // bursts included
  return event_probability(metric, arm);
}

double logit_sd(double points, double rate) noexcept {
  const double variance = rate * (1.0 - rate);
  return variance > 0.0 ? points / variance : 0.0;
}

Affine map_of(const Disturbance& disturbance, WorldMetric metric, double rate) noexcept {
  if (is_positive(metric)) return {disturbance.factor, 0.0};
  if (disturbance.logit == 0.0) return {};
  const double odds = rate / (1.0 - rate) * std::exp(disturbance.logit);
  return {1.0, odds / (1.0 + odds) - rate};
}

}  // namespace gatewright::sim
