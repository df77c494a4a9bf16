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

#include "analysis/change.h"
#include "analysis/few_events.h"
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

/// Rates are those of some 40,000 requests, so a budget missed by less is none missed.
constexpr double kClearly = 1.1;
constexpr std::string_view kLearnsBursts = "clustered_rate";

[[nodiscard]] std::string stretch_of(const Bursts& bursts, const Probe& probe) {
  return minutes_text(bursts.windows * seconds(probe.window));
}

/// What clustered_rate needs to learn how much windows differ.
[[nodiscard]] bool outlasts_windows(const Bursts& bursts) { return bursts.windows > 2.0; }

[[nodiscard]] std::string mend_of(const Bursts& bursts, const Probe& probe) {
  return "take test: {clustered_rate: {}}" + (outlasts_windows(bursts)
                                                  ? ", with windows of " + stretch_of(bursts, probe)
                                                  : std::string());
}

/// Something that moves the level of an arm, and is no difference of the models.
struct Nuisance {
  std::string what{};
  std::optional<Bursts> bursts{};  ///< else a level that strays by
  double size = 0.0;               ///< coefficient of variation, or points
  double lasts_seconds = 0.0;
  bool by_arm = true;
};

[[nodiscard]] std::vector<Nuisance> nuisances(const sim::Scenario& world, const Probe& probe) {
  const auto whose = [](bool by_arm) {
    return by_arm ? "each arm by itself" : "both arms at once";
  };
  const auto size_text = [&](double size) {
    return find_metric(probe.metric)->kind == MetricKind::positive
               ? fmt::format("{:.3g}%", 100.0 * size)
               : fmt::format("{:.3g} points", 100.0 * size);
  };
  std::vector<Nuisance> found;
  if (const auto bursts = bursts_in(world, probe))
    found.push_back({.what = fmt::format("errors come in bursts of {}, {}",
                                         stretch_of(*bursts, probe), whose(bursts->by_arm)),
                     .bursts = bursts,
                     .by_arm = bursts->by_arm});
  for (const auto& [metric, noise] : world.noise.window) {
    if (!moves(metric, probe.metric) || noise.size == 0.0) continue;
    // The mean over n telemetry windows of a level that keeps rho of itself varies as that of one in
    // continuous time that lasts (1 + rho) / (1 - rho) half windows.
    const double step = seconds(world.telemetry.window);
    const double rho = std::exp(-step / seconds(noise.correlation_time));
    found.push_back(
        {.what = fmt::format("{} drifts by {} for {} at a time, {}", metric, size_text(noise.size),
                             minutes_text(seconds(noise.correlation_time)), whose(noise.separate)),
         .size = noise.size,
         .lasts_seconds = 0.5 * step * (1.0 + rho) / (1.0 - rho),
         .by_arm = noise.separate});
  }
  for (const auto& [metric, size] : world.noise.deployment)
    if (moves(metric, probe.metric) && size != 0.0)
      found.push_back({.what = fmt::format("{} of one deployment and the next differs by {}",
                                           metric, size_text(size)),
                       .size = size,
                       .lasts_seconds = std::numeric_limits<double>::infinity()});
  return found;
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

  [[nodiscard]] std::optional<std::string> broken_by(const Nuisance& nuisance) const {
    const Drift drift = drift_by(nuisance);
    const double halted = halted_by(drift, 0.0);
    if (halted <= budget_) return std::nullopt;
    return fmt::format(
        "{}; {} takes that for a difference of the models: this gate, whose share is {:.3g}%, "
        "halts about {:.2g}% of healthy rollouts; {}",
        nuisance.what, gate_.weighed.test->name(), 100.0 * budget_, 100.0 * halted,
        nuisance.bursts ? mend_of(*nuisance.bursts, gate_.weighed.probe) : wider(drift));
  }

 private:
  /// Noise of numbers that are above 0 is one of their logarithm.
  [[nodiscard]] Drift drift_by(const Nuisance& nuisance) const {
    if (nuisance.bursts) return drift_of(*nuisance.bursts, law_.mean + law_.both);
    const bool is_log =
        is_apart() || gate_.weighed.probe.statistic.kind == Statistic::Kind::mean_log;
    const double scale = info_.kind == MetricKind::positive && !is_log ? law_.mean : 1.0;
    const double sigma = info_.kind == MetricKind::positive
                             ? std::sqrt(std::log1p(nuisance.size * nuisance.size))
                             : nuisance.size;
    return {.variance = sigma * sigma * scale * scale,
            .windows = nuisance.lasts_seconds / seconds(gate_.weighed.probe.every),
            .by_arm = nuisance.by_arm};
  }

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

/// How far away the edge is, as a standard deviation of noise is told: of numbers relative to the
/// baseline's mean, else in points.
[[nodiscard]] double room(const HarmSpec& edge, const Probe& probe,
                          const std::optional<MetricLaw>& law) {
  const bool is_positive = find_metric(probe.metric)->kind == MetricKind::positive;
  if (edge.relation == Relation::ratio)
    return is_positive ? std::abs(std::log(edge.margin))
                       : std::abs(edge.margin - 1.0) * (law ? law->mean : 0.0);
  if (!law)
    return edge.relation == Relation::difference && !is_positive ? std::abs(edge.margin) : 0.0;
  const double apart =
      std::abs(edge.relation == Relation::difference ? edge.margin : edge.margin - law->mean);
  return is_positive ? apart / law->mean : apart;
}

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
  for (const Nuisance& nuisance : nuisances(world, probe)) {
    if (!nuisance.bursts || gate.weighed.test->name() != kLearnsBursts)
      add(promise.broken_by(nuisance));
    else if (outlasts_windows(*nuisance.bursts))
      found.push_back(fmt::format(
          "{}, which outlast two windows of {}: clustered_rate learns how much windows differ, and "
          "cannot learn it so; take windows of {}",
          nuisance.what, minutes_text(seconds(probe.window)), stretch_of(*nuisance.bursts, probe)));
  }
  return found;
}

std::optional<std::string> promise_broken_by_few_events(
    const GateInWorld& gate, std::span<const std::vector<ArmCounts>> spells) {
  const WeighedGate& weighed = gate.weighed;
  const MetricLaw& law = gate.pilot.feeds[gate.index]->law;
  const auto mean = mean_of(weighed.edge, weighed.probe, law, weighed.edge.margin);
  if (!mean || !(*mean > 0.0 && *mean < 1.0)) return std::nullopt;
  double goes_on = 1.0;
  for (const std::vector<ArmCounts>& windows : spells)
    goes_on *= 1.0 - halted_by_few_events({.test = weighed.test.get(),
                                           .budget = weighed.budget,
                                           .harm = gate.plan.gates[gate.index].harm.direction,
                                           .law = law,
                                           .windows = windows},
                                          *mean)
                         .value_or(0.0);
  if (1.0 - goes_on <= kClearly * weighed.budget.false_alarm) return std::nullopt;
  return fmt::format(
      "events are few, and {} takes their counts for normal: this gate, whose share is {:.3g}%, "
      "halts {:.2g}% of rollouts at the edge of harm; two_sample_rate and beta_binomial_mixture "
      "keep their promise at any count",
      weighed.test->name(), 100.0 * weighed.budget.false_alarm, 100.0 * (1.0 - goes_on));
}

std::vector<std::string> doubtful_promises(const WeighedGate& weighed,
                                           const std::optional<MetricLaw>& law,
                                           const sim::Scenario& world) {
  std::vector<std::string> found;
  if (weighed.test->guarantee() == Guarantee::none) return found;
  for (const Nuisance& nuisance : nuisances(world, weighed.probe)) {
    const bool falls_out = !nuisance.by_arm && weighed.test->compares_arms();
    const bool is_within =
        !nuisance.bursts && 2.0 * nuisance.size <= room(weighed.edge, weighed.probe, law);
    if (falls_out || is_within) continue;
    found.push_back(fmt::format(
        "{}; {} takes that for a difference of the models, and halts more healthy rollouts than it "
        "promises: play the healthy candidate to see how many; {}",
        nuisance.what, weighed.test->name(),
        nuisance.bursts
            ? mend_of(*nuisance.bursts, weighed.probe)
            : fmt::format("take a margin beyond {:.2g}{}", 200.0 * nuisance.size,
                          find_metric(weighed.probe.metric)->kind == MetricKind::positive
                              ? "%"
                              : " points")));
  }
  return found;
}

}  // namespace gatewright::analysis
