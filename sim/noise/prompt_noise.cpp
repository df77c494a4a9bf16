#include "sim/noise/prompt_noise.h"

#include <boost/math/special_functions/erf.hpp>
#include <cmath>
#include <numbers>

namespace gatewright::sim {
namespace {

using Precision = boost::math::policies::policy<boost::math::policies::promote_double<false>>;

double normal_quantile(double p) noexcept {
  return -std::numbers::sqrt2 * boost::math::erfc_inv(2.0 * p, Precision());
}

}  // namespace

PromptNoise::PromptNoise(const Noise& noise) {
  for (const auto& [name, seen] : noise.prompts) {
    const std::optional<WorldMetric> metric = world_metric(name);
    if (!metric) continue;
    // Two scores of one prompt are never equal: all that vary are seen to.
    flipping_[index_of(*metric)] = is_event(*metric) ? seen / kMostSeenToFlip : seen;
  }
}

double second_run(double first_uniform, double own_uniform) noexcept {
  const double z = 0.5 * normal_quantile(first_uniform) +
                   0.5 * std::numbers::sqrt3 * normal_quantile(own_uniform);
  return 0.5 * std::erfc(-z / std::numbers::sqrt2);
}

}  // namespace gatewright::sim
