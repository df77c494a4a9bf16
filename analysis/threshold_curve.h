// False alarms and detection of one gate as functions of its threshold, all from one recording.
// Used by `gatewright calibrate` and Python; made from threshold records, never from a running world.
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "analysis/intervals.h"
#include "policies/plan.h"
#include "sim/run.h"
#include "sim/threshold_recorder.h"

namespace gatewright::analysis {

/// Of whom it is asked when a rollout is halted: of the gate as if no other could halt it; or of the
/// plan, in which the other gates stand as they are written and stages time out.
enum class Among : std::uint8_t { alone, plan };

/// When and where a rollout would have been halted with gate `gate` at `threshold`, which is in the
/// unit of sim::ThresholdKind; nothing where it would not have been. Exact: equal to playing the plan
/// again with that threshold, as far as nothing but halting depends on it (see why_not_recordable()).
[[nodiscard]] std::optional<sim::Rise> halt_of(const sim::ThresholdRecord& record,
                                               const PlanSpec& plan, std::size_t gate,
                                               double threshold, Among among);

/// Why a recording would not tell what the plan does; empty where it does. A ramp that waits for
/// safety to be shown climbs at other times where a gate has another threshold.
[[nodiscard]] std::string why_not_recordable(const PlanSpec& plan);

/// The threshold as the plan has it: a margin, or 1.
[[nodiscard]] double planned_threshold(const GateSpec& gate) noexcept;

/// Whether a larger threshold is reached less often, as it is but for margins below which is harm.
[[nodiscard]] bool larger_is_laxer(const GateSpec& gate) noexcept;

/// Records of the healthy world and, where the candidate is harmful, of the one as written.
struct CurveRuns {
  std::span<const sim::ThresholdRecord> healthy;
  std::span<const sim::ThresholdRecord> harmful;  ///< may be empty
};

/// Estimates at one threshold. Without harmful runs those of detection have none behind them.
struct CurvePoint {
  double threshold = 0.0;
  Estimate false_alarm_alone, detection_alone;
  Estimate false_alarm, detection;       ///< of the plan, others as they are
  Estimate detection_delay_minutes_p50;  ///< the same, given a halt
};

struct CurveQuestion {
  std::size_t gate = 0;
  std::vector<double> thresholds;
  double confidence = 0.95;
};

/// One point per threshold, from the tightest to the laxest, whatever their order in the question.
[[nodiscard]] std::vector<CurvePoint> threshold_curve(const CurveRuns& runs, const PlanSpec& plan,
                                                      const CurveQuestion& question);

/// `count` thresholds, evenly spaced over what the runs reached: from the value that nearly every
/// healthy run reaches to the one that nearly no run does; the planned one lies within.
[[nodiscard]] std::vector<double> spread_thresholds(const CurveRuns& runs, const PlanSpec& plan,
                                                    std::size_t gate, std::size_t count);

/// The first point, from the tightest on, from which the false-alarm rate is within `budget` at every
/// laxer one: by its value, or by its upper limit.
enum class Within : std::uint8_t { value, upper_limit };
[[nodiscard]] std::optional<std::size_t> crossing(const std::vector<CurvePoint>& curve,
                                                  double budget, Among among, Within within);

}  // namespace gatewright::analysis
