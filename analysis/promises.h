// What in a world breaks a gate's promise: errors in bursts, levels that drift, deployments that differ.
// Used by review.cpp, for lint.
// Never plays anything: the scenario says how its noise moves, the gate's own bounds what that halts.
#pragma once

#include <span>
#include <string>
#include <vector>

#include "analysis/pilot.h"
#include "analysis/power.h"
#include "sim/scenario.h"

namespace gatewright::analysis {

/// One sentence for each kind of noise that makes the gate halt more of the healthy rollouts than its
/// share of the budget: how many, and what would mend it. `curves` are the gate's, one for each time
/// that its evidence begins, until it ends. Of gates without a promise there is nothing to say.
[[nodiscard]] std::vector<std::string> broken_promises(const GateInWorld& gate,
                                                       std::span<const PowerCurve> curves,
                                                       const sim::Scenario& world);

}  // namespace gatewright::analysis
