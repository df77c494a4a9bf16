#include "sim/noise/deployment_noise.h"

#include <cmath>
#include <optional>
#include <span>

#include "sim/streams.h"

namespace gatewright::sim {

DeploymentNoise::DeploymentNoise(const Noise& noise, const Arm& arm, RunKey key) {
  for (const auto& [name, sd] : noise.deployment) {
    const std::optional<WorldMetric> metric = world_metric(name);
    if (!metric || sd == 0.0) continue;
    for (std::size_t a = 0; a < 2; ++a) {
      Stream stream({key.seed, key.replication, "noise.deployment", index_of(*metric) * 2 + a});
      double z = 0.0;
      stream.fill_normal(std::span(&z, 1));
      disturbances_[a][index_of(*metric)] =
          is_positive(*metric) ? Disturbance{.factor = std::exp(sd * z)}
                               : Disturbance{.logit = logit_sd(sd, own_rate(arm, *metric)) * z};
    }
  }
}

}  // namespace gatewright::sim
