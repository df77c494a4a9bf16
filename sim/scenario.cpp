#include "sim/scenario.h"

#include <utility>

#include "policies/metric.h"
#include "sim/findings.h"

namespace gatewright::sim {

std::string_view to_string(Fidelity fidelity) noexcept {
  switch (fidelity) {
    case Fidelity::requests:
      return "requests";
    case Fidelity::windows:
      return "windows";
    case Fidelity::automatic:
      break;
  }
  return "auto";
}

Scenario healthy_twin(Scenario scenario) {
  std::erase_if(scenario.effects,
                [](const Effect& effect) { return effect.arms != EffectArms::both; });
  scenario.candidate_price.reset();
  scenario.candidate_refusal_detector.reset();
  if (scenario.serving) {
    scenario.serving->candidate = scenario.serving->baseline;
    scenario.serving->follows_exposure = false;
    scenario.serving->harmful = false;
  }
  return scenario;
}

DelayLaw delay_law(const Rollback& rollback) noexcept {
  using Kind = DelayLaw::Kind;
  switch (rollback.actuation) {
    case Actuation::policy_flip:
      return {Kind::uniform, 1.0, 5.0};
    case Actuation::blue_green:
      return {Kind::uniform, 0.1, 1.0};
    case Actuation::scripted:
      return {Kind::uniform, 120.0, 180.0};
    case Actuation::redeploy:
      return {Kind::uniform, 300.0, 600.0};
    case Actuation::manual:
      return {Kind::lognormal, 900.0, 0.7};
    case Actuation::custom:
      break;
  }
  return rollback.delay;
}

bool is_harmful(const Effect& effect) noexcept {
  const bool has_size = effect.multiply != 1.0 || effect.shift != 0.0;
  if (!has_size || effect.arms != EffectArms::candidate) return false;
  if (effect.harmful) return *effect.harmful;
  // A knob without a name in telemetry is an accident, of which more is worse.
  const MetricInfo* metric = find_metric(effect.metric);
  const bool rises = effect.multiply > 1.0 || effect.shift > 0.0;
  return rises == (metric == nullptr || metric->harm == Direction::up);
}

std::optional<Duration> harmful_from(const Scenario& scenario) noexcept {
  if (scenario.serving && is_harmful(*scenario.serving)) return Duration::zero();
  std::optional<Duration> first;
  for (const Effect& effect : scenario.effects)
    if (is_harmful(effect) && (!first || effect.from < *first)) first = effect.from;
  return first;
}

namespace {

/// What servers do not play yet says so, instead of being left out in silence.
void check_beside_serving(const Scenario& scenario, Findings& findings) {
  if (scenario.rollback.cold > Duration::zero())
    findings.error("rollback.cold",
                   "with `serving` the servers say how cold they start: expected "
                   "serving.cold_start instead");
  if (scenario.telemetry.mirrored_sampled < 1.0)
    findings.error("telemetry.mirrored_sampled",
                   "with `serving` telemetry sees every mirrored request: expected 100%");
  for (const TelemetryFault& fault : scenario.telemetry.faults)
    if (fault.kind == TelemetryFaultKind::truncated)
      findings.error("telemetry.faults", "with `serving` no report can be `truncated`");
}

}  // namespace

Diagnostics validate(const Scenario& scenario) {
  Findings findings;
  if (scenario.name.empty()) findings.error("name", "expected a name");
  check(scenario.traffic, findings);
  check(scenario.baseline, findings);
  check(scenario.same_prompt, findings);
  if (scenario.candidate_price) check(*scenario.candidate_price, "candidate.price", findings);
  if (scenario.candidate_refusal_detector)
    check(*scenario.candidate_refusal_detector, "candidate.refusal_detector", findings);
  for (const Effect& effect : scenario.effects) check(effect, scenario, findings);
  check(scenario.noise, findings);
  findings.positive("horizon", scenario.horizon, "12h");
  if (scenario.horizon > std::chrono::hours(24 * 366))
    findings.error("horizon", "expected at most 366 days");
  check(scenario.telemetry, scenario.horizon, findings);
  check(scenario.rollback, findings);
  if (scenario.serving) {
    check(*scenario.serving, findings);
    check_beside_serving(scenario, findings);
  }
  check_operators(scenario, findings);
  check(scenario.interleaving, findings);
  findings.number("objectives.latency", scenario.objectives.latency_seconds, kPositive);
  findings.number("objectives.quality_floor", scenario.objectives.quality_floor, kScore);
  return std::move(findings).take();
}

}  // namespace gatewright::sim
