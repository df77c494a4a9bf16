// What a rollout without faults owes: to end, to complete if the candidate is healthy, to halt if it
// is not; each by a time computed from plan and traffic. What cannot be known is not required.
// Used by the swarm; never plays anything.
#pragma once

#include <optional>

#include "policies/plan.h"
#include "policies/policy.h"
#include "sim/run.h"
#include "sim/scenario.h"
#include "sim/swarm/random_world.h"

namespace gatewright::sim {

/// Times since the start.
struct Liveness {
  /// The sum of the stages' timeouts: by then every rollout that nobody pauses has ended.
  Duration ends_by{};
  /// By then a healthy candidate has completed, unless a gate raised a (false) alarm. Nothing is
  /// required where the plan waits for an approval or for safety, where a gate calls its own pace
  /// silence, where a stage's timeout is shorter than this, or where a window of some gate might
  /// hold no request of one arm.
  std::optional<Duration> completes_by{};
  /// Whether a candidate that does great_harm() to the world's harmed gate must be halted. Nothing is
  /// required unless the gate is sure to see, within the dwells of the stages it is measured in, more
  /// evidence than its test can need.
  bool must_halt = false;
};

[[nodiscard]] Liveness liveness_of(const RandomWorld& world, const Policy& policy);

/// What of it a run broke, as violations of "liveness".
[[nodiscard]] std::vector<Violation> check_liveness(const Liveness& owed, Guise guise,
                                                    const RunRecord& record);

/// The least share of the traffic that users with hash ranks below `share` send, but for a probability
/// of 1e-9 over the assignment: by Maurer, JIPAM 4 (2003) 15, a sum of independent nonnegative
/// terms falls t below its mean with probability at most exp(-t^2 / (2 x the sum of their second
/// moments)).
[[nodiscard]] double least_share(double share, const Scenario& scenario,
                                 const Assignment& assignment);

/// The least rate of requests over the whole rollout, per second; 0 where it is not known.
[[nodiscard]] double least_rate(const Traffic& traffic) noexcept;

}  // namespace gatewright::sim
