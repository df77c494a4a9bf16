#include "policies/staged/ramp.h"

#include "policies/probe_mark.h"

namespace gatewright {
namespace {

/// The first thing that blocks leaving the stage, in the order in which a person would look for it;
/// none if the way is free.
[[nodiscard]] Cause blocker(const StageRule& rule, const RolloutView& view,
                            const GateFindings& findings) noexcept {
  if (view.paused) {
    GATEWRIGHT_PROBE("ramp: held by a pause");
    return Cause::paused;
  }
  if (!view.exposure_confirmed) return Cause::awaiting_exposure;
  if (findings.faulty) {
    GATEWRIGHT_PROBE("ramp: held by a faulty gate");
    return Cause::gate_faulty;
  }
  if (findings.silent) return Cause::gate_silent;
  if (view.at < dwell_ends_at(rule, view)) return Cause::dwelling;
  if (findings.unheard || findings.requests < static_cast<double>(rule.min_samples)) {
    GATEWRIGHT_PROBE("ramp: held for samples after the dwell");
    return Cause::awaiting_samples;
  }
  if (rule.advance_when == AdvanceWhen::safety_shown && findings.unproven) {
    GATEWRIGHT_PROBE("ramp: held until safety is shown");
    return Cause::awaiting_evidence;
  }
  if (rule.advance_when == AdvanceWhen::winner && !findings.won) return Cause::awaiting_evidence;
  if (rule.approval && !view.approved) {
    GATEWRIGHT_PROBE("ramp: held for an approval");
    return Cause::awaiting_approval;
  }
  if (rule.approval) GATEWRIGHT_PROBE("ramp: left with an approval");
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
  if (findings.failed) {
    if (view.paused) GATEWRIGHT_PROBE("ramp: a gate failed during a pause");
    if (!view.exposure_confirmed) GATEWRIGHT_PROBE("ramp: a gate failed before the exposure held");
    return {Action::halt, Cause::gate_failed};
  }
  const Cause blocked = blocker(rule, view, findings);
  if (blocked == Cause::none)
    return {rule.is_last ? Action::complete : Action::advance, Cause::gates_passed};
  if (view.at >= times_out_at) {
    GATEWRIGHT_PROBE("ramp: a stage timed out");
    return {Action::halt, Cause::stage_timeout};
  }
  return {Action::hold, blocked};
}

}  // namespace gatewright
