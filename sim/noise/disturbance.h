// What run-to-run noise does to a metric: a factor on positive numbers, a shift of rates on the logit scale.
// Used by World, which adds up the noise of a deployment and of a window; never draws anything.
#pragma once

#include "sim/arms/world_metric.h"
#include "sim/effects/effect_table.h"
#include "sim/scenario.h"

namespace gatewright::sim {

struct Disturbance {
  double factor = 1.0;  ///< of positive metrics
  double logit = 0.0;   ///< added to the log-odds of events, and of quality's mean
};

/// Both at once.
[[nodiscard]] constexpr Disturbance both(Disturbance a, Disturbance b) noexcept {
  return {a.factor * b.factor, a.logit + b.logit};
}

/// The arm's own rate of an event, or its mean quality; 0 for other metrics.
[[nodiscard]] double own_rate(const Arm& arm, WorldMetric metric) noexcept;

/// The standard deviation on the logit scale that moves a rate by `points` (0.01 is a point) to first
/// order: points / (rate (1 - rate)). 0 where the rate is an end of its scale, which nothing moves.
[[nodiscard]] double logit_sd(double points, double rate) noexcept;

/// The disturbance as a map of the metric's value or probability, which is `rate` for events and
/// quality.
[[nodiscard]] Affine map_of(const Disturbance& disturbance, WorldMetric metric,
                            double rate) noexcept;

}  // namespace gatewright::sim
