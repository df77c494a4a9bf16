// The stage/gate engine: one door, step(). The policy proposes, the engine disposes.
// Used by production controllers and by the simulator through this same header; never allocates in
// step(), never throws, never asks the time.
#pragma once

#include <cstdint>
#include <memory>

#include "policies/decision.h"
#include "policies/observation.h"
#include "policies/policy.h"
#include "policies/state.h"

namespace gatewright {

/// Immutable and cheap to copy; any number of rollouts and threads share one.
class Engine {
 public:
  /// `policy` obeys the bounds that policy.h states (checked by assertion).
  explicit Engine(std::shared_ptr<const Policy> policy, std::uint64_t plan_digest = 0);

  [[nodiscard]] const Policy& policy() const noexcept { return *policy_; }
  [[nodiscard]] std::shared_ptr<const Policy> shared_policy() const noexcept { return policy_; }
  [[nodiscard]] std::uint64_t plan_digest() const noexcept { return plan_digest_; }

  /// The state before the first observation: first stage targeted, nothing applied. Allocates.
  [[nodiscard]] RolloutState initial_state(Instant started_at) const;

  /// Admits, observes, judges, proposes, disposes. `state` must come from this plan's
  /// initial_state() or from decode(); after the end it is never changed again.
  [[nodiscard]] Decision step(RolloutState& state, const Observation& observation) const noexcept;

 private:
  std::shared_ptr<const Policy> policy_;
  std::uint64_t plan_digest_;
  ProbeMask event_probes_ = 0;  ///< probes whose sums count events, at most one a request
};

}  // namespace gatewright
