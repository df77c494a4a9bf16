// The threshold curve of a gate with what a person needs to read it: units, the budget, a choice.
// Used by `gatewright calibrate`; formats and judges what threshold_curve.h computes.
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "analysis/report.h"
#include "analysis/threshold_curve.h"

namespace gatewright::analysis {

/// A threshold that the curve suggests. What the runs that suggested it say of it is too good, because
/// it was chosen for it; only fresh runs say what it does.
struct Choice {
  CurvePoint as_chosen;
  std::optional<CurvePoint> on_fresh_runs;
};

struct CalibratedGate {
  std::string gate;
  std::string test;
  std::string guarantee;
  sim::ThresholdKind kind = sim::ThresholdKind::evidence;
  std::string unit;  ///< of thresholds: "x" for a ratio, the metric's for a margin, "" for evidence
  double budget = 0.0;  ///< what false alarms of this gate alone may take
  /// Of each start of the evidence, where threshold t means the budget alpha^t.
  std::optional<double> alpha{};
  /// The test is tuned to its budget: threshold t keeps the false-alarm rate that alpha^t would, but a
  /// plan with that budget would weigh its samples a little differently.
  bool is_tuned_by_budget = false;
  std::vector<CurvePoint> curve{};
  CurvePoint planned{};
  std::optional<std::size_t> crossing_alone{};  ///< of `budget`
  std::optional<std::size_t> crossing_plan{};   ///< of the plan's budget
  std::optional<Choice> choice{};
};

struct Calibration {
  double plan_budget = 0.0;
  bool is_harmful = false;
  std::uint64_t runs = 0;
  double confidence = 0.95;
  std::vector<CalibratedGate> gates;
};

struct CalibrationQuestion {
  double plan_budget = 0.05;
  double confidence = 0.95;
  std::vector<std::size_t> gates;
  std::size_t points = 1'000;
  std::vector<double> thresholds;  ///< instead of points that are spread over the evidence
};

/// Curves, crossings and choices; a gate's budget is its share of the plan's, or where it has none an
/// even share among the gates that can halt. The choice is the tightest threshold whose false-alarm
/// rate alone is within the gate's budget by the upper limit of its interval.
[[nodiscard]] Calibration calibrate(const CurveRuns& runs, const PlanSpec& plan,
                                    const CalibrationQuestion& question);

/// Says of each choice what runs do that were not chosen from.
void validate(const CurveRuns& fresh, const PlanSpec& plan, Calibration& calibration);

/// The gates that can halt a rollout.
[[nodiscard]] std::vector<std::size_t> halting_gates(const PlanSpec& plan);

/// Sets is_tuned_by_budget of every gate whose threshold means a budget: one rollout is played under
/// the plan and under a quarter of its budget, and the evidence compared.
void note_tuning(const PlanSpec& plan, const sim::PreparedScenario& world, std::uint64_t seed,
                 Calibration& calibration);

[[nodiscard]] std::string text(const ReportContext& context, const Calibration& calibration);
[[nodiscard]] std::string json(const ReportContext& context, const Calibration& calibration);
/// A header and one row per gate and threshold (RFC 4180).
[[nodiscard]] std::string csv(const Calibration& calibration);

}  // namespace gatewright::analysis
