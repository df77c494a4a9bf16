// A short look at a world, so that lint can say what gates would see in it.
// Used by review.cpp.
// Never depends on the plan's stages: one exposure tells what a request shows.
#include "analysis/pilot.h"

#include <algorithm>
#include <array>
#include <chrono>
#include <cmath>
#include <utility>

#include "policies/metric.h"
#include "sim/prepared.h"
#include "sim/scenario.h"

namespace gatewright::analysis {
namespace {

using namespace std::chrono_literals;

constexpr double kRequests = 40'000.0;
constexpr double kShare = 0.5;

[[nodiscard]] double seconds(Duration duration) {
  return std::chrono::duration<double>(duration).count();
}

/// The healthy world at its mean rate, its telemetry at once and whole.
[[nodiscard]] sim::Scenario calm(const sim::Scenario& scenario, std::optional<double> rate) {
  sim::Scenario world = sim::healthy_twin(scenario);
  world.effects.clear();
  world.noise.deployment.clear();
  world.traffic.changes.clear();
  world.operators.clear();
  world.approves_after.reset();
  if (rate) world.traffic.arrivals = sim::PoissonArrivals{.rate_per_second = *rate};
  const double mirrored_sampled = world.telemetry.mirrored_sampled;
  world.telemetry = {.window = world.telemetry.window};
  world.telemetry.mirrored_sampled = mirrored_sampled;
  world.baseline.thumbs.delay = {};
  world.rollback = {};
  world.rollback.actuation = sim::Actuation::custom;
  world.rollback.delay = {};
  return world;
}

/// The plan's gates, watching one stage and halting nothing.
[[nodiscard]] PlanSpec watching(const PlanSpec& plan, const StageSpec& stage) {
  PlanSpec watch = plan;
  watch.stages = {stage};
  watch.sample_ratio.reset();
  watch.combined.clear();
  for (GateSpec& gate : watch.gates) {
    gate.role = GateRole::advisory;
    gate.noise_floor = {};
    gate.initial_delay = {};
    gate.min_samples = 0;
    gate.evidence = EvidenceSpan::rollout;
  }
  return watch;
}

struct Told {
  Summary both;  ///< arms together, which are alike in a healthy world
  std::uint64_t candidate = 0;
  std::uint64_t windows = 0;
};

/// All windows but the first, in which the exposure is applied.
[[nodiscard]] std::vector<Told> told_to(std::size_t gates, const Journal& journal) {
  std::vector<Told> told(gates);
  for (const JournalEntry& entry : journal.entries()) {
    const auto* samples = std::get_if<Samples>(&entry.observation.event);
    if (samples == nullptr || samples->window == 0) continue;
    Told& gate = told[static_cast<std::size_t>(samples->probe)];
    gate.both += samples->baseline;
    gate.both += samples->candidate;
    gate.candidate += samples->candidate.count;
    ++gate.windows;
  }
  return told;
}

[[nodiscard]] MetricLaw law_of(const Probe& probe, const Summary& both) {
  const double n = static_cast<double>(both.count);
  MetricLaw law{.mean = both.sum / n};
  law.sd = std::sqrt(std::max(0.0, both.sum_of_squares / n - law.mean * law.mean));
  const MetricKind kind = find_metric(probe.metric)->kind;
  law.change = kind == MetricKind::event ? MetricLaw::Change::rate
               : kind == MetricKind::positive && probe.statistic.kind != Statistic::Kind::mean_log
                   ? MetricLaw::Change::factor
                   : MetricLaw::Change::shift;
  return law;
}

struct Shares {
  double baseline, candidate;
};

/// Of all requests, those that the arms tell a metric of this scope for.
[[nodiscard]] Shares shares_at(MetricScope scope, const StageSpec& stage, double mirrored_sampled) {
  const double mirrored = stage.mirrored * mirrored_sampled;
  if (scope == MetricScope::paired) return {mirrored, mirrored};
  const double candidate = scope == MetricScope::seen ? stage.served : stage.served + mirrored;
  return {1.0 - stage.served, candidate};
}

}  // namespace

std::optional<Pilot> pilot(const PlanSpec& plan, const sim::Scenario& scenario) {
  const bool recorded = std::holds_alternative<sim::TraceArrivals>(scenario.traffic.arrivals);
  Duration longest = scenario.telemetry.window;
  for (const GateSpec& gate : plan.gates)
    longest = std::max({longest, gate.every, gate.window.value_or(plan.every), plan.every});

  sim::Prepared as_is = sim::prepare(calm(scenario, std::nullopt));
  if (!as_is.scenario) return std::nullopt;
  const double rate = as_is.scenario->tables().arrivals->mean_rate_per_second();
  if (!(rate > 0.0)) return std::nullopt;
  sim::Scenario world = calm(scenario, recorded ? std::nullopt : std::optional(rate));
  const double windows = std::clamp(std::ceil(kRequests / rate / seconds(longest)), 2.0, 1e4);
  world.horizon = (static_cast<Duration::rep>(windows) + 1) * longest;
  const sim::Prepared prepared = sim::prepare(world);
  if (!prepared.scenario) return std::nullopt;

  const std::array<StageSpec, 2> stages{
      StageSpec{.name = "served", .served = kShare, .dwell = 2 * world.horizon},
      StageSpec{.name = "mirrored", .mirrored = kShare, .dwell = 2 * world.horizon}};
  std::vector<sim::Contender> field;
  for (const StageSpec& stage : stages) {
    Compiled compiled = compile(watching(plan, stage));
    if (!compiled.engine) return std::nullopt;
    field.push_back({.name = stage.name,
                     .engine = *std::move(compiled.engine),
                     .assignment = {.by = AssignmentUnit::request}});
    if (has_errors(sim::check_fit(field.back(), world))) return std::nullopt;
  }
  std::vector<sim::RunTrace> traces;
  const auto records = sim::run(field, *prepared.scenario, {.seed = scenario.seed}, &traces);

  const auto probes = field.front().engine.policy().probes();
  const std::array told{told_to(probes.size(), traces[0].journal),
                        told_to(probes.size(), traces[1].journal)};
  Pilot result{.requests_per_second =
                   recorded ? static_cast<double>(records[0].requests) / seconds(world.horizon)
                            : rate};
  for (std::size_t i = 0; i < probes.size(); ++i) {
    const MetricScope scope = find_metric(probes[i].metric)->scope;
    const std::size_t where = scope == MetricScope::paired ? 1 : 0;
    const Told& gate = told[where][i];
    const Shares shares = shares_at(scope, stages[where], world.telemetry.mirrored_sampled);
    const double requests = result.requests_per_second * seconds(probes[i].window) *
                            static_cast<double>(gate.windows) * shares.candidate;
    std::optional<GateFeed>& feed = result.feeds.emplace_back();
    if (probes[i].form == Form::samples && gate.both.count > 1 && requests > 0.0)
      feed = {.law = law_of(probes[i], gate.both),
              .share = static_cast<double>(gate.candidate) / requests};
  }
  return result;
}

std::vector<ArmCounts> windows_until(const GateInWorld& gate, std::size_t stage) {
  const Probe& probe = gate.weighed.probe;
  const GateTest& test = *gate.weighed.test;
  const bool is_cut = test.compares_arms() && test.guarantee() != Guarantee::none;
  const MetricScope scope = find_metric(probe.metric)->scope;
  const double requests =
      gate.pilot.requests_per_second * seconds(probe.window) * gate.pilot.feeds[gate.index]->share;
  const bool forgets = gate.plan.gates[gate.index].evidence == EvidenceSpan::stage;
  std::vector<ArmCounts> windows;
  Duration start{};
  for (std::size_t i = 0; i <= stage; ++i) {
    const StageSpec& spec = gate.plan.stages[i];
    const Duration end = start + spec.dwell;
    // Windows k with start <= delay + k every (or < where a change cuts) and delay + k every +
    // length <= end.
    const auto from = (start - probe.initial_delay).count();
    const auto every = probe.every.count();
    const auto first = from < 0 ? 0 : (is_cut ? from / every + 1 : (from + every - 1) / every);
    const auto room = (end - probe.initial_delay - probe.window).count();
    const auto beyond = room < 0 ? 0 : room / every + 1;
    const Shares shares = shares_at(scope, spec, gate.mirrored_sampled);
    if (gate.weighed.measured[i] && (!forgets || i == stage) && beyond > first)
      windows.insert(
          windows.end(), static_cast<std::size_t>(beyond - first),
          {.baseline = requests * shares.baseline, .candidate = requests * shares.candidate});
    start = end;
  }
  return windows;
}

}  // namespace gatewright::analysis
