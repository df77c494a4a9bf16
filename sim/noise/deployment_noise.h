// Differences between two deployments of one model: one draw per rollout, arm and metric.
// Used by World; no sample size averages it out, and it is no effect: the healthy twin has it too.
#pragma once

#include <array>
#include <cstddef>

#include "sim/arms/world_metric.h"
#include "sim/noise/disturbance.h"
#include "sim/run.h"
#include "sim/scenario.h"

namespace gatewright::sim {

class DeploymentNoise {
 public:
  DeploymentNoise() = default;
  /// Positive metrics: a factor exp(sd z); quality and events: log-odds moved by logit_sd(sd) z at the
  /// baseline's rate.
  DeploymentNoise(const Noise& noise, const Arm& arm, RunKey key);
  /// What it does to `metric` at arm 0 (baseline) or 1 (candidate).
  [[nodiscard]] const Disturbance& at(std::size_t arm, WorldMetric metric) const noexcept {
    return disturbances_[arm][index_of(metric)];
  }

 private:
  std::array<std::array<Disturbance, kWorldMetrics>, 2> disturbances_{};
};

}  // namespace gatewright::sim
