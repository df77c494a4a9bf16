// What a policy's gates would be told in a world: requests per window, and how their numbers spread.
// Used by lint, which asks what can be seen before anything is rolled out.
// Never plays the policy: it watches a healthy candidate for a while, at one exposure.
#pragma once

#include <optional>
#include <vector>

#include "analysis/power.h"
#include "policies/compile.h"
#include "policies/plan.h"
#include "sim/run.h"

namespace gatewright::analysis {

/// What a gate is told of one request in a world without a change.
struct GateFeed {
  MetricLaw law{};
  /// Requests that bear the metric, per request that an arm answers (both arms, for paired
  /// metrics).
  double share = 0.0;
};

struct Pilot {
  double requests_per_second = 0.0;
  std::vector<std::optional<GateFeed>> feeds{};  ///< per gate; nothing where it is told no sums
};

/// Watches about 40,000 requests of the scenario's healthy twin, without the noise of deployments, bursts
/// and the changes of traffic; equal for equal scenarios. Nothing where the world cannot play the
/// plan's probes.
[[nodiscard]] std::optional<Pilot> pilot(const PlanSpec& plan, const sim::Scenario& scenario);

/// The bursts in which this probe's events come there, in its windows.
[[nodiscard]] std::optional<Bursts> bursts_in(const sim::Scenario& world, const Probe& probe);

/// A gate of a plan in a world.
struct GateInWorld {
  const PlanSpec& plan;
  const WeighedGate& weighed;
  const Pilot& pilot;
  std::size_t index;  ///< of the gate; it has a feed
  double mirrored_sampled = 1.0;
};

/// What the gate is told from the beginning of its evidence to the end of stage `stage`, if every
/// stage takes its dwell: the windows that lie whole within a stage. The first one is cut by the
/// change of exposure, which counts for gates that compare the arms and keep a promise. Requests of
/// windows in which the other arm answers nobody are left out, as they are by gates that compare.
[[nodiscard]] std::vector<ArmCounts> windows_until(const GateInWorld& gate, std::size_t stage);

}  // namespace gatewright::analysis
