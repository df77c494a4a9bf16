#include "sim/swarm/random_world.h"

#include <algorithm>
#include <array>
#include <chrono>
#include <cmath>
#include <iterator>
#include <limits>
#include <numeric>

#include "policies/metric.h"

namespace gatewright::sim {
namespace {

using namespace std::chrono_literals;
using Part = Dimension::Part;
using Relation = HarmSpec::Relation;

/// Requests that arrive during the dwells of a plan, at most, so that ten thousand worlds take minutes.
constexpr double kRequestsMost = 400'000.0;

double rounded(double value) noexcept {
  if (value == 0.0) return value;
  const double unit = std::pow(10.0, std::floor(std::log10(std::abs(value))) - 2.0);
  return std::round(value / unit) * unit;
}

// ---- the plan ----

void draw_telemetry(Dice& dice, RandomWorld& world) {
  constexpr Duration kWindows[] = {30s, 1min, 1min, 2min};
  world.scenario.telemetry.window = dice.pick(kWindows);
  world.scenario.telemetry.delay =
      dice.chance(0.5) ? DelayLaw{DelayLaw::Kind::fixed, dice.about(1.0, 60.0), 0.0}
                       : DelayLaw{DelayLaw::Kind::lognormal, dice.about(1.0, 20.0), 0.4};
}

void draw_stages(Dice& dice, RandomWorld& world) {
  constexpr double kServed[] = {0.01, 0.02, 0.05, 0.1, 0.25, 0.5, 0.75, 1.0};
  std::vector<StageSpec>& stages = world.plan.stages;
  const auto add = [&](const char* name, double served, double mirrored) {
    StageSpec stage;
    stage.name = name;
    stage.served = served;
    stage.mirrored = mirrored;
    stage.dwell = dice.minutes(4, 40);
    stages.push_back(std::move(stage));
  };
  constexpr const char* kNames[] = {"1%", "2%", "5%", "10%", "25%", "50%", "75%", "100%"};
  constexpr double kMirrored[] = {0.05, 0.2, 1.0};
  if (dice.chance(0.4)) add("shadow", 0.0, dice.pick(kMirrored));
  const double kept = dice.about(0.2, 0.7);
  for (std::size_t i = 0; i < std::size(kServed); ++i)
    if (dice.chance(kept) || (i + 1 == std::size(kServed) && stages.empty()))
      add(kNames[i], kServed[i], kServed[i] < 1.0 && dice.chance(0.1) ? 0.1 : 0.0);
}

void draw_timeouts(Dice& dice, RandomWorld& world) {
  for (StageSpec& stage : world.plan.stages)
    stage.timeout = stage.dwell * static_cast<Duration::rep>(2 + dice.below(4));
}

/// The ways in which a gate may weigh a metric.
struct GateKind {
  const char* metric;
  const char* test;
  const char* scale = "";       ///< of normal_mixture
  const char* definition = "";  ///< of a quantile's threshold; sets the kind of harm
  Relation relation = Relation::ratio;
  Direction direction = Direction::up;
  double least = 1.05, most = 1.6;  ///< margin
  bool has_edge = false;            ///< may have no margin at all
};
constexpr GateKind kGateKinds[] = {
    {.metric = "latency", .test = "normal_mixture", .scale = "log", .has_edge = true},
    {.metric = "latency", .test = "normal_mixture", .scale = "linear", .has_edge = true},
    {.metric = "latency",
     .test = "fixed_threshold",
     .definition = "linear",
     .least = 1.2,
     .most = 2.0},
    {.metric = "latency",
     .test = "fixed_threshold",
     .definition = "histogram",
     .least = 1.2,
     .most = 2.0},
    {.metric = "latency",
     .test = "fixed_threshold",
     .definition = "nearest_rank",
     .least = 1.2,
     .most = 2.0},
    {.metric = "ttft", .test = "normal_mixture", .scale = "log", .has_edge = true},
    {.metric = "cost", .test = "normal_mixture", .scale = "log", .has_edge = true},
    {.metric = "cost", .test = "z_test", .least = 1.05, .most = 1.5},
    {.metric = "output_tokens", .test = "normal_mixture", .scale = "log", .has_edge = true},
    {.metric = "output_tokens", .test = "fixed_threshold", .least = 1.2, .most = 2.0},
    {.metric = "error", .test = "beta_binomial_mixture", .most = 3.0, .has_edge = true},
    {.metric = "error",
     .test = "fixed_threshold",
     .relation = Relation::absolute,
     .least = 0.03,
     .most = 0.1},
    {.metric = "error", .test = "z_test", .least = 1.2, .most = 3.0},
    {.metric = "refusal",
     .test = "beta_binomial_mixture",
     .relation = Relation::absolute,
     .least = 0.02,
     .most = 0.1},
    {.metric = "refusal",
     .test = "normal_mixture",
     .relation = Relation::difference,
     .least = 0.005,
     .most = 0.05,
     .has_edge = true},
    {.metric = "error_or_refusal", .test = "beta_binomial_mixture", .most = 3.0, .has_edge = true},
    {.metric = "thumbs_down", .test = "beta_binomial_mixture", .most = 3.0, .has_edge = true},
    {.metric = "quality",
     .test = "normal_mixture",
     .scale = "linear",
     .relation = Relation::difference,
     .direction = Direction::down,
     .least = 0.005,
     .most = 0.1,
     .has_edge = true},
    {.metric = "quality",
     .test = "fixed_threshold",
     .relation = Relation::difference,
     .direction = Direction::down,
     .least = 0.02,
     .most = 0.1},
};

Duration windows(const RandomWorld& world, std::size_t count) noexcept {
  return world.scenario.telemetry.window * static_cast<Duration::rep>(count);
}

GateSpec draw_gate(Dice& dice, const GateKind& kind, std::size_t number) {
  constexpr const char* kAfter[] = {"1 consecutive", "2 consecutive", "2 of 3", "3 cumulative"};
  GateSpec gate;
  gate.name = std::string(kind.metric) + "_" + std::to_string(number);
  gate.metric = kind.metric;
  gate.test.name = kind.test;
  // A third of the anytime gates leave no room: equal arms are at the very edge of harm.
  const bool is_edge = kind.has_edge && dice.chance(1.0 / 3.0);
  const double none = kind.relation == Relation::ratio ? 1.0 : 0.0;
  const double margin = is_edge ? none : dice.about(kind.least, kind.most);
  gate.harm = {.kind = *kind.definition != '\0' ? HarmSpec::Kind::quantile : HarmSpec::Kind::mean,
               .probability = *kind.definition != '\0' ? 0.95 : 0.0,
               .relation = kind.relation,
               .direction = kind.direction,
               .margin = kind.direction == Direction::down ? -margin : margin};
  if (*kind.scale != '\0') gate.test.parameters["scale"] = std::string(kind.scale);
  if (*kind.definition != '\0') gate.test.parameters["definition"] = std::string(kind.definition);
  if (gate.test.name == "fixed_threshold")
    gate.test.parameters["after"] = std::string(dice.pick(kAfter));
  return gate;
}

void draw_gates(Dice& dice, RandomWorld& world) {
  constexpr std::size_t kWindows[] = {1, 2, 5};
  world.plan.every = windows(world, dice.pick(kWindows));
  const std::size_t count = 1 + dice.below(6);
  for (std::size_t i = 0; i < count; ++i)
    world.plan.gates.push_back(draw_gate(dice, dice.pick(kGateKinds), i));
}

void draw_budget(Dice& dice, RandomWorld& world) {
  constexpr double kBudgets[] = {0.01, 0.05, 0.05, 0.2};
  world.plan.false_alarm_budget = dice.pick(kBudgets);
}

void draw_slow_gate(Dice& dice, RandomWorld& world) {
  GateSpec& gate = world.plan.gates[dice.below(world.plan.gates.size())];
  const std::size_t every = 2 + dice.below(4);
  const std::size_t window = 1 + dice.below(8);
  gate.every = windows(world, every);
  // Windows may overlap only where each is weighed by itself; compile() refuses the others.
  gate.window =
      windows(world, gate.test.name == "fixed_threshold" ? window : std::min(window, every));
  gate.initial_delay = windows(world, dice.below(10));
}

void draw_short_silence(Dice& dice, RandomWorld& world) {
  GateSpec& gate = world.plan.gates[dice.below(world.plan.gates.size())];
  gate.silence = dice.minutes(1, 10);
}

void draw_min_samples(Dice& dice, RandomWorld& world) {
  for (GateSpec& gate : world.plan.gates)
    if (dice.chance(0.5)) gate.min_samples = static_cast<std::uint64_t>(dice.about(10.0, 500.0));
}

void draw_stage_samples(Dice& dice, RandomWorld& world) {
  // A stage in which no gate is measured must not ask for samples; those below 100% have one, unless
  // all gates are about answers that nobody sees there.
  const bool always = std::ranges::any_of(world.plan.gates, [](const GateSpec& gate) {
    return find_metric(gate.metric)->scope != MetricScope::seen;
  });
  for (StageSpec& stage : world.plan.stages)
    if (always && stage.served < 1.0 && dice.chance(0.5))
      stage.min_samples = static_cast<std::uint64_t>(dice.about(10.0, 2000.0));
}

void draw_approval(Dice& dice, RandomWorld& world) {
  world.plan.stages[dice.below(world.plan.stages.size())].approval = true;
}

void draw_safety(Dice& dice, RandomWorld& world) {
  if (dice.chance(0.5)) {
    world.plan.advance_when = AdvanceWhen::safety_shown;
  } else {
    world.plan.stages[dice.below(world.plan.stages.size())].advance_when =
        AdvanceWhen::safety_shown;
  }
}

void draw_advisory(Dice& dice, RandomWorld& world) {
  world.plan.gates[dice.below(world.plan.gates.size())].role = GateRole::advisory;
}

void draw_forgetting(Dice& dice, RandomWorld& world) {
  for (GateSpec& gate : world.plan.gates)
    if (dice.chance(0.5)) gate.evidence = EvidenceSpan::stage;
}

void draw_weights(Dice& dice, RandomWorld& world) {
  for (GateSpec& gate : world.plan.gates) gate.budget_share = dice.about(0.2, 5.0);
}

void draw_freeze(Dice&, RandomWorld& world) { world.plan.when_halted = WhenHalted::freeze; }

void draw_assignment(Dice& dice, RandomWorld& world) {
  constexpr AssignmentHash kHashes[] = {AssignmentHash::md5, AssignmentHash::murmur3,
                                        AssignmentHash::fnv1a};
  world.plan.assignment = {.by = dice.chance(0.4) ? AssignmentUnit::user : AssignmentUnit::request,
                           .hash = dice.pick(kHashes)};
}

/// fnv1a splits numbered users unevenly, which the check is right to find: that is no false alarm.
void draw_split_check(Dice&, RandomWorld& world) {
  const Assignment& assignment = world.plan.assignment;
  if (assignment.by == AssignmentUnit::request || assignment.hash != AssignmentHash::fnv1a)
    world.plan.sample_ratio.emplace();
}

void draw_holm(Dice&, RandomWorld& world) { world.plan.spending = Spending::holm; }

/// A gate on the two answers to each mirrored prompt, where some stage mirrors any.
void draw_pairs(Dice& dice, RandomWorld& world) {
  constexpr GateKind kKinds[] = {
      {.metric = "latency", .test = "paired_mixture", .scale = "log", .has_edge = true},
      {.metric = "cost", .test = "paired_mixture", .scale = "linear", .has_edge = true},
      {.metric = "error", .test = "paired_rate", .most = 3.0, .has_edge = true},
      {.metric = "quality",
       .test = "paired_mixture",
       .relation = Relation::difference,
       .direction = Direction::down,
       .least = 0.005,
       .most = 0.1,
       .has_edge = true},
  };
  const GateKind& kind = dice.pick(kKinds);
  if (std::ranges::any_of(world.plan.stages,
                          [](const StageSpec& stage) { return stage.mirrored > 0.0; }))
    world.plan.gates.push_back(draw_gate(dice, kind, world.plan.gates.size()));
}

/// Prompts' lengths explain part of what some gates on numbers see.
void draw_covariates(Dice& dice, RandomWorld& world) {
  for (GateSpec& gate : world.plan.gates)
    if (gate.test.name == "normal_mixture" && gate.metric != "refusal" && dice.chance(0.5))
      gate.test.parameters["covariate"] = std::string("input_tokens");
}

bool has_same_windows(const GateSpec& one, const GateSpec& other) noexcept {
  return one.every == other.every && one.window == other.window &&
         one.initial_delay == other.initial_delay;
}

/// Two or more gates that are looked at together, and could be wrong together.
void draw_combined(Dice& dice, RandomWorld& world) {
  CombinedGateSpec combined{.name = "together", .margins_used = dice.about(1.05, 1.8)};
  const GateSpec* first = nullptr;
  for (const GateSpec& gate : world.plan.gates) {
    const bool is_part =
        (gate.test.name == "normal_mixture" || gate.test.name == "beta_binomial_mixture") &&
        gate.harm.relation != Relation::absolute && !is_at_edge(gate.harm);
    if (!is_part || (first != nullptr && !has_same_windows(gate, *first))) continue;
    if (first == nullptr) first = &gate;
    combined.gates.push_back(gate.name);
  }
  if (dice.chance(0.2)) combined.role = GateRole::advisory;
  if (dice.chance(0.2)) combined.evidence = EvidenceSpan::stage;
  if (combined.gates.size() >= 2) world.plan.combined.push_back(std::move(combined));
}

// ---- the world ----

template <typename Time>
Duration sum_over_stages(const PlanSpec& plan, Time time_of) {
  return std::accumulate(
      plan.stages.begin(), plan.stages.end(), Duration{},
      [&](Duration sum, const StageSpec& stage) { return sum + time_of(stage); });
}

/// The horizon holds the longest rollout there can be, so that one that does not end is an error.
void draw_traffic(Dice& dice, RandomWorld& world) {
  Scenario& scenario = world.scenario;
  scenario.horizon =
      1h + sum_over_stages(world.plan, [](const StageSpec& stage) { return *stage.timeout; });
  const Duration dwells =
      sum_over_stages(world.plan, [](const StageSpec& stage) { return stage.dwell; });
  const double most = kRequestsMost / std::chrono::duration<double>(dwells).count();
  scenario.traffic.arrivals = PoissonArrivals{dice.about(most / 200.0, most)};
  scenario.traffic.input_tokens = Lognormal{dice.about(50.0, 2000.0), dice.about(0.3, 1.2), 8000.0};
  scenario.traffic.output_tokens = Lognormal{dice.about(20.0, 500.0), dice.about(0.3, 1.0), 4000.0};
  scenario.traffic.token_correlation = 0.1;
}

void draw_baseline(Dice& dice, RandomWorld& world) {
  Arm& arm = world.scenario.baseline;
  arm.price.model = "random";
  arm.price.input_usd_per_token = 0.15e-6;
  arm.price.output_usd_per_token = 0.60e-6;
  arm.latency.ttft = {dice.about(0.1, 0.7), dice.about(0.1, 0.6), 0.0};
  arm.latency.per_output_token_seconds = dice.about(0.002, 0.03);
  arm.latency.timeout_seconds = 600.0;  // a short one would cap great harm in latency
  arm.error_probability = dice.about(0.002, 0.05);
  arm.refusal_probability = dice.about(0.002, 0.02);
  arm.thumbs.down = dice.about(0.02, 0.2);
  arm.thumbs.rate_given = dice.about(0.05, 0.5);
}

void draw_users(Dice& dice, RandomWorld& world) {
  world.scenario.traffic.users = {.count = static_cast<std::uint32_t>(dice.about(50.0, 20'000.0)),
                                  .zipf = dice.about(0.2, 1.3)};
}

void draw_actuation(Dice& dice, RandomWorld& world) {
  constexpr Actuation kKinds[] = {Actuation::policy_flip, Actuation::policy_flip,
                                  Actuation::blue_green, Actuation::scripted, Actuation::redeploy};
  world.scenario.rollback.actuation = dice.pick(kKinds);
}

void draw_diurnal(Dice& dice, RandomWorld& world) {
  const auto* poisson = std::get_if<PoissonArrivals>(&world.scenario.traffic.arrivals);
  world.scenario.traffic.arrivals = DiurnalArrivals{.rate_per_second = poisson->rate_per_second,
                                                    .amplitude = dice.about(0.05, 0.6),
                                                    .second_harmonic = dice.about(0.02, 0.3),
                                                    .start_of_day = dice.minutes(0, 24 * 60 - 1)};
}

void draw_prompt_noise(Dice& dice, RandomWorld& world) {
  constexpr const char* kMetrics[] = {"quality", "refusal", "error"};
  world.scenario.noise.prompts[dice.pick(kMetrics)] = dice.about(0.02, 0.5);
}

void draw_shared_shocks(Dice& dice, RandomWorld& world) {
  constexpr const char* kMetrics[] = {"latency", "output_tokens", "ttft"};
  world.scenario.noise.window[dice.pick(kMetrics)] = {
      .size = dice.about(0.02, 0.3), .correlation_time = dice.minutes(2, 30), .separate = false};
}

// ---- faults ----

void draw_effect(Dice& dice, RandomWorld& world) {
  constexpr const char* kMetrics[] = {"latency", "ttft",    "output_tokens", "cost",
                                      "error",   "refusal", "thumbs_down",   "quality"};
  Effect effect;
  effect.metric = dice.pick(kMetrics);
  effect.multiply = effect.metric == "quality" ? dice.about(0.5, 1.0) : dice.about(0.7, 4.0);
  effect.since = dice.chance(0.5) ? EffectClock::start : EffectClock::first_exposure;
  effect.from = dice.minutes(0, 60);
  effect.ramp_in = dice.minutes(0, 20);
  if (dice.chance(0.3)) effect.lasts = dice.minutes(5, 60);
  if (dice.chance(0.3)) effect.above_served = 0.25;
  world.scenario.effects.push_back(effect);
}

void draw_deployment_noise(Dice& dice, RandomWorld& world) {
  constexpr const char* kMetrics[] = {"latency", "output_tokens", "quality", "error"};
  world.scenario.noise.deployment[dice.pick(kMetrics)] = dice.about(0.005, 0.1);
}

void draw_separate_shocks(Dice& dice, RandomWorld& world) {
  world.scenario.noise.window["latency"] = {
      .size = dice.about(0.05, 0.5), .correlation_time = dice.minutes(2, 30), .separate = true};
}

void draw_late_telemetry(Dice& dice, RandomWorld& world) {
  world.scenario.telemetry.delay = {DelayLaw::Kind::lognormal, dice.about(30.0, 600.0),
                                    dice.about(0.5, 1.5)};
}

void draw_slow_router(Dice& dice, RandomWorld& world) {
  world.scenario.rollback.actuation = Actuation::custom;
  world.scenario.rollback.delay = {DelayLaw::Kind::lognormal, dice.about(30.0, 1200.0), 0.7};
}

void draw_drought(Dice& dice, RandomWorld& world) {
  world.scenario.traffic.changes.push_back({.from = dice.minutes(1, 120),
                                            .lasts = dice.minutes(5, 120),
                                            .factor = dice.chance(0.5) ? 0.0 : 0.02});
}

void draw_short_timeout(Dice& dice, RandomWorld& world) {
  world.scenario.baseline.latency.timeout_seconds = dice.about(2.0, 60.0);
}

void draw_short_horizon(Dice& dice, RandomWorld& world) {
  world.scenario.horizon /= static_cast<Duration::rep>(2 + dice.below(10));
  world.scenario.horizon = std::max(world.scenario.horizon, world.scenario.telemetry.window);
}

/// Doubly stochastic instead of even traffic; a wave of its own takes the diurnal one's place.
void draw_bursty(Dice& dice, RandomWorld& world) {
  const auto* poisson = std::get_if<PoissonArrivals>(&world.scenario.traffic.arrivals);
  if (poisson == nullptr) return;
  BurstyArrivals bursty;
  bursty.rate_per_second = poisson->rate_per_second;
  bursty.fast.cv = dice.about(0.05, 1.0);
  bursty.start_of_day = dice.minutes(0, 24 * 60 - 1);
  world.scenario.traffic.arrivals = bursty;
}

void draw_tenants(Dice& dice, RandomWorld& world) {
  Traffic& traffic = world.scenario.traffic;
  traffic.tenants.count = static_cast<std::uint32_t>(dice.about(2.0, 40.0));
  if (dice.chance(0.5)) traffic.tenants.burstiness.emplace();
}

void draw_sessions(Dice& dice, RandomWorld& world) {
  world.scenario.traffic.users.sessions.requests = dice.about(1.5, 8.0);
}

/// Trouble for one part of the users only, or for long prompts.
void draw_conditional_effect(Dice& dice, RandomWorld& world) {
  draw_effect(dice, world);
  Effect& effect = world.scenario.effects.back();
  if (dice.chance(0.5)) {
    world.scenario.traffic.segments = {{"few", 0.2}, {"many", 0.8}};
    effect.segment = "few";
  } else {
    effect.above_input_tokens = dice.about(50.0, 2000.0);
  }
  effect.name = "conditional";
}

void draw_incident(Dice& dice, RandomWorld& world) {
  draw_effect(dice, world);
  world.scenario.effects.back().arms = EffectArms::both;
  world.scenario.effects.back().name = "incident";
}

void draw_error_bursts(Dice& dice, RandomWorld& world) {
  Arm& arm = world.scenario.baseline;
  Arm::ErrorBursts bursts;
  bursts.burst_probability = dice.about(0.1, 0.9);
  bursts.burst_share = 0.5 * arm.error_probability / bursts.burst_probability;
  bursts.burst = dice.minutes(1, 20);
  bursts.shared = dice.chance(0.3);
  arm.error_bursts = bursts;
}

void draw_odd_answers(Dice& dice, RandomWorld& world) {
  Arm& arm = world.scenario.baseline;
  arm.hang.probability = dice.about(0.0005, 0.02);
  arm.collapse.probability = dice.about(0.0005, 0.05);
  // Flags stay rare: a rate far from 0 has a spread that grows with harm, which S10 does not suppose.
  arm.refusal_detector = {.sensitivity = dice.about(0.5, 1.0),
                          .specificity = dice.about(0.98, 1.0)};
}

void draw_late_ratings(Dice& dice, RandomWorld& world) {
  world.scenario.baseline.thumbs.delay = {DelayLaw::Kind::lognormal, dice.about(10.0, 1200.0), 1.0};
}

void draw_cold_model(Dice& dice, RandomWorld& world) {
  world.scenario.rollback.cold = dice.minutes(1, 30);
  world.scenario.rollback.cold_factor = dice.about(1.5, 20.0);
}

/// Servers with room for a third of the load to three times the load; what they do not play together
/// with stays as drawn before, and the servers are left out.
void draw_servers(Dice& dice, RandomWorld& world) {
  const Scenario& scenario = world.scenario;
  const bool is_cut = std::ranges::any_of(
      scenario.telemetry.faults,
      [](const TelemetryFault& fault) { return fault.kind == TelemetryFaultKind::truncated; });
  const auto* poisson = std::get_if<PoissonArrivals>(&scenario.traffic.arrivals);
  const bool has_pairs = std::ranges::any_of(
      world.plan.gates, [](const GateSpec& gate) { return gate.test.name.starts_with("paired_"); });
  if (is_cut || has_pairs || scenario.rollback.cold > Duration::zero() || poisson == nullptr)
    return;
  Serving serving;
  constexpr double kSecondsAnswer = 4.0;
  const double slots = poisson->rate_per_second * kSecondsAnswer * dice.about(0.3, 3.0);
  serving.baseline.concurrency = static_cast<std::uint32_t>(1 + dice.below(16));
  serving.baseline.replicas = static_cast<std::uint32_t>(
      std::clamp(std::ceil(slots / serving.baseline.concurrency), 1.0, 200.0));
  serving.baseline.queue = static_cast<std::uint32_t>(dice.below(500));
  serving.candidate = serving.baseline;
  serving.candidate.replicas = 1 + serving.baseline.replicas / 4;
  serving.follows_exposure = dice.chance(0.5);
  if (dice.chance(0.3))
    serving.baseline.autoscaling = Autoscaling{.most = 2 * serving.baseline.replicas};
  world.scenario.serving = serving;
}

template <double Telemetry::*kField>
void draw_reports(Dice& dice, RandomWorld& world) {
  world.scenario.telemetry.*kField = dice.about(0.005, 0.3);
}

template <double Rollback::*kField>
void draw_router(Dice& dice, RandomWorld& world) {
  world.scenario.rollback.*kField = dice.about(0.05, 0.5);
}

template <TelemetryFaultKind kKind>
void draw_telemetry_fault(Dice& dice, RandomWorld& world) {
  TelemetryFault fault;
  fault.kind = kKind;
  if (dice.chance(0.5)) fault.metric = world.plan.gates.front().metric;
  fault.share = dice.about(0.05, 1.0);
  fault.from = dice.minutes(0, 60);
  fault.lasts = dice.minutes(2, 60);
  world.scenario.telemetry.faults.push_back(fault);
}

template <OperatorCommand::Kind kCommand>
void draw_operator(Dice& dice, RandomWorld& world) {
  world.scenario.operators.push_back({.at = dice.minutes(0, 120), .command = kCommand});
  std::ranges::stable_sort(world.scenario.operators, {}, &OperatorAction::at);
}

void draw_approver(Dice& dice, RandomWorld& world) {
  world.scenario.approves_after = dice.minutes(0, 30);
}

using enum Dimension::Part;
using Fault = TelemetryFaultKind;
using Command = OperatorCommand::Kind;

constexpr Dimension kDimensions[] = {
    {"telemetry", "swarm.telemetry", world, 1.0, draw_telemetry},
    {"stages", "swarm.stages", plan, 1.0, draw_stages},
    {"timeouts", "swarm.timeouts", plan, 1.0, draw_timeouts},
    {"gates", "swarm.gates", plan, 1.0, draw_gates},
    {"budget", "swarm.budget", plan, 1.0, draw_budget},
    {"assignment", "swarm.assignment", plan, 1.0, draw_assignment},
    {"slow gate", "swarm.slow_gate", plan, 0.3, draw_slow_gate},
    {"short silence", "swarm.short_silence", plan, 0.1, draw_short_silence},
    {"min samples", "swarm.min_samples", plan, 0.3, draw_min_samples},
    {"stage samples", "swarm.stage_samples", plan, 0.3, draw_stage_samples},
    {"approval", "swarm.approval", plan, 0.2, draw_approval},
    {"safety", "swarm.safety", plan, 0.25, draw_safety},
    {"advisory gate", "swarm.advisory", plan, 0.2, draw_advisory},
    {"evidence per stage", "swarm.forgetting", plan, 0.2, draw_forgetting},
    {"budget weights", "swarm.weights", plan, 0.3, draw_weights},
    {"freeze", "swarm.freeze", plan, 0.2, draw_freeze},
    {"split check", "swarm.split_check", plan, 0.7, draw_split_check},
    {"Holm", "swarm.holm", plan, 0.3, draw_holm},
    {"covariates", "swarm.covariates", plan, 0.2, draw_covariates},
    {"combined gate", "swarm.combined", plan, 0.4, draw_combined},
    {"pairs", "swarm.pairs", plan, 0.5, draw_pairs},

    {"traffic", "swarm.traffic", world, 1.0, draw_traffic},
    {"baseline", "swarm.baseline", world, 1.0, draw_baseline},
    {"users", "swarm.users", world, 1.0, draw_users},
    {"actuation", "swarm.actuation", world, 1.0, draw_actuation},
    {"diurnal traffic", "swarm.diurnal", world, 0.2, draw_diurnal},
    {"prompt noise", "swarm.prompt_noise", world, 0.2, draw_prompt_noise},
    {"shared shocks", "swarm.shared_shocks", world, 0.2, draw_shared_shocks},

    {"effect", "swarm.effect", fault, 0.6, draw_effect},
    {"second effect", "swarm.second_effect", fault, 0.2, draw_effect},
    {"deployment noise", "swarm.deployment_noise", fault, 0.3, draw_deployment_noise},
    {"separate shocks", "swarm.separate_shocks", fault, 0.2, draw_separate_shocks},
    {"late telemetry", "swarm.late_telemetry", fault, 0.2, draw_late_telemetry},
    {"slow router", "swarm.slow_router", fault, 0.2, draw_slow_router},
    {"drought", "swarm.drought", fault, 0.2, draw_drought},
    {"short timeout", "swarm.short_timeout", fault, 0.2, draw_short_timeout},
    {"short horizon", "swarm.short_horizon", fault, 0.1, draw_short_horizon},
    {"lost reports", "swarm.lost", fault, 0.3, draw_reports<&Telemetry::lost>},
    {"duplicated reports", "swarm.duplicated", fault, 0.3, draw_reports<&Telemetry::duplicated>},
    {"reordered reports", "swarm.reordered", fault, 0.3, draw_reports<&Telemetry::reordered>},
    {"lost for a while", "swarm.fault.lost", fault, 0.1, draw_telemetry_fault<Fault::lost>},
    {"truncated windows", "swarm.fault.truncated", fault, 0.1,
     draw_telemetry_fault<Fault::truncated>},
    {"counter resets", "swarm.fault.counter_reset", fault, 0.1,
     draw_telemetry_fault<Fault::counter_reset>},
    {"not a number", "swarm.fault.not_a_number", fault, 0.1,
     draw_telemetry_fault<Fault::not_a_number>},
    {"unit mistake", "swarm.fault.unit_mistake", fault, 0.1,
     draw_telemetry_fault<Fault::unit_mistake>},
    {"swapped arms", "swarm.fault.swapped_arms", fault, 0.1,
     draw_telemetry_fault<Fault::swapped_arms>},
    {"refused actuations", "swarm.refused", fault, 0.2, draw_router<&Rollback::refused>},
    {"partial actuations", "swarm.partial", fault, 0.2, draw_router<&Rollback::partial>},
    {"actuations twice", "swarm.applied_twice", fault, 0.2, draw_router<&Rollback::applied_twice>},
    {"lost acknowledgements", "swarm.lost_acknowledgement", fault, 0.2,
     draw_router<&Rollback::lost_acknowledgement>},
    {"operator pauses", "swarm.pause", fault, 0.2, draw_operator<Command::pause>},
    {"operator resumes", "swarm.resume", fault, 0.2, draw_operator<Command::resume>},
    {"operator approves", "swarm.approve", fault, 0.2, draw_operator<Command::approve>},
    {"operator halts", "swarm.halt", fault, 0.05, draw_operator<Command::halt>},
    {"approver", "swarm.approver", fault, 0.5, draw_approver},
    {"bursty traffic", "swarm.bursty", fault, 0.2, draw_bursty},
    {"tenants", "swarm.tenants", fault, 0.2, draw_tenants},
    {"sessions", "swarm.sessions", fault, 0.2, draw_sessions},
    {"conditional effect", "swarm.conditional_effect", fault, 0.2, draw_conditional_effect},
    {"incident", "swarm.incident", fault, 0.2, draw_incident},
    {"error bursts", "swarm.error_bursts", fault, 0.2, draw_error_bursts},
    {"odd answers", "swarm.odd_answers", fault, 0.2, draw_odd_answers},
    {"late ratings", "swarm.late_ratings", fault, 0.2, draw_late_ratings},
    {"cold model", "swarm.cold_model", fault, 0.1, draw_cold_model},
    {"servers", "swarm.servers", fault, 0.15, draw_servers},
};

}  // namespace

bool is_at_edge(const HarmSpec& harm) noexcept {
  return (harm.relation == Relation::ratio && harm.margin == 1.0) ||
         (harm.relation == Relation::difference && harm.margin == 0.0);
}

std::string_view to_string(Guise guise) noexcept {
  constexpr std::string_view kNames[] = {"faulty", "healthy", "harmful"};
  return kNames[static_cast<std::size_t>(guise)];
}

std::size_t Dice::below(std::size_t count) noexcept {
  return std::min(static_cast<std::size_t>(stream_.uniform() * static_cast<double>(count)),
                  count - 1);
}

double Dice::about(double least, double most) noexcept {
  const double value = least * std::pow(most / least, stream_.uniform());
  return std::clamp(rounded(value), least, most);
}

Duration Dice::minutes(std::size_t least, std::size_t most) noexcept {
  return std::chrono::minutes(least + below(most - least + 1));
}

std::span<const Dimension> dimensions() noexcept { return kDimensions; }

RandomWorld random_world(const WorldKey& key, Guise guise) {
  RandomWorld random;
  random.scenario.name = "world_" + std::to_string(key.index);
  random.scenario.about = "World " + std::to_string(key.index) + " of the swarm with seed " +
                          std::to_string(key.seed) + ", " + std::string(to_string(guise)) + ".";
  random.scenario.seed = key.seed;
  random.plan.name = "plan_" + std::to_string(key.index);
  for (const Dimension& dimension : kDimensions) {
    if (dimension.part == Part::fault && guise != Guise::faulty) continue;
    Dice dice({.seed = key.seed, .replication = key.index, .name = dimension.stream});
    if (!dice.chance(dimension.share)) continue;
    dimension.draw(dice, random);
    random.drawn.push_back(dimension.name);
  }
  if (guise != Guise::harmful) return random;

  std::vector<std::size_t> protective;
  for (std::size_t gate = 0; gate < random.plan.gates.size(); ++gate)
    if (random.plan.gates[gate].role == GateRole::protective) protective.push_back(gate);
  if (protective.empty()) return random;
  Dice dice({.seed = key.seed, .replication = key.index, .name = "swarm.harm"});
  random.harmed_gate = protective[dice.below(protective.size())];
  random.scenario.effects.push_back(
      great_harm(random.plan.gates[*random.harmed_gate], random.scenario.baseline));
  return random;
}

Effect great_harm(const GateSpec& gate, const Arm& baseline) {
  Effect effect;
  effect.metric = gate.metric;
  if (gate.metric == "error_or_refusal") {  // refusals stay as they are, so errors make up for them
    effect.metric = "error";
    const double rate = baseline.error_probability + baseline.refusal_probability;
    effect.shift = 3.0 * gate.harm.margin * rate;
    return effect;
  }
  switch (gate.harm.relation) {
    case Relation::ratio:
      effect.multiply = 3.0 * gate.harm.margin;
      break;
    case Relation::difference:
      effect.shift = gate.harm.margin + (gate.harm.direction == Direction::up ? 0.4 : -0.4);
      break;
    case Relation::absolute:
      effect.shift = 3.0 * gate.harm.margin;
      break;
  }
  return effect;
}

}  // namespace gatewright::sim
