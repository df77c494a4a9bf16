// What in a world breaks a gate's promise: errors in bursts, levels that drift, deployments that differ.
// Used by review.cpp, for lint.
// Never plays anything: the scenario says how its noise moves, the gate's own bounds what that halts.
#pragma once

#include <optional>
#include <span>
#include <string>
#include <vector>

#include "analysis/pilot.h"
#include "analysis/power.h"
#include "policies/compile.h"
#include "sim/scenario.h"

namespace gatewright::analysis {

/// One sentence for each kind of noise that makes the gate halt more of the healthy rollouts than its
/// share of the budget: about how many, and what would mend it. `curves` are the gate's, one for each
/// time that its evidence begins, until it ends. Of gates without a promise there is nothing to say.
[[nodiscard]] std::vector<std::string> broken_promises(const GateInWorld& gate,
                                                       std::span<const PowerCurve> curves,
                                                       const sim::Scenario& world);

/// Where events are too few for a gate that takes their counts for normal: how many rollouts at the
/// edge of harm it halts. `spells` are what it is told, one for each time that its evidence begins.
[[nodiscard]] std::optional<std::string> promise_broken_by_few_events(
    const GateInWorld& gate, std::span<const std::vector<ArmCounts>> spells);

/// Of a gate that has no curve: which noise breaks its promise, not how often. A margin twice
/// as wide as the noise counts as wide enough; `law` where the pilot knows it.
[[nodiscard]] std::vector<std::string> doubtful_promises(const WeighedGate& weighed,
                                                         const std::optional<MetricLaw>& law,
                                                         const sim::Scenario& world);

}  // namespace gatewright::analysis
