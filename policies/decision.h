// All that the engine can answer.
// Used by drivers, routers, journals; level, not edge: applying a decision twice, or late, is harmless.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string_view>

#include "policies/exposure.h"
#include "policies/time.h"

namespace gatewright {

/// Index into Policy::stages().
enum class StageIndex : std::uint16_t {};

/// Most gates and probes of one plan: masks are one machine word.
inline constexpr std::size_t kGatesMax = 64;
inline constexpr std::size_t kStagesMax = 64;

using GateMask = std::uint64_t;   ///< bit i: gate i of the plan
using ProbeMask = std::uint64_t;  ///< bit i: probe i of the policy

enum class Action : std::uint8_t { hold, advance, complete, halt };

/// Why a decision is what it is.
enum class Cause : std::uint8_t {
  none,
  observation_refused,  ///< see Decision::fault; nothing changed
  gates_passed,         ///< advance or complete
  gate_failed,          ///< halt; see Decision::failing
  dwelling,
  awaiting_exposure,  ///< the router has not confirmed the target
  awaiting_samples,   ///< the stage's min_samples are not reached
  awaiting_evidence,  ///< a gate is undecided and the stage wants safety shown
  awaiting_approval,
  gate_silent,
  gate_faulty,
  paused,
  stage_timeout,  ///< halt: the stage did not end within its timeout
  operator_halt,
  policy_halt,    ///< halt proposed by a plug-in policy without a failing gate
  rollout_ended,  ///< the rollout was over before this observation
};

/// What was wrong with an observation, or with a proposal.
enum class Fault : std::uint8_t {
  none,
  sequence_repeated,  ///< not above the last sequence number
  time_reversed,      ///< earlier than the last observation
  unknown_probe,
  wrong_form,           ///< the probe asked for another form of evidence
  window_stale,         ///< not above the probe's last window
  not_finite,           ///< NaN or infinity where a number must be
  impossible_summary,   ///< negative squares, a count of 0 with a sum, more events than requests
  impossible_exposure,  ///< a share above 100%
  malformed,            ///< a histogram out of order, an unknown command
  reading_error,        ///< the metrics store answered with an error (accepted: the gate is faulty)
  impossible_proposal,  ///< the policy asked for a move that its stages do not have (held instead)
};

struct Decision {
  std::uint64_t sequence = 0;
  Instant at{};
  Instant wake_at = kNever;  ///< call again no later than this; kNever once the rollout has ended
  Exposure exposure{};       ///< the target, not a change
  Action action = Action::hold;
  Cause cause = Cause::none;
  Fault fault = Fault::none;
  StageIndex stage{};  ///< the stage the rollout is in after this decision
  ProbeMask measure = 0;
  GateMask failing = 0;
  GateMask undecided = 0;
  GateMask silent = 0;
  friend constexpr bool operator==(const Decision&, const Decision&) = default;
};

[[nodiscard]] std::string_view to_string(Action action) noexcept;
[[nodiscard]] std::string_view to_string(Cause cause) noexcept;
[[nodiscard]] std::string_view to_string(Fault fault) noexcept;

}  // namespace gatewright
