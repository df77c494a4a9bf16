// The rule for climbing a ramp of stages: when to advance, complete or halt, and why it holds.
// Used by the staged policy. Never sees evidence itself, only what the gates make of it.
#pragma once

#include <cstdint>

#include "policies/decision.h"
#include "policies/plan.h"
#include "policies/policy.h"
#include "policies/time.h"

namespace gatewright {

/// What one stage asks before it is left.
struct StageRule {
  Duration dwell{};
  Duration timeout{};
  std::uint64_t min_samples = 0;
  bool approval = false;
  AdvanceWhen advance_when = AdvanceWhen::no_harm_shown;
  bool is_last = false;
};

/// What the gates measured in a stage say together.
struct GateFindings {
  bool failed = false;    ///< a protective gate shows harm
  bool faulty = false;    ///< a gate's last reading was an error
  bool silent = false;    ///< a gate has been without a fresh window for too long
  bool unheard = false;   ///< a gate has had no fresh window in this stage
  bool unproven = false;  ///< a protective gate has not shown safety
  bool won = false;       ///< the stage's A/B test found that the candidate wins
  double requests = 0.0;  ///< of the candidate in this stage
};

struct Step {
  Action action = Action::hold;
  Cause cause = Cause::none;
};

/// When the dwell of the present stage is over; kNever while the exposure is unconfirmed.
[[nodiscard]] Instant dwell_ends_at(const StageRule& rule, const RolloutView& view) noexcept;

/// When the stage gives up. The clock stands still while paused; `paused_for` is how long it stood.
[[nodiscard]] Instant times_out_at(const StageRule& rule, const RolloutView& view,
                                   Duration paused_for) noexcept;

/// Harm halts, always. Otherwise the stage is left once nothing blocks it, and halted at its
/// timeout.
[[nodiscard]] Step climb(const StageRule& rule, const RolloutView& view,
                         const GateFindings& findings, Instant times_out_at) noexcept;

}  // namespace gatewright
