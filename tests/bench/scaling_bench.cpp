// What a request costs as worlds grow: users, and telemetry windows; and what an experiment costs before
// its first request. One contender under five gates at 40 requests/s.
#include <benchmark/benchmark.h>

#include <chrono>
#include <cstdint>
#include <vector>

#include "sim/field.h"
#include "tests/support/worlds.h"

namespace gatewright::sim {
namespace {

using namespace testing;

Scenario world() {
  Scenario scenario = quiet_world();
  scenario.traffic.arrivals = PoissonArrivals{40.0};
  scenario.traffic.users = {.count = 20'000, .zipf = 1.1};
  scenario.horizon = 12h;
  return scenario;
}

void play(benchmark::State& bench, const Scenario& scenario) {
  const std::vector<Contender> contenders{contender(five_gates())};
  const auto ready = prepared(scenario);
  Field field(contenders, *ready);
  std::uint64_t replication = 0;
  std::uint64_t requests = 0;
  field.play({1, replication++});  // warm
  for (auto _ : bench) {
    field.play({1, replication++});
    requests += field.record(0).requests;
  }
  const auto count = static_cast<double>(requests);
  bench.counters["requests"] = benchmark::Counter(count, benchmark::Counter::kIsRate);
  bench.counters["time_per_request"] =
      benchmark::Counter(count, benchmark::Counter::kIsRate | benchmark::Counter::kInvert);
}

void users(benchmark::State& bench) {
  Scenario scenario = world();
  scenario.traffic.users.count = static_cast<std::uint32_t>(bench.range(0));
  play(bench, scenario);
}
BENCHMARK(users)->Arg(100)->Arg(10'000)->Arg(1'000'000)->Unit(benchmark::kMillisecond);

/// The argument: seconds of a telemetry window.
void window_seconds(benchmark::State& bench) {
  Scenario scenario = world();
  scenario.telemetry.window = std::chrono::seconds(bench.range(0));
  play(bench, scenario);
}
BENCHMARK(window_seconds)->Arg(10)->Arg(60)->Arg(300)->Unit(benchmark::kMillisecond);

/// Tables, a field, and one rollout that is over after a minute.
void shortest_experiment(benchmark::State& bench) {
  const std::vector<Contender> contenders{contender(five_gates())};
  Scenario scenario = world();
  scenario.horizon = 1min;
  for (auto _ : bench) {
    const auto ready = prepared(scenario);
    benchmark::DoNotOptimize(
        run_many(contenders, *ready, {.seed = 1, .replications = 1, .threads = 1}));
  }
}
BENCHMARK(shortest_experiment)->Unit(benchmark::kMicrosecond);

}  // namespace
}  // namespace gatewright::sim
