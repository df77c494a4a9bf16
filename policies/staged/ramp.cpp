#include "policies/staged/ramp.h"

namespace gatewright {
namespace {

/// The first thing that blocks leaving the stage, in the order in which a person would look for it;
/// none if the way is free.
[[nodiscard]] Cause blocker(const StageRule& rule, const RolloutView& view,
                            const GateFindings& findings) noexcept {
  if (view.paused) return Cause::paused;
  if (!view.exposure_confirmed) return Cause::awaiting_exposure;
  if (findings.faulty) return Cause::gate_faulty;
  if (findings.silent) return Cause::gate_silent;
  if (view.at < dwell_ends_at(rule, view)) return Cause::dwelling;
  if (findings.unheard || findings.requests < static_cast<double>(rule.min_samples))
    return Cause::awaiting_samples;
  if (rule.advance_when == AdvanceWhen::safety_shown && findings.unproven)
    return Cause::awaiting_evidence;
  if (rule.approval && !view.approved) return Cause::awaiting_approval;
  return Cause::none;
}

}  // namespace

Instant dwell_ends_at(const StageRule& rule, const RolloutView& view) noexcept {
  return view.dwelling_since == kNever ? kNever : after(view.dwelling_since, rule.dwell);
}

Instant times_out_at(const StageRule& rule, const RolloutView& view, Duration paused_for) noexcept {
  return view.paused ? kNever : after(after(view.stage_entered_at, rule.timeout), paused_for);
}

Step climb(const StageRule& rule, const RolloutView& view, const GateFindings& findings,
           Instant times_out_at) noexcept {
  if (findings.failed) return {Action::halt, Cause::gate_failed};
  const Cause blocked = blocker(rule, view, findings);
  if (blocked == Cause::none)
    return {rule.is_last ? Action::complete : Action::advance, Cause::gates_passed};
  if (view.at >= times_out_at) return {Action::halt, Cause::stage_timeout};
  return {Action::hold, blocked};
}

}  // namespace gatewright
