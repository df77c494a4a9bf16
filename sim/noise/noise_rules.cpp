// The rules of run-to-run noise.
#include <optional>
#include <string>

#include "sim/arms/world_metric.h"
#include "sim/findings.h"
#include "sim/noise/prompt_noise.h"

namespace gatewright::sim {
namespace {

constexpr Range kSeenToFlip{0.0, kMostSeenToFlip, false, false,
                            "a share from 0% to 81.8%, the most that ten runs can show"};

std::optional<WorldMetric> that_differs(const std::string& name) {
  const std::optional<WorldMetric> metric = world_metric(name);
  return metric && can_differ(*metric) && !is_paired(*metric) ? metric : std::nullopt;
}

}  // namespace

void check(const Noise& noise, Findings& findings) {
  for (const auto& [name, seen] : noise.prompts) {
    const std::string path = "noise.prompts." + name;
    const std::optional<WorldMetric> metric = world_metric(name);
    if (!metric || !can_flip(*metric)) {
      findings.error(path, "no prompt can flip in '" + name +
                               "'; expected one of quality, error, refusal, thumbs_down");
      continue;
    }
    findings.number(path + ".flipping", seen, is_event(*metric) ? kSeenToFlip : kShare);
  }
  for (const auto& [name, sd] : noise.deployment) {
    const std::string path = "noise.deployment." + name;
    if (!that_differs(name)) findings.error(path, "no deployment noise can act on '" + name + "'");
    findings.number(path, sd, kNotNegative);
  }
  for (const auto& [name, window] : noise.window) {
    const std::string path = "noise.window." + name;
    const std::optional<WorldMetric> metric = that_differs(name);
    if (!metric) findings.error(path, "no window noise can act on '" + name + "'");
    findings.number(path + (metric && is_positive(*metric) ? ".cv" : ".sd"), window.size,
                    kNotNegative);
    findings.positive(path + ".correlation_time", window.correlation_time, "10m");
  }
}

}  // namespace gatewright::sim
