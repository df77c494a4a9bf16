// A/A rollouts, and the floor that they show.
// Used by `gatewright floor`.
// Never looks at a gate's evidence, only at what it was told.
#include "analysis/noise_floor.h"

#include <algorithm>
#include <cmath>

#include <boost/math/distributions/chi_squared.hpp>

#include "policies/compile.h"

namespace gatewright::analysis {
namespace {

struct MeanOfArm {
  double value, variance;
};

[[nodiscard]] MeanOfArm mean_of(const Summary& arm, FloorScale scale) {
  const double n = static_cast<double>(arm.count);
  const double mean = arm.sum / n;
  const double variance = std::max(0.0, arm.sum_of_squares - n * mean * mean) / (n - 1.0) / n;
  if (scale == FloorScale::difference) return {mean, variance};
  return {std::log(mean), variance / (mean * mean)};
}

}  // namespace

FloorEstimate estimate_floor(std::span<const AaRollout> rollouts, FloorScale scale,
                             double confidence) {
  const double count = static_cast<double>(rollouts.size());
  double squares = 0.0, sampling = 0.0;
  for (const AaRollout& rollout : rollouts) {
    const MeanOfArm baseline = mean_of(rollout.baseline, scale);
    const MeanOfArm candidate = mean_of(rollout.candidate, scale);
    const double difference = candidate.value - baseline.value;
    squares += difference * difference;
    sampling += baseline.variance + candidate.variance;
  }
  sampling /= count;
  const auto floor_of = [&](double mean_square) {
    return std::sqrt(std::max(0.0, 0.5 * (mean_square - sampling)));
  };
  const boost::math::chi_squared_distribution<> law(count);
  const double tail = 0.5 * (1.0 - confidence);
  return {.sd = floor_of(squares / count),
          .lower = floor_of(squares / quantile(complement(law, tail))),
          .upper = floor_of(squares / quantile(law, tail)),
          .observed = std::sqrt(squares / count),
          .sampling = std::sqrt(sampling),
          .rollouts = rollouts.size()};
}

std::vector<AaRollout> play_aa(const AaPlay& play, sim::Scenario scenario,
                               Diagnostics& diagnostics) {
  scenario = sim::healthy_twin(std::move(scenario));
  scenario.effects.clear();
  scenario.horizon = play.lasts;
  scenario.approves_after.reset();
  scenario.operators.clear();

  PlanSpec plan;
  plan.name = "a_a";
  plan.every = scenario.telemetry.window;
  StageSpec half{.name = "half", .served = 0.5};
  half.dwell = 2 * play.lasts;
  plan.stages = {std::move(half)};
  GateSpec watch{.name = "watch", .metric = play.metric};
  watch.harm.margin = 2.0;
  watch.test.name = "z_test";
  watch.role = GateRole::advisory;
  plan.gates = {std::move(watch)};

  Compiled compiled = compile(plan);
  sim::Prepared prepared = sim::prepare(scenario);
  for (Diagnostics* found : {&compiled.diagnostics, &prepared.diagnostics})
    for (const Diagnostic& each : *found)
      if (each.severity == Severity::error) diagnostics.push_back(each);
  if (!compiled.engine || !prepared.scenario) return {};
  const sim::Contender contender{
      .name = plan.name, .engine = *std::move(compiled.engine), .assignment = {}};
  for (const Diagnostic& each : sim::check_fit(contender, scenario))
    if (each.severity == Severity::error) diagnostics.push_back(each);
  if (has_errors(diagnostics)) return {};

  std::vector<AaRollout> rollouts;
  for (std::uint64_t replication = 0; replication < play.rollouts; ++replication) {
    std::vector<sim::RunTrace> traces;
    (void)sim::run({&contender, 1}, *prepared.scenario,
                   {.seed = play.seed, .replication = replication}, &traces);
    AaRollout& rollout = rollouts.emplace_back();
    for (const JournalEntry& entry : traces.front().journal.entries())
      if (const auto* samples = std::get_if<Samples>(&entry.observation.event)) {
        rollout.baseline += samples->baseline;
        rollout.candidate += samples->candidate;
      }
  }
  return rollouts;
}

}  // namespace gatewright::analysis
