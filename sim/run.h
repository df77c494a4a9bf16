// Playing a world under policies: one replication, or many over threads, as records.
// Used by analysis and the front doors; results depend on (build, scenario, policies, seed) alone.
#pragma once

#include <atomic>
#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "policies/engine.h"
#include "policies/journal.h"
#include "policies/plan.h"
#include "sim/scenario.h"

namespace gatewright::sim {

/// A policy that takes part: an engine and how it assigns users.
struct Contender {
  std::string name;
  Engine engine;
  Assignment assignment;
  /// The plan behind the engine, where there is one: lets the checkers hold dwell and rollback to it.
  std::shared_ptr<const PlanSpec> plan = nullptr;
};

/// Which of the random worlds.
struct RunKey {
  std::uint64_t seed = 0;
  std::uint64_t replication = 0;
};

enum class Outcome : std::uint8_t { halted, completed, unfinished };
[[nodiscard]] std::string_view to_string(Outcome outcome) noexcept;

/// What the rollout cost its users; definitions in docs/methods/numbers.md.
struct Impact {
  double exposure_minutes = 0.0;  ///< integral of served exposure while a harmful effect is present
  std::uint64_t user_impact_minutes = 0;
  std::uint64_t bad_user_minutes = 0;
  std::uint64_t impacted_requests = 0;  ///< bad answers that the baseline would not have given
  double excess_cost_usd = 0.0;         ///< of served requests: candidate minus baseline
  double shadow_cost_usd = 0.0;         ///< of mirrored requests
};

/// A broken invariant of architecture (S1..S8).
struct Violation {
  std::string invariant;  ///< "S1"
  std::uint64_t step = 0;
  std::string message;
};

struct RunRecord {
  std::uint64_t replication = 0;
  Outcome outcome = Outcome::unfinished;
  Cause cause = Cause::none;                  ///< of the last decision that was not hold
  std::uint16_t stage = 0;                    ///< stage at the end; of a halted run: the halt stage
  GateMask failing = 0;                       ///< gates that failed at the halt
  Duration ended_at{};                        ///< from the start: halt, completion or horizon
  std::optional<Duration> first_exposure_at;  ///< served or mirrored
  /// From the later of first exposure and the first harmful effect's onset to the halt; set for
  /// halted runs with a harmful effect that had begun.
  std::optional<Duration> detection_delay;
  Impact impact;
  std::uint64_t requests = 0;
  std::uint64_t candidate_requests = 0;  ///< served and mirrored
  std::uint64_t steps = 0;
  std::uint64_t faults = 0;  ///< observations the engine refused
  std::uint64_t fingerprint = 0;
  /// Per gate, what its A/B test found; empty where no gate looks for a winner.
  std::vector<Finding> findings;
  /// Why the last stage was held when it was last held: what a rollout that ended by timeout or
  /// horizon was waiting for.
  Cause waited_for = Cause::none;
  std::vector<Violation> violations;
};

/// What one run leaves when asked: its journal and its first state.
struct RunTrace {
  Journal journal;
  RolloutState initial_state;
  /// Per journal entry: harm evidence per gate, NaN where none.
  std::vector<std::vector<double>> harm;
};

/// One record of a running maximum: the evidence of a gate rose above all that it had been before.
struct Rise {
  double evidence = 0.0;
  Duration at{};                              ///< since the start of the rollout
  std::uint16_t stage = 0;                    ///< in which the gate was judged
  std::optional<Duration> detection_delay{};  ///< of a halt at this moment, as in RunRecord
};

/// What one rollout, played with watching gates (compile.h), says about every threshold of every gate.
/// A gate set to threshold t would have halted it at the first rise that reaches t; until then the
/// rollout is the same, because nothing but a halt depends on t.
struct ThresholdRecord {
  std::vector<std::vector<Rise>> gates;  ///< per gate of the plan; evidence and time both rise
  RunRecord end;                         ///< how it ended without any gate
};

/// A scenario made ready to play: traces read, tables built. Immutable; shared by threads.
class PreparedScenario;

struct Prepared {
  std::shared_ptr<const PreparedScenario> scenario;  ///< null exactly if a diagnostic is an error
  Diagnostics diagnostics;
  std::vector<std::string> notes;  ///< "trace: 14,176 rows over 40 min, block-bootstrapped to 12 h"
};
[[nodiscard]] Prepared prepare(const Scenario& scenario);
/// The healthy twin of a prepared scenario; shares its tables.
[[nodiscard]] std::shared_ptr<const PreparedScenario> healthy_twin(
    const std::shared_ptr<const PreparedScenario>& scenario);
[[nodiscard]] const Scenario& scenario_of(const PreparedScenario& prepared) noexcept;

/// What in a contender this world cannot play: metrics it does not produce, windows off the telemetry
/// grid, interleaved stages. Paths such as "probes.3.window"; a probe's index is that of the policy.
[[nodiscard]] Diagnostics check_fit(const Contender& contender, const Scenario& scenario);

/// Plays one replication under every contender in lockstep; one record per contender. With `traces`
/// also keeps journals, one per contender. Every contender passes check_fit without errors.
[[nodiscard]] std::vector<RunRecord> run(std::span<const Contender> field,
                                         const PreparedScenario& scenario, RunKey key,
                                         std::vector<RunTrace>* traces = nullptr);

struct ManyOptions {
  std::uint64_t seed = 0;
  std::uint64_t first_replication = 0;
  std::uint64_t replications = 100;
  unsigned threads = 0;  ///< 0: one per hardware thread
  /// Called from one thread, in rising order; with several threads now and then, and at the end.
  std::function<void(std::uint64_t done)> progress{};
  const std::atomic<bool>* stop = nullptr;  ///< finish the replications under way, then return
  bool thresholds = false;                  ///< keep threshold records; every contender has a plan
};

/// Records of one contender in order of replication: the first `finished` without a gap. Equal bytes
/// for any number of threads.
struct ManyRecords {
  std::vector<std::vector<RunRecord>> by_contender;
  std::vector<std::vector<ThresholdRecord>> thresholds;  ///< where asked for: the same shape
  bool interrupted = false;
};
[[nodiscard]] ManyRecords run_many(std::span<const Contender> field,
                                   const PreparedScenario& scenario, const ManyOptions& options);

}  // namespace gatewright::sim
