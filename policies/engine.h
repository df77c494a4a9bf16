// The stage/gate engine: one door, step(). The policy proposes, the engine disposes.
// Used by production controllers and by the simulator through this same header; never allocates in
// step(), never throws, never asks the time.
#pragma once

#include <array>
#include <cstddef>
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
  /// What evidence of each probe must look like, as a mask per question, so that a step reads one line
  /// of memory and none of the probes.
  struct Asked {
    std::array<ProbeMask, 3> of_form{};  ///< by Form
    ProbeMask events = 0;                ///< sums count events, at most one a request
    ProbeMask covariates = 0;
    ProbeMask pairs = 0;
  };
  [[nodiscard]] static Fault fault_of(const Observation& observation, const Asked& asked,
                                      const RolloutState& state) noexcept;
  [[nodiscard]] bool fits(const RolloutState& state) const noexcept;

  std::shared_ptr<const Policy> policy_;
  std::uint64_t plan_digest_;
  std::size_t stages_, probes_, slots_;  ///< as many as the policy has
  Asked asked_;
};

}  // namespace gatewright
