// A short look at a world, so that lint can say what gates would see in it.
// Used by review.cpp.
// Never depends on the plan's stages: one exposure tells what a request shows.
#include "analysis/pilot.h"

#include <algorithm>
#include <array>
#include <chrono>
#include <cmath>
#include <utility>

#include "policies/histogram.h"
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
  world.baseline.error_bursts.reset();  // a short while sees too few to know their mean
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
  Histogram values;
  double products = 0.0;  ///< of pairs
  std::uint64_t candidate = 0;
  std::uint64_t windows = 0;
};

/// All windows but the first, in which the exposure is applied.
[[nodiscard]] std::vector<Told> told_to(std::size_t gates, const Journal& journal) {
  std::vector<Told> told(gates);
  for (const JournalEntry& entry : journal.entries()) {
    const Event& event = entry.observation.event;
    if (const auto* samples = std::get_if<Samples>(&event); samples && samples->window > 0) {
      Told& gate = told[static_cast<std::size_t>(samples->probe)];
      gate.both += samples->baseline;
      gate.both += samples->candidate;
      gate.products += samples->sum_of_products.value_or(0.0);
      gate.candidate += samples->candidate.count;
      ++gate.windows;
    }
    if (const auto* values = std::get_if<Distributions>(&event); values && values->window > 0) {
      Told& gate = told[static_cast<std::size_t>(values->probe)];
      gate.values.merge(values->baseline);
      gate.values.merge(values->candidate);
      gate.candidate += count(values->candidate);
      ++gate.windows;
    }
  }
  return told;
}

/// Of numbers and events.
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

[[nodiscard]] MetricLaw law_of_pairs(const Probe& probe, const Told& told) {
  MetricLaw law = law_of(probe, told.both);
  const double product = told.products / static_cast<double>(told.candidate);
  if (law.change == MetricLaw::Change::rate) {
    law.both = product;
    law.mean -= product;
    law.sd = std::sqrt(std::max(0.0, law.mean * (1.0 - law.mean)));
  } else {
    law.covariance = product - law.mean * law.mean;
  }
  return law;
}

[[nodiscard]] MetricLaw law_of_values(const GateSpec& gate, const Histogram& values) {
  MetricLaw law{.values = ValueLaw(values.view())};
  if (gate.harm.kind == HarmSpec::Kind::quantile) {
    law.change = MetricLaw::Change::quantile;
    law.probability = gate.harm.probability;
    law.mean = law.values.quantile(law.probability);
    law.sd = law.values.quantile_spread(law.probability);
    return law;
  }
  law.change = gate.test.name == "psi" ? MetricLaw::Change::index : MetricLaw::Change::distance;
  law.mean = law.sd = 1.0;
  if (const auto classes = gate.test.parameters.find("classes");
      classes != gate.test.parameters.end())
    law.classes = std::get<double>(classes->second);
  return law;
}

struct Shares {
  double baseline, candidate;
};

/// Whether a probe is told of mirrored requests alone, of both arms.
[[nodiscard]] bool is_of_pairs(const Probe& probe) {
  return probe.statistic.pairs || find_metric(probe.metric)->scope == MetricScope::paired;
}

/// Of all requests, those that the arms tell a probe of.
[[nodiscard]] Shares shares_at(const Probe& probe, const StageSpec& stage,
                               double mirrored_sampled) {
  const MetricScope scope = find_metric(probe.metric)->scope;
  const double mirrored = stage.mirrored * mirrored_sampled;
  if (is_of_pairs(probe)) return {mirrored, mirrored};
  const double candidate = scope == MetricScope::seen ? stage.served : stage.served + mirrored;
  return {1.0 - stage.served, candidate};
}

}  // namespace

std::optional<Bursts> bursts_in(const sim::Scenario& world, const Probe& probe) {
  const auto& bursts = world.baseline.error_bursts;
  const bool is_of_errors = probe.metric == "error" || probe.metric == "error_or_refusal";
  const double usual = world.baseline.error_probability;
  if (!bursts || !is_of_errors || !(usual > 0.0)) return std::nullopt;
  // Of requests without an error as many as ever are refused.
  const double refused = probe.metric == "error" ? 0.0 : world.baseline.refusal_probability;
  const auto rate = [refused](double errors) { return errors + (1.0 - errors) * refused; };
  return Bursts{.share = bursts->burst_share,
                .lift = rate(bursts->burst_probability) / rate(usual),
                .windows = seconds(bursts->burst) / seconds(probe.window),
                .by_arm = !bursts->shared};
}

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
    const std::size_t where = is_of_pairs(probes[i]) ? 1 : 0;
    const Told& gate = told[where][i];
    const Shares shares = shares_at(probes[i], stages[where], world.telemetry.mirrored_sampled);
    const double requests = result.requests_per_second * seconds(probes[i].window) *
                            static_cast<double>(gate.windows) * shares.candidate;
    std::optional<GateFeed>& feed = result.feeds.emplace_back();
    if (!(requests > 0.0) || gate.both.count + gate.candidate < 2) continue;
    const double share = static_cast<double>(gate.candidate) / requests;
    if (probes[i].form == Form::distributions && gate.candidate > 0)
      feed = {.law = law_of_values(plan.gates[i], gate.values), .share = share};
    if (probes[i].form != Form::samples || gate.both.count < 2) continue;
    feed = {.law = probes[i].statistic.pairs ? law_of_pairs(probes[i], gate)
                                             : law_of(probes[i], gate.both),
            .share = share};
    // Bursts of both arms at once fall out where they are compared.
    if (const auto bursts = bursts_in(scenario, probes[i]);
        bursts && bursts->by_arm && plan.gates[i].test.name == "clustered_rate")
      feed->law.bursts = bursts;
  }
  return result;
}

std::vector<ArmCounts> windows_until(const GateInWorld& gate, std::size_t stage) {
  const Probe& probe = gate.weighed.probe;
  const GateTest& test = *gate.weighed.test;
  const bool is_cut =
      test.compares_arms() && test.guarantee() != Guarantee::none && !probe.statistic.pairs;
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
    const Shares shares = shares_at(probe, spec, gate.mirrored_sampled);
    ArmCounts counts{.baseline = requests * shares.baseline,
                     .candidate = requests * shares.candidate};
    // A window in which one arm answers nobody is no comparison.
    if (test.compares_arms())
      counts = {.baseline = counts.baseline * -std::expm1(-counts.candidate),
                .candidate = counts.candidate * -std::expm1(-counts.baseline)};
    if (gate.weighed.measured[i] && (!forgets || i == stage) && beyond > first)
      windows.insert(windows.end(), static_cast<std::size_t>(beyond - first), counts);
    start = end;
  }
  return windows;
}

}  // namespace gatewright::analysis
