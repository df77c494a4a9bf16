// What one step of the engine costs, by the kind of observation, under five gates.
#include <benchmark/benchmark.h>

#include <chrono>
#include <string>
#include <vector>

#include "policies/compile.h"
#include "policies/digest.h"
#include "policies/encoding.h"
#include "policies/histogram.h"

namespace gatewright {
namespace {

using namespace std::chrono_literals;

/// Five gates: two anytime tests on samples, one quantile on histograms, two bare thresholds.
Engine engine() {
  PlanSpec plan;
  plan.false_alarm_budget = 0.05;
  plan.stages = {{.name = "10%", .served = 0.1, .dwell = 24h * 365}};
  plan.gates.resize(5);
  const char* const metrics[] = {"cost", "error", "latency", "refusal", "ttft"};
  const char* const tests[] = {"normal_mixture", "beta_binomial_mixture", "fixed_threshold",
                               "fixed_threshold", "fixed_threshold"};
  for (std::size_t i = 0; i < plan.gates.size(); ++i) {
    plan.gates[i].name = plan.gates[i].metric = metrics[i];
    plan.gates[i].test.name = tests[i];
    plan.gates[i].harm.margin = 2.0;
  }
  plan.gates[2].harm.kind = HarmSpec::Kind::quantile;
  plan.gates[2].harm.probability = 0.99;
  plan.gates[2].test.parameters["definition"] = std::string("histogram");
  return *compile(plan).engine;
}

Samples samples(std::uint16_t probe, std::uint64_t window) {
  return {.probe = ProbeIndex{probe},
          .window = window,
          .baseline = {.count = 3'000, .sum = 30.0, .sum_of_squares = 30.0},
          .candidate = {.count = 300, .sum = 3.0, .sum_of_squares = 3.0}};
}

/// Steps through what `event` makes of each round.
template <class MakeEvent>
void step(benchmark::State& bench, MakeEvent event) {
  const Engine engine_of_five = engine();
  RolloutState state = engine_of_five.initial_state(Instant{});
  std::uint64_t round = 0;
  for (auto _ : bench) {
    ++round;
    const Decision decision = engine_of_five.step(
        state, {.sequence = round, .at = after(state.at, 1s), .event = event(round)});
    benchmark::DoNotOptimize(decision);
  }
  bench.SetItemsProcessed(static_cast<std::int64_t>(round));
}

void BM_Tick(benchmark::State& bench) {
  step(bench, [](std::uint64_t) { return Tick{}; });
}
BENCHMARK(BM_Tick);

void BM_NormalMixture(benchmark::State& bench) {
  step(bench, [](std::uint64_t round) { return samples(0, round); });
}
BENCHMARK(BM_NormalMixture);

void BM_BetaBinomialMixture(benchmark::State& bench) {
  step(bench, [](std::uint64_t round) { return samples(1, round); });
}
BENCHMARK(BM_BetaBinomialMixture);

void BM_FixedThreshold(benchmark::State& bench) {
  step(bench, [](std::uint64_t round) { return samples(3, round); });
}
BENCHMARK(BM_FixedThreshold);

void BM_Histogram(benchmark::State& bench) {
  Histogram histogram;
  for (std::int64_t i = 1; i <= bench.range(0); ++i)
    histogram.add(0.5 * (1.0 + 0.006 * static_cast<double>(i)));
  const HistogramView view = histogram.view();
  step(bench, [view](std::uint64_t round) {
    return Distributions{
        .probe = ProbeIndex{2}, .window = round, .baseline = view, .candidate = view};
  });
}
BENCHMARK(BM_Histogram)->Arg(50)->Arg(300);

void BM_Digest(benchmark::State& bench) {
  const RolloutState state = engine().initial_state(Instant{});
  for (auto _ : bench) benchmark::DoNotOptimize(digest(state));
}
BENCHMARK(BM_Digest);

void BM_EncodeEntry(benchmark::State& bench) {
  const JournalEntry entry{.observation = {.sequence = 7, .event = samples(0, 3)}};
  for (auto _ : bench) benchmark::DoNotOptimize(encode(entry));
}
BENCHMARK(BM_EncodeEntry);

void BM_DecodeEntry(benchmark::State& bench) {
  const std::string line =
      encode(JournalEntry{.observation = {.sequence = 7, .event = samples(0, 3)}});
  for (auto _ : bench) {
    Journal journal;
    benchmark::DoNotOptimize(decode_entry(line, journal));
  }
}
BENCHMARK(BM_DecodeEntry);

}  // namespace
}  // namespace gatewright
