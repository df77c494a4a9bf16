// The rules of run-to-run noise.
#include <optional>
#include <string>

#include "sim/arms/world_metric.h"
#include "sim/findings.h"

namespace gatewright::sim {

void check(const Noise& noise, Findings& findings) {
  for (const auto& [name, sd] : noise.deployment) {
    const std::string path = "noise.deployment." + name;
    const std::optional<WorldMetric> metric = world_metric(name);
    if (!metric || !can_differ(*metric))
      findings.error(path, "no deployment noise can act on '" + name + "'");
    findings.number(path, sd, kNotNegative);
  }
  for (const auto& [name, window] : noise.window) {
    const std::string path = "noise.window." + name;
    const std::optional<WorldMetric> metric = world_metric(name);
    if (!metric || !is_positive(*metric) || !can_differ(*metric))
      findings.error(path, "no window noise can act on '" + name +
                               "'; expected one of latency, ttft, tpot, output_tokens, cost");
    findings.number(path + ".cv", window.size, kNotNegative);
    findings.positive(path + ".correlation_time", window.correlation_time, "10m");
  }
}

}  // namespace gatewright::sim
