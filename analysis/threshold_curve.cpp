#include "analysis/threshold_curve.h"

#include <algorithm>
#include <chrono>
#include <cmath>
#include <limits>
#include <utility>

namespace gatewright::analysis {
namespace {

using sim::Rise;
using sim::ThresholdKind;
using sim::ThresholdRecord;

constexpr double kInfinity = std::numeric_limits<double>::infinity();

/// A gate's thresholds in the order in which evidence reaches them.
class Scale {
 public:
  explicit Scale(const GateSpec& gate)
      : is_margin_(sim::threshold_kind(gate) == ThresholdKind::margin),
        sign_(larger_is_laxer(gate) ? 1.0 : -1.0) {}

  [[nodiscard]] double level(double threshold) const noexcept { return sign_ * threshold; }
  [[nodiscard]] double threshold(double level) const noexcept { return sign_ * level; }
  /// A look at its margin is no harm; evidence that is all that was needed is.
  [[nodiscard]] bool reaches(double evidence, double level) const noexcept {
    return is_margin_ ? evidence > level : evidence >= level;
  }
  [[nodiscard]] const Rise* first(const std::vector<Rise>& rises, double level) const noexcept {
    const auto found = std::ranges::partition_point(
        rises, [&](const Rise& rise) { return !reaches(rise.evidence, level); });
    return found == rises.end() ? nullptr : &*found;
  }

 private:
  bool is_margin_;
  double sign_;
};

void keep_earlier(std::optional<Rise>& kept, const Rise& other) {
  if (!kept || other.at < kept->at) kept = other;
}

/// The halt of everything in the plan but one gate.
[[nodiscard]] std::optional<Rise> halt_without(const ThresholdRecord& record, const PlanSpec& plan,
                                               std::size_t gate) {
  std::optional<Rise> first;
  if (record.end.outcome == sim::Outcome::halted)
    first = Rise{.at = record.end.ended_at,
                 .stage = record.end.stage,
                 .detection_delay = record.end.detection_delay};
  for (std::size_t other = 0; other < plan.gates.size(); ++other) {
    const GateSpec& spec = plan.gates[other];
    if (other == gate || spec.role == GateRole::advisory) continue;
    const Scale scale(spec);
    if (const Rise* halt =
            scale.first(record.gates.at(other), scale.level(planned_threshold(spec))))
      keep_earlier(first, *halt);
  }
  return first;
}

/// How many runs are halted at each level, from the tightest to the laxest.
struct Counts {
  std::vector<std::uint64_t> alone, in_plan;
};

[[nodiscard]] double highest(const std::vector<Rise>& rises) noexcept {
  return rises.empty() ? -kInfinity : rises.back().evidence;
}

/// A run is halted at the levels below its highest evidence: its count begins at the tightest level
/// and ends before the first that it does not reach.
[[nodiscard]] std::size_t reached(const Scale& scale, const std::vector<double>& levels,
                                  double evidence) {
  return static_cast<std::size_t>(
      std::ranges::partition_point(levels,
                                   [&](double level) { return scale.reaches(evidence, level); }) -
      levels.begin());
}

/// Shares of one number of runs; most counts come again at the next threshold.
class Shares {
 public:
  Shares(std::uint64_t runs, double confidence) : runs_(runs), confidence_(confidence) {}
  [[nodiscard]] const Estimate& of(std::uint64_t count) {
    if (!kept_ || kept_count_ != count) {
      kept_ = share(count, runs_, confidence_);
      kept_count_ = count;
    }
    return *kept_;
  }

 private:
  std::uint64_t runs_;
  double confidence_;
  std::optional<Estimate> kept_;
  std::uint64_t kept_count_ = 0;
};

[[nodiscard]] double minutes(Duration duration) {
  return std::chrono::duration<double, std::ratio<60>>(duration).count();
}

/// The curve of one gate.
class Curve {
 public:
  Curve(const PlanSpec& plan, std::size_t gate, const std::vector<double>& thresholds)
      : plan_(plan), gate_(gate), scale_(plan.gates.at(gate)) {
    for (const double threshold : thresholds) levels_.push_back(scale_.level(threshold));
    std::ranges::sort(levels_);
  }

  [[nodiscard]] const std::vector<double>& levels() const noexcept { return levels_; }
  [[nodiscard]] double threshold(std::size_t point) const {
    return scale_.threshold(levels_[point]);
  }

  [[nodiscard]] Counts counts(std::span<const ThresholdRecord> runs) const {
    // What ends before a level is taken off the counts from there on.
    std::vector<std::uint64_t> alone(levels_.size() + 1), in_plan(levels_.size() + 1);
    for (const ThresholdRecord& run : runs) {
      const std::size_t end = reached(scale_, levels_, highest(run.gates.at(gate_)));
      ++alone[end];
      ++in_plan[halt_without(run, plan_, gate_) ? levels_.size() : end];
    }
    const auto still_halted = [&](std::vector<std::uint64_t> ending) {
      std::uint64_t halted = runs.size();
      for (std::size_t i = 0; i < levels_.size(); ++i) {
        halted -= ending[i];
        ending[i] = halted;
      }
      ending.pop_back();
      return ending;
    };
    return {.alone = still_halted(std::move(alone)), .in_plan = still_halted(std::move(in_plan))};
  }

  /// Per level: the detection delays in the plan.
  [[nodiscard]] std::vector<std::vector<double>> delays(
      std::span<const ThresholdRecord> runs) const {
    std::vector<std::vector<double>> found(levels_.size());
    for (const ThresholdRecord& run : runs) {
      const std::vector<Rise>& rises = run.gates.at(gate_);
      const std::optional<Rise> others = halt_without(run, plan_, gate_);
      auto rise = rises.begin();
      for (std::size_t i = 0; i < levels_.size(); ++i) {
        while (rise != rises.end() && !scale_.reaches(rise->evidence, levels_[i])) ++rise;
        const Rise* halt = rise != rises.end() ? &*rise : nullptr;
        if (others && (halt == nullptr || others->at < halt->at)) halt = &*others;
        if (halt == nullptr) break;  // nor at any laxer level
        if (halt->detection_delay) found[i].push_back(minutes(*halt->detection_delay));
      }
    }
    return found;
  }

 private:
  const PlanSpec& plan_;
  std::size_t gate_;
  Scale scale_;
  std::vector<double> levels_;  ///< rising
};

[[nodiscard]] std::vector<double> highest_levels(std::span<const ThresholdRecord> runs,
                                                 std::size_t gate) {
  std::vector<double> values;
  for (const ThresholdRecord& run : runs)
    if (const double value = highest(run.gates.at(gate)); std::isfinite(value))
      values.push_back(value);
  std::ranges::sort(values);
  return values;
}

}  // namespace

double planned_threshold(const GateSpec& gate) noexcept {
  return sim::threshold_kind(gate) == ThresholdKind::margin ? gate.harm.margin : 1.0;
}

bool larger_is_laxer(const GateSpec& gate) noexcept {
  return sim::threshold_kind(gate) == ThresholdKind::evidence ||
         gate.harm.direction == Direction::up;
}

std::string why_not_recordable(const PlanSpec& plan) {
  for (const StageSpec& stage : plan.stages)
    if (stage.advance_when.value_or(plan.advance_when) == AdvanceWhen::safety_shown)
      return "stage " + stage.name +
             " is left when safety is shown, which moves with a gate's threshold: one recording "
             "cannot tell what another threshold would have seen; expected a ramp of "
             "no_harm_shown";
  return {};
}

std::optional<sim::Rise> halt_of(const ThresholdRecord& record, const PlanSpec& plan,
                                 std::size_t gate, double threshold, Among among) {
  const Scale scale(plan.gates.at(gate));
  std::optional<Rise> first;
  if (among == Among::plan) first = halt_without(record, plan, gate);
  if (const Rise* halt = scale.first(record.gates.at(gate), scale.level(threshold)))
    keep_earlier(first, *halt);
  return first;
}

std::vector<CurvePoint> threshold_curve(const CurveRuns& runs, const PlanSpec& plan,
                                        const CurveQuestion& question) {
  const Curve curve(plan, question.gate, question.thresholds);
  const Counts healthy = curve.counts(runs.healthy);
  const Counts harmful = curve.counts(runs.harmful);
  const std::vector<std::vector<double>> delays = curve.delays(runs.harmful);
  const auto shares = [&](std::span<const ThresholdRecord> of) {
    return Shares(of.size(), question.confidence);
  };
  Shares false_alarm_alone = shares(runs.healthy), false_alarm = shares(runs.healthy);
  Shares detection_alone = shares(runs.harmful), detection = shares(runs.harmful);
  std::vector<CurvePoint> points;
  for (std::size_t i = 0; i < curve.levels().size(); ++i) {
    // The delays of neighbours are mostly the same runs' at the same moments.
    const bool is_known = i > 0 && delays[i] == delays[i - 1];
    points.push_back(
        {.threshold = curve.threshold(i),
         .false_alarm_alone = false_alarm_alone.of(healthy.alone[i]),
         .detection_alone = detection_alone.of(harmful.alone[i]),
         .false_alarm = false_alarm.of(healthy.in_plan[i]),
         .detection = detection.of(harmful.in_plan[i]),
         .detection_delay_minutes_p50 = is_known ? points.back().detection_delay_minutes_p50
                                                 : quantile(delays[i], 0.5, question.confidence)});
  }
  return points;
}

std::vector<double> spread_thresholds(const CurveRuns& runs, const PlanSpec& plan, std::size_t gate,
                                      std::size_t count) {
  const GateSpec& spec = plan.gates.at(gate);
  const Scale scale(spec);
  const double planned = scale.level(planned_threshold(spec));
  double lowest = planned, top = planned;
  constexpr double kReachedByNearlyAll = 0.02;
  const std::vector<double> healthy = highest_levels(runs.healthy, gate);
  const std::vector<double> harmful = highest_levels(runs.harmful, gate);
  const auto at = [](const std::vector<double>& values, double share) {
    return values[static_cast<std::size_t>(share * static_cast<double>(values.size() - 1))];
  };
  if (!healthy.empty()) {
    lowest = std::min(lowest, at(healthy, kReachedByNearlyAll));
    top = std::max(top, healthy.back());
  }
  if (!harmful.empty()) top = std::max(top, at(harmful, 0.5));
  if (sim::threshold_kind(spec) == ThresholdKind::evidence) lowest = std::max(lowest, 0.02);
  // A little beyond the last alarm, so that the curve is seen to end.
  top += 0.02 * (top - lowest);
  if (!(top > lowest)) top = lowest + std::max(1e-3, std::abs(lowest) * 1e-3);

  std::vector<double> thresholds;
  for (std::size_t i = 0; i < count; ++i) {
    const double part = count > 1 ? static_cast<double>(i) / static_cast<double>(count - 1) : 0.0;
    thresholds.push_back(scale.threshold(lowest + part * (top - lowest)));
  }
  return thresholds;
}

std::optional<std::size_t> crossing(const std::vector<CurvePoint>& curve, double budget,
                                    Among among, Within within) {
  const auto rate = [&](const CurvePoint& point) {
    const Estimate& estimate = among == Among::alone ? point.false_alarm_alone : point.false_alarm;
    return within == Within::value ? estimate.value : estimate.upper;
  };
  const auto found =
      std::ranges::find_if(curve, [&](const CurvePoint& point) { return rate(point) <= budget; });
  if (found == curve.end()) return std::nullopt;
  return static_cast<std::size_t>(found - curve.begin());
}

}  // namespace gatewright::analysis
