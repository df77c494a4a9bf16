// Which prompts come out differently from run to run, and how two runs of such a prompt hang together.
// Used by World; the spread that it makes shrinks with the number of distinct prompts.
#pragma once

#include <array>
#include <optional>

#include "sim/arms/world_metric.h"
#include "sim/scenario.h"

namespace gatewright::sim {

/// Share of prompts with an outcome of their own at each arm, per metric: the others come out alike at
/// both. An event flips at a prompt with a probability that is uniform over prompts where the event's
/// rate is one half, and skewed towards the rate elsewhere (probit-normal). Of prompts that flip so,
/// only 9/11 are seen to do so within ten runs, which is what published shares count (Atil et al.,
/// arXiv 2408.04667); the share is corrected for that, so that the rate of a run over n prompts has
/// variance 11/54 f / n = 0.2037 f / n around the prompts' own mean.
class PromptNoise {
 public:
  explicit PromptNoise(const Noise& noise);
  /// Nothing where the scenario says nothing: then every outcome is drawn anew at each arm.
  [[nodiscard]] const std::optional<double>& flipping(WorldMetric metric) const noexcept {
    return flipping_[index_of(metric)];
  }

 private:
  std::array<std::optional<double>, kWorldMetrics> flipping_{};
};

/// Most prompts that can be seen to flip within ten runs.
inline constexpr double kMostSeenToFlip = 9.0 / 11.0;

/// Metrics whose prompts can flip. A rating is one draw, so thumbs_down stands for both thumbs.
[[nodiscard]] constexpr bool can_flip(WorldMetric metric) noexcept {
  return metric == WorldMetric::error || metric == WorldMetric::refusal ||
         metric == WorldMetric::thumbs_down || metric == WorldMetric::quality;
}

/// A uniform draw for a second run of a prompt that flips: uniform by itself, and tied to the first
/// run's by a Gaussian copula of correlation 1/2. Given what the two have in common, either is below p
/// with probability Phi(sqrt(2) Phi^-1(p) - z), z standard normal: uniform over prompts for p = 1/2.
[[nodiscard]] double second_run(double first_uniform, double own_uniform) noexcept;

}  // namespace gatewright::sim
