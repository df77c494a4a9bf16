// The rules of telemetry.
#include "sim/findings.h"

namespace gatewright::sim {

void check(const Telemetry& telemetry, Duration horizon, Findings& findings) {
  findings.positive("telemetry.window", telemetry.window, "1m");
  if (telemetry.window > Duration::zero() && telemetry.window < std::chrono::seconds(1))
    findings.error("telemetry.window", "expected at least 1s");
  if (horizon > Duration::zero() && telemetry.window > horizon)
    findings.error("telemetry.window", "expected a window no longer than the horizon");
  findings.delay("telemetry.delay", telemetry.delay);
}

}  // namespace gatewright::sim
