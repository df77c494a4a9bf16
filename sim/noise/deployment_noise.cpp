#include "sim/noise/deployment_noise.h"

#include <cmath>
#include <optional>
#include <span>

#include "sim/streams.h"

namespace gatewright::sim {

DeploymentNoise::DeploymentNoise(const Noise& noise, RunKey key) {
  for (const auto& [name, sd] : noise.deployment) {
    const std::optional<WorldMetric> metric = world_metric(name);
    if (!metric || sd == 0.0) continue;
    for (std::size_t arm = 0; arm < 2; ++arm) {
      Stream stream({key.seed, key.replication, "noise.deployment", index_of(*metric) * 2 + arm});
      double z = 0.0;
      stream.fill_normal(std::span(&z, 1));
      maps_[arm][index_of(*metric)] =
          is_positive(*metric) ? Affine{std::exp(sd * z), 0.0} : Affine{1.0, sd * z};
    }
  }
}

}  // namespace gatewright::sim
