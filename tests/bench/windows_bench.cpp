// What a window costs, drawn whole and request by request, with all of five gates' metrics together.
// The argument is the number of requests a window expects at the arm; in rollouts, requests a second.
#include <benchmark/benchmark.h>

#include <vector>

#include "sim/field.h"
#include "sim/telemetry/quantile.h"
#include "sim/windows/window_world.h"
#include "tests/support/worlds.h"

namespace gatewright::sim {
namespace {

using namespace testing;
using Kind = Statistic::Kind;

Scenario world(double requests_per_second) {
  Scenario scenario = quiet_world();
  scenario.traffic.arrivals = PoissonArrivals{requests_per_second};
  scenario.traffic.users = {.count = 20'000, .zipf = 1.1};
  scenario.traffic.input_tokens.reset();
  scenario.traffic.output_tokens.reset();
  scenario.horizon = 12h;
  return scenario;
}

std::vector<Probe> five_metrics() {
  return {probe("latency", Kind::mean_log), probe("cost", Kind::mean_log),
          probe("error_or_refusal", Kind::rate), probe("output_tokens", Kind::mean_log),
          probe("thumbs_down", Kind::rate)};
}

/// The same, and two quantiles of latency.
std::vector<Probe> with_quantiles() {
  std::vector<Probe> probes = five_metrics();
  for (const double probability : {0.95, 0.99}) {
    probes.push_back(probe("latency", Kind::quantile, Form::readings));
    probes.back().statistic.probability = probability;
  }
  return probes;
}

/// The same, and the whole distribution of costs.
std::vector<Probe> with_histogram() {
  std::vector<Probe> probes = five_metrics();
  probes.push_back(probe("cost", Kind::mean, Form::distributions));
  return probes;
}

/// One arm: nothing is exposed, and the old model answers all. Quantiles are read of every window.
void one_arm_by_windows(benchmark::State& bench, const std::vector<Probe>& probes) {
  const Scenario scenario = world(static_cast<double>(bench.range(0)) / 60.0);
  const auto ready = prepared(scenario);
  WindowWorld windows(*ready);
  windows.start({1, 0});
  const RatingDelays delays(scenario.baseline.thumbs.delay, scenario.telemetry.window,
                            scenario.horizon);
  Measuring measuring;
  std::vector<Probe> quantiles;
  std::vector<double> probabilities;
  for (const Probe& probe : probes) {
    if (probe.statistic.kind != Kind::quantile) {
      measuring.add(measurement_of(probe), {});
      continue;
    }
    quantiles.push_back(probe);
    probabilities.push_back(probe.statistic.probability);
  }
  if (!quantiles.empty()) measuring.add(measurement_of(quantiles.front()), probabilities);
  std::vector<Tally> tallies(measuring.parts.size());
  std::vector<Tally*> places;
  for (Tally& tally : tallies) places.push_back(&tally);
  const ExposureSegment nothing{};
  const Assignment assignment;
  const WindowWorld::Exposed exposed{std::span(&nothing, 1), kNever,
                                     ExposureHistory(std::span(&nothing, 1)), assignment};
  const auto play = [&] {
    for (Tally& tally : tallies) tally[kBaselineArm].clear();
    windows.advance();
    benchmark::DoNotOptimize(windows.play(exposed, measuring, places, delays, nullptr));
    ArmTally& last = tallies.back()[kBaselineArm];
    for (const Probe& probe : quantiles)
      benchmark::DoNotOptimize(quantile(last.values, last.ranges, probe.statistic));
  };
  play();  // builds the law
  for (auto _ : bench) play();
}
void all_sizes(benchmark::internal::Benchmark* bench) {
  for (const int size : {50, 200, 750, 3'000, 15'000, 50'000, 60'000'000}) bench->Arg(size);
}
BENCHMARK_CAPTURE(one_arm_by_windows, sums, five_metrics())->Apply(all_sizes);
BENCHMARK_CAPTURE(one_arm_by_windows, quantiles, with_quantiles())->Apply(all_sizes);
BENCHMARK_CAPTURE(one_arm_by_windows, histogram, with_histogram())->Apply(all_sizes);

/// The same by requests.
void one_arm_by_requests(benchmark::State& bench, const std::vector<Probe>& probes) {
  Scenario scenario = world(static_cast<double>(bench.range(0)) / 60.0);
  scenario.horizon = 10min;
  Script script;
  script.stages = {{"nothing", {}}};
  script.probes = probes;
  const std::vector<Contender> field = {scripted(script)};
  const auto ready = prepared(scenario);
  Field players(field, *ready);
  std::uint64_t replication = 0;
  players.play({1, replication++});
  for (auto _ : bench) players.play({1, replication++});
  bench.counters["time_per_window"] =
      benchmark::Counter(10.0 * static_cast<double>(bench.iterations()),
                         benchmark::Counter::kIsRate | benchmark::Counter::kInvert);
}
BENCHMARK_CAPTURE(one_arm_by_requests, sums, five_metrics())->Arg(50)->Arg(750)->Arg(15'000);
BENCHMARK_CAPTURE(one_arm_by_requests, quantiles, with_quantiles())->Arg(50)->Arg(750)->Arg(15'000);

void rollout(benchmark::State& bench, Fidelity fidelity) {
  Scenario scenario = world(static_cast<double>(bench.range(0)) / 60.0);
  scenario.fidelity = fidelity;
  const std::vector<Contender> field = {contender(five_gates())};
  const auto ready = prepared(scenario);
  Field players(field, *ready);
  std::uint64_t replication = 0;
  players.play({1, replication++});
  for (auto _ : bench) players.play({1, replication++});
}
/// Whole rollouts, from 10 requests a minute to a million a second.
BENCHMARK_CAPTURE(rollout, windows, Fidelity::windows)
    ->Arg(10)
    ->Arg(600)
    ->Arg(2'400)
    ->Arg(60'000)
    ->Arg(60'000'000)
    ->Unit(benchmark::kMillisecond);
BENCHMARK_CAPTURE(rollout, requests, Fidelity::requests)
    ->Arg(10)
    ->Arg(600)
    ->Arg(2'400)
    ->Unit(benchmark::kMillisecond);

}  // namespace
}  // namespace gatewright::sim
