// A rollout's whole memory, as a value the caller owns: copy it, store it, send it, compare digests.
// Used by Engine::step and by encoding.h; knows nothing of the plan that interprets it.
#pragma once

#include <cstdint>
#include <vector>

#include "policies/decision.h"
#include "policies/time.h"

namespace gatewright {

enum class Phase : std::uint8_t { running, completed, halted };

struct RolloutState {
  std::uint64_t plan_digest = 0;  ///< of the plan this state belongs to
  std::uint64_t sequence = 0;     ///< last admitted observation; 0 before the first
  Instant started_at{};
  Instant at{};  ///< time of the last admitted observation
  Instant stage_entered_at{};
  Instant dwelling_since = kNever;
  Phase phase = Phase::running;
  StageIndex stage{};
  Exposure target{};
  Exposure applied{};
  bool paused = false;
  bool approved = false;
  std::vector<std::uint64_t> windows;  ///< per probe: the next window number that is fresh
  std::vector<double> memory;          ///< the policy's slots
  friend bool operator==(const RolloutState&, const RolloutState&) = default;
};

}  // namespace gatewright
