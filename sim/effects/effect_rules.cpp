// The rules of one effect.
#include <optional>
#include <string>

#include "sim/arms/world_metric.h"
#include "sim/findings.h"

namespace gatewright::sim {

void check(const Effect& effect, const Scenario& /*scenario*/, Findings& findings) {
  const std::string path = "candidate.effects." + effect.metric;
  const std::optional<WorldMetric> metric = world_metric(effect.metric);
  if (!metric || !can_differ(*metric)) {
    std::string names;
    for (std::size_t i = 0; i < kWorldMetrics; ++i) {
      const auto candidate = static_cast<WorldMetric>(i);
      if (can_differ(candidate))
        names += (names.empty() ? "" : ", ") + std::string(to_string(candidate));
    }
    findings.error(path, "no effect can act on '" + effect.metric + "'; expected one of " + names);
    return;
  }
  findings.number(path + ".multiply", effect.multiply, kNotNegative);
  if (is_positive(*metric) && effect.multiply == 0.0)
    findings.error(path + ".multiply",
                   "expected a factor above 0: " + effect.metric + " is a positive number");
  if (!std::isfinite(effect.shift)) findings.error(path + ".shift", "expected a finite number");
  if (effect.from < Duration::zero())
    findings.error(path + ".from", "expected a time of at least 0");
  if (effect.ramp_in < Duration::zero())
    findings.error(path + ".ramp_in", "expected a time of at least 0");
  if ((effect.multiply - 1.0) * effect.shift < 0.0 && !effect.harmful)
    findings.error(path + ".harmful",
                   "expected true or false: multiply and shift pull in opposite directions");
}

}  // namespace gatewright::sim
