// The rules of telemetry, and of what people do during a rollout.
#include "policies/metric.h"
#include "sim/findings.h"

namespace gatewright::sim {
namespace {

void check(const TelemetryFault& fault, const std::string& path, Findings& findings) {
  if (!fault.metric.empty() && find_metric(fault.metric) == nullptr)
    findings.error(path + ".metric", "there is no metric '" + fault.metric + "'");
  findings.number(path + ".share", fault.share, kShare);
  findings.not_negative(path + ".from", fault.from);
  if (fault.lasts) findings.positive(path + ".lasts", *fault.lasts, "30m");
  findings.number(path + ".factor", fault.factor, kPositive);
}

}  // namespace

void check(const Telemetry& telemetry, Duration horizon, Findings& findings) {
  findings.positive("telemetry.window", telemetry.window, "1m");
  if (telemetry.window > Duration::zero() && telemetry.window < std::chrono::seconds(1))
    findings.error("telemetry.window", "expected at least 1s");
  if (horizon > Duration::zero() && telemetry.window > horizon)
    findings.error("telemetry.window", "expected a window no longer than the horizon");
  findings.delay("telemetry.delay", telemetry.delay);
  findings.number("telemetry.lost", telemetry.lost, kShare);
  findings.number("telemetry.duplicated", telemetry.duplicated, kShare);
  findings.number("telemetry.reordered", telemetry.reordered, kShare);
  findings.number("telemetry.mirrored_sampled", telemetry.mirrored_sampled, kShare);
  for (std::size_t i = 0; i < telemetry.faults.size(); ++i)
    check(telemetry.faults[i], "telemetry.faults." + std::to_string(i), findings);
}

void check_operators(const Scenario& scenario, Findings& findings) {
  for (std::size_t i = 0; i < scenario.operators.size(); ++i)
    findings.not_negative("operators." + std::to_string(i) + ".at", scenario.operators[i].at);
  if (scenario.approves_after) findings.not_negative("approves_after", *scenario.approves_after);
}

void check(const Interleaving& interleaving, Findings& findings) {
  findings.number("interleaving.clicked", interleaving.clicked, kShare);
  findings.number("interleaving.scale", interleaving.scale, kPositive);
}

}  // namespace gatewright::sim
