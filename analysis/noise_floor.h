// The noise floor, from A/A rollouts: what deployments of one model differ by, beyond their samples.
// Used by `gatewright floor`; its answer is what a gate's `noise_floor: {sd: ...}` asks for.
// Never mistakes the spread of a small sample for a floor: that part is subtracted.
#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <vector>

#include "policies/observation.h"
#include "policies/time.h"
#include "sim/run.h"

namespace gatewright::analysis {

/// One deployment of the same model to both arms.
struct AaRollout {
  Summary baseline, candidate;
};

enum class FloorScale : std::uint8_t {
  difference,  ///< of means, in the metric's unit
  ratio,       ///< of means, as a standard deviation of their logarithms
};

/// Standard deviations. `lower` may be 0: these rollouts do not show that there is a floor.
struct FloorEstimate {
  double sd = 0.0;  ///< of one arm's draw per deployment
  double lower = 0.0, upper = 0.0;
  double observed = 0.0;  ///< of the difference between the arms, about no difference
  double sampling = 0.0;  ///< the part of it that the finite samples explain
  std::uint64_t rollouts = 0;
};

/// By the method of moments: with D the difference of the arms' means in a rollout and v the
/// variance that its samples give D, E D^2 = 2 sd^2 + v, since both arms draw. sd^2 is the mean of
/// D^2 less the mean of v, halved, and no less than 0. D is taken about 0, not about its mean: what
/// one pool is always better by is part of the floor. The interval is the chi-square interval of
/// the mean of D^2, put through the same formula: exact for normal D and equal v. At least two
/// rollouts, each with two requests per arm; with FloorScale::ratio means above 0.
[[nodiscard]] FloorEstimate estimate_floor(std::span<const AaRollout> rollouts, FloorScale scale,
                                           double confidence);

/// How A/A rollouts of a scenario are played: half of the traffic each way, no effects.
struct AaPlay {
  std::string metric{};
  std::uint64_t rollouts = 40;
  Duration lasts = std::chrono::hours(1);
  std::uint64_t seed = 0;
};
/// The metric is one of requests that users make (not paired, not interleaved, no gauge).
[[nodiscard]] std::vector<AaRollout> play_aa(const AaPlay& play, sim::Scenario scenario,
                                             Diagnostics& diagnostics);

}  // namespace gatewright::analysis
