#include "sim/noise/disturbance.h"

#include <cmath>

namespace gatewright::sim {

double own_rate(const Arm& arm, WorldMetric metric) noexcept {
  switch (metric) {
    case WorldMetric::quality:
      return arm.quality.mean;
    case WorldMetric::error:
      return arm.error_probability;
    case WorldMetric::refusal:
      return arm.refusal_probability;
    case WorldMetric::thumbs_down:
      return arm.thumbs.down * arm.thumbs.rate_given;
    case WorldMetric::thumbs_up:
      return arm.thumbs.up * arm.thumbs.rate_given;
    case WorldMetric::length_collapse:
      return arm.collapse.probability;
    case WorldMetric::hang:
      return arm.hang.probability;
    default:
      return 0.0;
  }
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
