// A swarm of random worlds, each played with faults (safety alone is required), then without (liveness
// as well, of a healthy and of a harmful candidate); the invariants S1 to S13 over all of it.
// Used by `gatewright swarm` and tests/swarm. World i of a seed is the same in every swarm.
#pragma once

#include <array>
#include <atomic>
#include <cstdint>
#include <functional>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "sim/run.h"
#include "sim/swarm/random_world.h"
#include "sim/swarm/statistical_checks.h"

namespace gatewright::sim {

struct SwarmOptions {
  std::uint64_t seed = 1;
  std::uint64_t first = 0;
  std::uint64_t worlds = 10'000;
  unsigned threads = 0;                                ///< 0: one per hardware thread
  std::function<void(std::uint64_t done)> progress{};  ///< from one thread at a time
  const std::atomic<bool>* stop = nullptr;             ///< finish the worlds under way, then return
};

/// A broken invariant, and where.
struct Finding {
  std::uint64_t world = 0;
  Guise guise = Guise::faulty;
  Violation violation;
};

/// The mean of the e-values of a world's gates with one test, for S11.
struct EValue {
  std::string test;
  double value = 1.0;
  std::uint64_t gates = 1;
};

/// What one world came to.
struct WorldResult {
  std::vector<Finding> findings;
  std::array<Outcome, kGuises> outcomes{};
  std::uint64_t steps = 0;
  std::uint64_t requests = 0;
  bool owed_completion = false;
  bool owed_halt = false;
  bool was_played_twice = false;
  std::vector<EValue> e_values;
  std::optional<double> budget;  ///< of a rollout that counts for S12
  bool raised_false_alarm = false;
};

/// Everything checked on one world. Throws std::logic_error where the generator drew nonsense.
[[nodiscard]] WorldResult play_world(const WorldKey& key);

struct SwarmReport {
  std::uint64_t worlds = 0;  ///< played, from the first one without a gap
  bool interrupted = false;
  std::vector<Finding> findings;  ///< in order of world
  /// Broken by the swarm as a whole: S11, S12.
  std::vector<Violation> violations;
  std::array<std::array<std::uint64_t, 3>, kGuises> outcomes{};  ///< per guise and Outcome
  std::uint64_t steps = 0;
  std::uint64_t requests = 0;
  std::uint64_t completions_owed = 0;
  std::uint64_t halts_owed = 0;
  std::uint64_t played_twice = 0;
  std::map<std::string, EValueCheck> e_values;  ///< per gate test
  FalseAlarmCheck false_alarms;

  [[nodiscard]] bool is_broken() const noexcept { return !findings.empty() || !violations.empty(); }
};

/// Equal for any number of threads.
[[nodiscard]] SwarmReport play_swarm(const SwarmOptions& options);

}  // namespace gatewright::sim
