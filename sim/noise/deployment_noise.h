// Differences between two deployments of one model: one draw per rollout, arm and metric.
// Used by World; no sample size averages it out, and it is no effect: the healthy twin has it too.
#pragma once

#include <array>
#include <cstddef>

#include "sim/arms/world_metric.h"
#include "sim/effects/effect_table.h"
#include "sim/run.h"
#include "sim/scenario.h"

namespace gatewright::sim {

class DeploymentNoise {
 public:
  DeploymentNoise() = default;
  /// Positive metrics: a factor exp(sd z); quality and events: an offset sd z.
  DeploymentNoise(const Noise& noise, RunKey key);
  /// What it does to `metric` at arm 0 (baseline) or 1 (candidate).
  [[nodiscard]] const Affine& at(std::size_t arm, WorldMetric metric) const noexcept {
    return maps_[arm][index_of(metric)];
  }

 private:
  std::array<std::array<Affine, kWorldMetrics>, 2> maps_{};
};

}  // namespace gatewright::sim
