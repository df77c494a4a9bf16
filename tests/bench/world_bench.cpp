// Requests per second and core, end to end: world, router, telemetry, engine, checkers, impact.
// One contender under five gates at 40 requests/s unless the name says otherwise.
#include <benchmark/benchmark.h>

#include <cstdint>
#include <string>
#include <vector>

#include "sim/field.h"
#include "sim/kernels/kernels.h"
#include "tests/support/count_allocations.h"
#include "tests/support/worlds.h"

namespace gatewright::sim {
namespace {

using namespace testing;

Scenario world(double requests_per_second = 40.0) {
  Scenario scenario = quiet_world();
  scenario.traffic.arrivals = PoissonArrivals{requests_per_second};
  scenario.traffic.users = {.count = 20'000, .zipf = 1.1};
  scenario.traffic.input_tokens.reset();
  scenario.traffic.output_tokens.reset();
  scenario.horizon = 12h;
  return scenario;
}

/// Twelve hours at one exposure, five gates' probes of sufficient statistics.
Contender steady(Exposure exposure) {
  Script script;
  script.stages = {{"steady", exposure}};
  for (const auto& [metric, kind] : {std::pair{"latency", Statistic::Kind::mean_log},
                                     {"cost", Statistic::Kind::mean_log},
                                     {"error_or_refusal", Statistic::Kind::rate},
                                     {"output_tokens", Statistic::Kind::mean_log},
                                     {"thumbs_down", Statistic::Kind::rate}})
    script.probes.push_back(probe(metric, kind, Form::samples, 5min));
  return scripted(script);
}

void play_field(benchmark::State& bench, const std::vector<Contender>& contenders,
                const Scenario& scenario) {
  const auto ready = prepared(scenario);
  Field field(contenders, *ready);
  std::uint64_t replication = 0;
  std::uint64_t requests = 0;
  std::uint64_t rollouts = 0;
  field.play({1, replication++});  // warm
  const std::uint64_t before = allocations.load();
  for (auto _ : bench) {
    field.play({1, replication++});
    for (std::size_t i = 0; i < contenders.size(); ++i) {
      const RunRecord record = field.record(i);
      if (!record.violations.empty()) bench.SkipWithError("an invariant is broken");
      if (i == 0) requests += record.requests;
      ++rollouts;
    }
  }
  const auto count = static_cast<double>(requests);
  bench.counters["requests"] = benchmark::Counter(count, benchmark::Counter::kIsRate);
  bench.counters["rollouts"] =
      benchmark::Counter(static_cast<double>(rollouts), benchmark::Counter::kIsRate);
  bench.counters["time_per_request"] =
      benchmark::Counter(count, benchmark::Counter::kIsRate | benchmark::Counter::kInvert);
  bench.counters["allocations_per_rollout"] =
      static_cast<double>(allocations.load() - before) / static_cast<double>(rollouts);
}

void play_one(benchmark::State& bench, const Contender& contender, const Scenario& scenario) {
  play_field(bench, {contender}, scenario);
}

#define WORLD_BENCHMARK(name) BENCHMARK(name)->Unit(benchmark::kMillisecond)

void five_gates_healthy(benchmark::State& bench) {
  play_one(bench, contender(five_gates()), world());
}
WORLD_BENCHMARK(five_gates_healthy);

/// A small rise that no gate minds: impact is counted for hours.
void five_gates_harmful_unnoticed(benchmark::State& bench) {
  Scenario scenario = world();
  scenario.effects = {effect("cost", 1.02)};
  play_one(bench, contender(five_gates()), scenario);
}
WORLD_BENCHMARK(five_gates_harmful_unnoticed);

void exposure_none(benchmark::State& bench) { play_one(bench, steady({}), world()); }
WORLD_BENCHMARK(exposure_none);
void exposure_shadow(benchmark::State& bench) {
  play_one(bench, steady({.mirrored = 500}), world());
}
WORLD_BENCHMARK(exposure_shadow);
void exposure_1_percent(benchmark::State& bench) {
  play_one(bench, steady({.served = 100}), world());
}
WORLD_BENCHMARK(exposure_1_percent);
void exposure_half(benchmark::State& bench) { play_one(bench, steady({.served = 5'000}), world()); }
WORLD_BENCHMARK(exposure_half);

void half_by_request(benchmark::State& bench) {
  Contender one = steady({.served = 5'000});
  one.assignment.by = AssignmentUnit::request;
  play_one(bench, one, world());
}
WORLD_BENCHMARK(half_by_request);

/// The canary that reference_bench.cpp and numpy_canary.py play: 5% of 50 requests/s, P95, P99, errors,
/// thumbs and costs every five minutes. As there an arm is drawn per request, users are not told apart,
/// nobody refuses or rates up, quality is no matter, and numbers are independent; here a router, an
/// engine, checkers and impact are around it.
Scenario canary_world() {
  Scenario scenario = world(50.0);
  scenario.horizon = 4h;
  scenario.telemetry.window = 5min;
  scenario.traffic.input_tokens = Lognormal{300.0, 1.0, 0.0};
  scenario.traffic.output_tokens = Lognormal{200.0, 0.8, 0.0};
  scenario.baseline.latency.ttft = {0.80, 0.6, 0.0};
  scenario.baseline.latency.per_output_token_seconds = 0.0;
  scenario.baseline.price = {"test-model", 3e-6, 15e-6};
  scenario.baseline.error_probability = 0.010;
  scenario.baseline.refusal_probability = 0.0;
  scenario.baseline.thumbs.rate_given = 1.0;
  scenario.baseline.thumbs.down = 0.03;
  scenario.baseline.thumbs.up = 0.0;
  scenario.traffic.token_correlation = 0.0;
  scenario.same_prompt.correlation = 0.0;
  scenario.traffic.users = {.count = 1};
  scenario.objectives.quality_floor = 0.0;
  scenario.effects = {effect("latency", 1.05), effect("error", 1.2)};
  return scenario;
}

void play_canary(benchmark::State& bench, AssignmentUnit by, const Scenario& scenario) {
  const auto level = static_cast<KernelLevel>(bench.range(0));
  if (kernels_at(level) == nullptr) {
    bench.SkipWithError("this machine lacks the level");
    return;
  }
  use_kernels(level);
  Script script;
  script.stages = {{"canary", {.served = 500}}};
  for (const double p : {0.95, 0.99}) {
    script.probes.push_back(probe("latency", Statistic::Kind::quantile, Form::readings, 5min));
    script.probes.back().statistic.probability = p;
  }
  script.probes.push_back(probe("error", Statistic::Kind::rate, Form::samples, 5min));
  script.probes.push_back(probe("thumbs_down", Statistic::Kind::rate, Form::samples, 5min));
  script.probes.push_back(probe("cost", Statistic::Kind::mean, Form::samples, 5min));
  Contender one = scripted(script);
  one.assignment.by = by;
  play_one(bench, one, scenario);
}
void canary(benchmark::State& bench) {
  play_canary(bench, AssignmentUnit::request, canary_world());
}
BENCHMARK(canary)->DenseRange(0, 2)->Unit(benchmark::kMillisecond);

/// The same with 20,000 users who stay with their arm, by MD5.
void canary_with_users(benchmark::State& bench) {
  Scenario scenario = canary_world();
  scenario.traffic.users = {.count = 20'000, .zipf = 1.1};
  play_canary(bench, AssignmentUnit::user, scenario);
}
BENCHMARK(canary_with_users)->DenseRange(0, 2)->Unit(benchmark::kMillisecond);

/// The full request world: those users; a latency that takes its time per token, so that it goes with length and
/// cost; lengths that go with prompts, and two arms' answers to one prompt that go together; errors, timeouts
/// and ratings of what was answered.
void canary_full(benchmark::State& bench) {
  Scenario scenario = canary_world();
  scenario.traffic.users = {.count = 20'000, .zipf = 1.1};
  scenario.traffic.token_correlation = 0.3;
  scenario.same_prompt.correlation = SamePrompt{}.correlation;
  scenario.baseline.latency.per_output_token_seconds = 0.002;
  play_canary(bench, AssignmentUnit::user, scenario);
}
BENCHMARK(canary_full)->DenseRange(0, 2)->Unit(benchmark::kMillisecond);

/// All parts of a faithful world at once, but for servers, under five gates.
void everything(benchmark::State& bench) {
  Scenario scenario = world();
  scenario.traffic.arrivals = BurstyArrivals{.rate_per_second = 40.0};
  scenario.traffic.segments = {{"free", 0.8}, {"premium", 0.2}};
  scenario.baseline.error_bursts.emplace();
  scenario.baseline.refusal_detector.specificity = 0.99;
  scenario.baseline.thumbs.delay = {DelayLaw::Kind::lognormal, 40.0, 1.9};
  scenario.noise.deployment = {{"latency", 0.02}, {"quality", 0.01}};
  scenario.noise.window = {{"latency", {0.05, 10min}}};
  scenario.noise.prompts["error"] = 0.08;
  scenario.effects = {effect("latency", 1.01)};
  scenario.effects[0].segment = "premium";
  play_one(bench, contender(five_gates()), scenario);
}
WORLD_BENCHMARK(everything);

/// In the middle of each minute.
void change_prices(Scenario& scenario) {
  Arm::Price& price = scenario.baseline.price;
  for (Duration from = 30s; from < scenario.horizon; from += 1min)
    price.changes.push_back({.from = from,
                             .input_usd_per_token = price.input_usd_per_token,
                             .output_usd_per_token = price.output_usd_per_token});
}

/// All that the table of prices has one by one.
void with_everything(Scenario& scenario) {
  scenario.traffic.arrivals = BurstyArrivals{.rate_per_second = 40.0};
  scenario.traffic.tenants.count = 100;
  scenario.traffic.tenants.burstiness.emplace();
  scenario.traffic.users.sessions.requests = 4.0;
  scenario.traffic.segments = {{"free", 0.8}, {"premium", 0.2}};
  scenario.baseline.error_bursts.emplace();
  scenario.baseline.refusal_detector.specificity = 0.99;
  scenario.baseline.thumbs.delay = {DelayLaw::Kind::lognormal, 40.0, 1.9};
  scenario.noise.deployment = {{"latency", 0.02}, {"quality", 0.01}};
  scenario.noise.window = {{"latency", {0.05, 10min}}};
  scenario.noise.prompts["error"] = 0.08;
  scenario.effects = {effect("latency", 1.01), effect("cost", 1.01), effect("error", 1.01)};
  scenario.effects[0].segment = "premium";
  scenario.effects[1].ramp_in = 12h;
  scenario.effects[2].above_served = 0.25;
  scenario.telemetry.lost = 0.01;
  change_prices(scenario);
}

// ---- the price of each part of a faithful world, at half exposure ----

template <typename Change>
void half_with(benchmark::State& bench, Change change) {
  Scenario scenario = world();
  change(scenario);
  play_one(bench, steady({.served = 5'000}), scenario);
}
#define PRICE_BENCHMARK(name, change) \
  BENCHMARK_CAPTURE(half_with, name, [](Scenario& s) { change; })->Unit(benchmark::kMillisecond)

PRICE_BENCHMARK(nothing, static_cast<void>(s));
PRICE_BENCHMARK(diurnal_arrivals, s.traffic.arrivals = DiurnalArrivals{.rate_per_second = 40.0});
PRICE_BENCHMARK(bursty_arrivals, s.traffic.arrivals = BurstyArrivals{.rate_per_second = 40.0});
PRICE_BENCHMARK(bursty_tenants,
                (s.traffic.tenants.count = 100, s.traffic.tenants.burstiness.emplace()));
PRICE_BENCHMARK(sessions, s.traffic.users.sessions.requests = 4.0);
PRICE_BENCHMARK(late_feedback, (s.baseline.thumbs.delay = {DelayLaw::Kind::lognormal, 40.0, 1.9}));
PRICE_BENCHMARK(error_bursts, s.baseline.error_bursts.emplace());
PRICE_BENCHMARK(detector, s.baseline.refusal_detector.specificity = 0.99);
PRICE_BENCHMARK(noise, (s.noise.deployment = {{"latency", 0.02}, {"quality", 0.01}},
                        s.noise.window = {{"latency", {0.05, 10min}}}));
PRICE_BENCHMARK(flipping_prompts, s.noise.prompts["error"] = 0.08);
PRICE_BENCHMARK(an_effect, s.effects = {effect("latency", 1.01)});
PRICE_BENCHMARK(an_effect_for_a_segment,
                (s.traffic.segments = {{"free", 0.8}, {"premium", 0.2}},
                 s.effects = {effect("latency", 1.01)}, s.effects[0].segment = "premium"));
PRICE_BENCHMARK(an_effect_for_long_prompts,
                (s.effects = {effect("latency", 1.01)}, s.effects[0].above_input_tokens = 1'000.0));
PRICE_BENCHMARK(an_effect_above_an_exposure,
                (s.effects = {effect("latency", 1.01)}, s.effects[0].above_served = 0.25));
PRICE_BENCHMARK(a_ramping_effect,
                (s.effects = {effect("latency", 1.5)}, s.effects[0].ramp_in = 12h));
PRICE_BENCHMARK(a_periodic_effect,
                (s.effects = {effect("latency", 1.01)},
                 s.effects[0].periodic = Effect::Periodic{.period = 10s, .on = 3s}));
PRICE_BENCHMARK(a_price_change_a_minute, change_prices(s));
PRICE_BENCHMARK(telemetry_faults, s.telemetry.lost = 0.01);
PRICE_BENCHMARK(all_but_servers, with_everything(s));
PRICE_BENCHMARK(servers, s.serving.emplace());

void half_with_histograms(benchmark::State& bench) {
  Script script;
  script.stages = {{"half", {.served = 5'000}}};
  for (const char* metric : {"latency", "output_tokens"})
    script.probes.push_back(probe(metric, Statistic::Kind::mean, Form::distributions, 5min));
  play_one(bench, scripted(script), world());
}
WORLD_BENCHMARK(half_with_histograms);

void half_with_exact_quantiles(benchmark::State& bench) {
  Script script;
  script.stages = {{"half", {.served = 5'000}}};
  for (const char* metric : {"latency", "output_tokens"}) {
    Probe one = probe(metric, Statistic::Kind::quantile, Form::readings, 5min);
    one.statistic.probability = 0.99;
    script.probes.push_back(one);
  }
  play_one(bench, scripted(script), world());
}
WORLD_BENCHMARK(half_with_exact_quantiles);

void rate(benchmark::State& bench) {
  play_one(bench, contender(five_gates()), world(static_cast<double>(bench.range(0))));
}
BENCHMARK(rate)->Arg(1)->Arg(10)->Arg(100)->Arg(1'000)->Unit(benchmark::kMillisecond);

void field_of(benchmark::State& bench) {
  std::vector<Contender> contenders;
  for (std::int64_t i = 0; i < bench.range(0); ++i) {
    PlanSpec plan = five_gates();
    plan.gates[1].harm.margin = 1.1 + 0.001 * static_cast<double>(i);
    contenders.push_back(contender(plan));
  }
  play_field(bench, contenders, world());
}
BENCHMARK(field_of)->Arg(1)->Arg(10)->Arg(100)->Unit(benchmark::kMillisecond);

}  // namespace
}  // namespace gatewright::sim
