// The invariants S1..S8 of an engine, checked on every step of every simulated rollout.
// Used by Driver, and by tests/negative with machines broken on purpose; changes nothing it looks at.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "policies/decision.h"
#include "policies/engine.h"
#include "policies/observation.h"
#include "policies/plan.h"
#include "policies/state.h"
#include "sim/run.h"

namespace gatewright::sim {

/// What a checker asks of an engine beyond the step that was taken.
struct Machine {
  std::function<Decision(RolloutState& state, const Observation& observation)> step;
  /// Writes `from` down and reads it back into `to`; false where the reader refuses it.
  std::function<bool(const RolloutState& from, RolloutState& to)> restart;
};

/// The machine of an honest engine; borrows it.
[[nodiscard]] Machine machine_of(const Engine& engine);

/// A rollback as the world saw it.
struct RollbackSeen {
  Duration took{};  ///< from the halt until the router obeyed
  Duration at_most{};
  Exposure exposure;  ///< afterwards
};

/// How often S7 writes a rollout down and reads it back, which costs as much as a hundred steps.
enum class Restarts : std::uint8_t {
  often,   ///< whenever the rollout moves, and at one step in 16
  seldom,  ///< the same in one replication of 64, and never in the others
};

/// The states that a checker holds a step against. Checkers whose steps do not interleave share one,
/// so that a field's memory does not grow by two states per contender.
struct CheckerMemory {
  std::array<RolloutState, 2> states;
  std::size_t before = 0;  ///< which is the one before the step; the other one is scratch
  /// Whose state `scratch` is, since a step was checked and until its next one; null: nobody's.
  const RolloutState* scratch_of = nullptr;
};

class Checker {
 public:
  /// `plan`: null where the policy is no plan's; then the dwell and silence of S2 are not checked. The
  /// memory outlives the checker.
  Checker(std::shared_ptr<const Policy> policy, std::shared_ptr<const PlanSpec> plan,
          Machine machine, CheckerMemory& memory);

  /// A new rollout. `replication` chooses the steps at which S7 restarts: different ones in different
  /// replications.
  void start(std::uint64_t replication, Restarts restarts = Restarts::often) noexcept;

  /// Before a step: keeps the state. check() follows before any other checker of its memory is told, and
  /// until its next step nobody changes the state, unless start() comes between.
  void remember(const RolloutState& state);
  /// After it: S1..S4, S6, S8, and S7 where it is due.
  void check(const Observation& observation, const Decision& decision, const RolloutState& after);
  /// S5, once a halted rollout's exposure has been applied.
  void check_rollback(const RollbackSeen& seen);

  /// Whether the rollout must not be stepped on, because it would not end.
  [[nodiscard]] bool is_endless() const noexcept { return ticks_ >= kTicksMost; }

  /// The first few violations.
  [[nodiscard]] const std::vector<Violation>& violations() const noexcept { return violations_; }

 private:
  static constexpr std::uint64_t kTicksMost = 1'000'000;

  [[nodiscard]] RolloutState& before() const noexcept { return memory_.states[memory_.before]; }
  [[nodiscard]] RolloutState& scratch() const noexcept {
    return memory_.states[1 - memory_.before];
  }
  void check_exposure(const Decision& decision, const RolloutState& after);
  void check_advance(const Decision& decision, const RolloutState& after);
  void check_repeat(const Observation& observation, const RolloutState& after);
  [[nodiscard]] bool is_restart_due(const Decision& decision) const noexcept;
  void check_restart(const Observation& observation, const Decision& decision,
                     const RolloutState& after);
  void check_wake(const Observation& observation, const Decision& decision,
                  const RolloutState& after);
  void note_faults(const Observation& observation);
  void note_exposure(const Observation& observation);
  void violated(std::string_view invariant, std::string message);

  std::shared_ptr<const Policy> policy_;
  std::shared_ptr<const PlanSpec> plan_;
  Machine machine_;
  std::uint64_t replication_ = 0;
  Restarts restarts_ = Restarts::often;
  std::uint64_t step_ = 0;
  std::uint64_t ticks_ = 0;
  ProbeMask measured_ = 0;           ///< by the decision before
  ProbeMask faulty_ = 0;             ///< probes whose last reading was an error
  Instant dwelling_since_ = kNever;  ///< by the router's word, not by the state's
  CheckerMemory& memory_;
  std::vector<Violation> violations_;
};

}  // namespace gatewright::sim
