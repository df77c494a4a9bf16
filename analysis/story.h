// One run told as a story: each decision, its cause, the evidence of each gate.
// Used by `gatewright explain`; made from a run's trace alone.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "sim/run.h"

namespace gatewright::analysis {

struct StoryOptions {
  bool every_look = false;  ///< also holds that changed nothing
  std::string repro;
  bool colour = false;
  bool unicode = true;
};

/// One decision, or a row of holds for one cause, told by the last of them.
struct StoryRow {
  Duration at{};            ///< since the start of the rollout
  std::uint16_t stage = 0;  ///< in which the decision was taken
  Action action = Action::hold;
  Cause cause = Cause::none;
  Fault fault = Fault::none;
  GateMask failing = 0;
  Exposure before, after;    ///< target exposure
  std::uint64_t looks = 1;   ///< decisions that the row stands for
  std::vector<double> harm;  ///< per gate, NaN where none
};

/// The decisions of a run in order. Without `every_look`, holds in a row are one, and refused
/// observations and what came after the end are left out.
[[nodiscard]] std::vector<StoryRow> story_rows(const sim::RunTrace& trace, bool every_look);

/// Text of at most 80 columns where the plan has at most five gates.
[[nodiscard]] std::string story(const sim::Contender& contender, const sim::RunTrace& trace,
                                const sim::RunRecord& record, const StoryOptions& options);

/// How a run ended, in one sentence: "halted at stage 1% by cost, 19 min after first exposure, 41
/// user-impact minutes".
[[nodiscard]] std::string ending(const sim::Contender& contender, const sim::RunRecord& record);

/// What the plan says to do about what stopped the rollout: the advice of the gates that failed, or
/// "insufficient data" where a stage timed out for want of samples or evidence. Empty where the rollout
/// was not stopped, or no gate of the plan has any advice.
[[nodiscard]] std::vector<std::string> advice(const sim::Contender& contender,
                                              const sim::RunRecord& record);

/// The same as one JSON object: "rows", "ending", the record's numbers; where the
/// plan has advice or tests for a winner, "advice" and "findings".
[[nodiscard]] std::string story_json(const sim::Contender& contender, const sim::RunTrace& trace,
                                     const sim::RunRecord& record, const StoryOptions& options);

}  // namespace gatewright::analysis
