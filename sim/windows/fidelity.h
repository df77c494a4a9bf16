// At which resolution a scenario is played under some policies, and why.
// Used by Field, check_fit and reports; it decides, and plays nothing.
#pragma once

#include <span>
#include <string>

#include "policies/diagnostic.h"
#include "sim/prepared.h"
#include "sim/run.h"
#include "sim/scenario.h"

namespace gatewright::sim {

/// What in the scenario, or in what the contender measures, windows cannot play; empty: they can.
/// Paths such as "traffic.users.sessions" and "probes.3.metric".
[[nodiscard]] Diagnostics beyond_windows(const Contender& contender, const Scenario& scenario);

struct FidelityChoice {
  Fidelity fidelity = Fidelity::requests;  ///< requests or windows
  std::string reason{};                    ///< of a choice that was left to us, else empty
};
/// `automatic` takes windows where every contender can be played so and a telemetry window has enough
/// requests to save anything. A scenario that asks for windows passed check_fit.
[[nodiscard]] FidelityChoice choose_fidelity(std::span<const Contender> field,
                                             const PreparedScenario& scenario);

/// Expected requests in a telemetry window from which `automatic` takes windows: below, requests cost
/// no more.
inline constexpr double kWindowsFrom = 100.0;

}  // namespace gatewright::sim
