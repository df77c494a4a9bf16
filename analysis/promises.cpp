// Noise of a world, held against the bounds of a gate.
// Used by review.cpp.
// Never blames a margin that holds: a warning says how many healthy rollouts are halted.
#include "analysis/promises.h"

#include <chrono>
#include <cmath>
#include <limits>
#include <optional>
#include <string_view>
#include <utility>

#include <fmt/format.h>

#include "analysis/review.h"
#include "policies/metric.h"

namespace gatewright::analysis {
namespace {

using Relation = HarmSpec::Relation;

[[nodiscard]] double seconds(Duration duration) {
  return std::chrono::duration<double>(duration).count();
}

[[nodiscard]] std::string minutes_text(double seconds) {
  if (seconds < 120.0) return fmt::format("{:.3g}s", seconds);
  return seconds < 7200.0 ? fmt::format("{:.3g}m", seconds / 60.0)
                          : fmt::format("{:.3g}h", seconds / 3600.0);
}

/// Noise of one metric also moves those that count its events among others.
[[nodiscard]] bool moves(std::string_view noisy, std::string_view metric) {
  return noisy == metric ||
         (metric == "error_or_refusal" && (noisy == "error" || noisy == "refusal"));
}

class Promise {
 public:
  Promise(const GateInWorld& gate, std::span<const PowerCurve> curves)
      : gate_(gate),
        curves_(curves),
        spec_(gate.plan.gates[gate.index]),
        law_(gate.pilot.feeds[gate.index]->law),
        info_(*find_metric(spec_.metric)) {
    // The floor of a standard deviation has taken half of the error for itself.
    const bool is_halved =
        spec_.noise_floor.kind == NoiseFloor::Kind::sd && spec_.noise_floor.size > 0;
    budget_ = gate.weighed.budget.false_alarm * (is_halved ? 2.0 : 1.0);
  }

  /// Noise of this size: a standard deviation of the logarithm, or of points.
  [[nodiscard]] Drift drift(double size, double lasts_seconds, bool by_arm) const {
    const bool is_log =
        is_apart() || gate_.weighed.probe.statistic.kind == Statistic::Kind::mean_log;
    const double scale = info_.kind == MetricKind::positive && !is_log ? law_.mean : 1.0;
    const double sigma =
        info_.kind == MetricKind::positive ? std::sqrt(std::log1p(size * size)) : size;
    return {.variance = sigma * sigma * scale * scale,
            .windows = lasts_seconds / seconds(gate_.weighed.probe.every),
            .by_arm = by_arm};
  }

  [[nodiscard]] std::optional<std::string> broken_by(const Drift& drift, const std::string& what,
                                                     const std::string& mend) const {
    const double halted = halted_by(drift, 0.0);
    if (halted <= budget_) return std::nullopt;
    return fmt::format(
        "{}; {} takes that for a difference of the models: this gate, whose share is {:.3g}%, "
        "halts "
        "{:.2g}% of healthy rollouts or more; {}",
        what, gate_.weighed.test->name(), 100.0 * budget_, 100.0 * halted,
        mend.empty() ? wider(drift) : mend);
  }

  [[nodiscard]] std::string size_text(double size) const {
    return info_.kind == MetricKind::positive ? fmt::format("{:.3g}%", 100.0 * size)
                                              : fmt::format("{:.3g} points", 100.0 * size);
  }
  [[nodiscard]] const MetricLaw& law() const { return law_; }

 private:
  [[nodiscard]] bool is_apart() const {
    return law_.change == MetricLaw::Change::distance || law_.change == MetricLaw::Change::index;
  }

  [[nodiscard]] double halted_by(const Drift& drift, double further) const {
    double goes_on = 1.0;
    for (const PowerCurve& curve : curves_) goes_on *= 1.0 - curve.halted_by(drift, further);
    return 1.0 - goes_on;
  }

  /// The margin that this drift does not exceed more often than the gate may err.
  [[nodiscard]] std::string wider(const Drift& drift) const {
    const double unit = std::sqrt(drift.variance);
    constexpr double kFarthest = 64.0;  // standard deviations
    double near = 0.0, far = 1.0;
    while (far < kFarthest && halted_by(drift, far * unit) > budget_) far *= 2.0;
    if (far >= kFarthest) return "no margin would do";
    while (far - near > 0.01 * far) {
      const double middle = 0.5 * (near + far);
      (halted_by(drift, middle * unit) > budget_ ? near : far) = middle;
    }
    return margin_text(far * unit);
  }

  [[nodiscard]] std::string margin_text(double further) const {
    HarmSpec harm = spec_.harm;
    const double towards_harm = harm.direction == Direction::up ? further : -further;
    if (is_apart()) {
      const double factor = harm.margin > 0.0 ? factor_apart(law_, harm.margin).value_or(1.0) : 1.0;
      harm.margin = apart_by(law_, factor * std::exp(further));
      return "take a margin of " + change_text(spec_.metric, harm, harm.margin);
    }
    if (harm.relation != Relation::ratio) {
      harm.margin += towards_harm;
      const HarmSpec amount{.relation = Relation::difference};
      std::string bound = change_text(spec_.metric, amount, further);
      bound.erase(0, 1);  // its sign
      return "take a margin of " + change_text(spec_.metric, harm, harm.margin) +
             ", or say noise_floor: {bound: " + bound + "}";
    }
    const bool is_log = gate_.weighed.probe.statistic.kind == Statistic::Kind::mean_log;
    harm.margin = is_log ? harm.margin * std::exp(towards_harm)
                         : harm.margin + towards_harm / (law_.mean + law_.both);
    return "take a margin of " + change_text(spec_.metric, harm, harm.margin) +
           fmt::format(", or say noise_floor: {{bound: {:.2g}%}}",
                       100.0 * std::abs(harm.margin / spec_.harm.margin - 1.0));
  }

  const GateInWorld& gate_;
  std::span<const PowerCurve> curves_;
  const GateSpec& spec_;
  const MetricLaw& law_;
  const MetricInfo& info_;
  double budget_;
};

}  // namespace

std::vector<std::string> broken_promises(const GateInWorld& gate,
                                         std::span<const PowerCurve> curves,
                                         const sim::Scenario& world) {
  std::vector<std::string> found;
  if (gate.weighed.test->guarantee() == Guarantee::none) return found;
  const Promise promise(gate, curves);
  const Probe& probe = gate.weighed.probe;
  const auto add = [&](std::optional<std::string> sentence) {
    if (sentence) found.push_back(*std::move(sentence));
  };
  const auto whose = [](bool by_arm) {
    return by_arm ? "each arm by itself" : "both arms at once";
  };
  constexpr std::string_view kLearnsBursts = "clustered_rate";
  if (const auto bursts = bursts_in(world, probe)) {
    const bool outlasts = bursts->windows > 2.0;
    const std::string stretch = minutes_text(bursts->windows * seconds(probe.window));
    const std::string what =
        fmt::format("errors come in bursts of {}, {}", stretch, whose(bursts->by_arm));
    if (gate.weighed.test->name() != kLearnsBursts) {
      const auto& law = promise.law();
      add(promise.broken_by(drift_of(*bursts, law.mean + law.both), what,
                            "take test: {clustered_rate: {}}" +
                                (outlasts ? ", with windows of " + stretch : std::string())));
    } else if (outlasts) {
      found.push_back(fmt::format(
          "{}, which outlast two windows of {}: clustered_rate learns how much windows differ, and "
          "cannot learn it so; take windows of {}",
          what, minutes_text(seconds(probe.window)), stretch));
    }
  }
  for (const auto& [metric, noise] : world.noise.window) {
    if (!moves(metric, probe.metric) || noise.size == 0.0) continue;
    // The mean over n telemetry windows of a level that keeps rho of itself varies as that of one in
    // continuous time that lasts (1 + rho) / (1 - rho) half windows.
    const double step = seconds(world.telemetry.window);
    const double rho = std::exp(-step / seconds(noise.correlation_time));
    const double lasts = 0.5 * step * (1.0 + rho) / (1.0 - rho);
    add(promise.broken_by(
        promise.drift(noise.size, lasts, noise.separate),
        fmt::format("{} drifts by {} for {} at a time, {}", metric, promise.size_text(noise.size),
                    minutes_text(seconds(noise.correlation_time)), whose(noise.separate)),
        {}));
  }
  for (const auto& [metric, size] : world.noise.deployment) {
    if (!moves(metric, probe.metric) || size == 0.0) continue;
    add(promise.broken_by(promise.drift(size, std::numeric_limits<double>::infinity(), true),
                          fmt::format("{} of one deployment and the next differs by {}", metric,
                                      promise.size_text(size)),
                          {}));
  }
  return found;
}

}  // namespace gatewright::analysis
