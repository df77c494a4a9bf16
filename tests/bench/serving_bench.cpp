// Requests per second through one arm's servers, against the same servers token by token, and the
// price of servers in a whole rollout.
#include <benchmark/benchmark.h>

#include <cmath>
#include <cstdint>
#include <vector>

#include "sim/field.h"
#include "sim/serving/station.h"
#include "tests/support/token_station.h"
#include "tests/support/worlds.h"

namespace gatewright::sim {
namespace {

using namespace testing;

/// Poisson arrivals; answers of `tokens` on average, exponential.
std::vector<Job> jobs(std::size_t count, double rate, double tokens, double patience) {
  Stream stream({7, 0, "bench", 0});
  std::vector<Job> jobs;
  double at = 0.0;
  for (std::size_t i = 0; i < count; ++i) {
    at -= std::log(stream.uniform()) / rate;
    jobs.push_back({.at_seconds = at,
                    .work = -tokens * std::log(stream.uniform()),
                    .seconds_per_unit = 1.0 / tokens,
                    .patience_seconds = patience});
  }
  return jobs;
}

void play(benchmark::State& bench, const ServingPool& pool, const std::vector<Job>& jobs) {
  Station station(pool);
  for (auto _ : bench) {
    station.start();
    for (const Job& job : jobs) {
      station.arrive(job);
      station.forget_ended();
    }
    station.run_out();
    benchmark::DoNotOptimize(station.use());
  }
  bench.SetItemsProcessed(bench.iterations() * static_cast<std::int64_t>(jobs.size()));
}

/// One server at utilisation 0.9: an arrival and an end per request.
void mm1(benchmark::State& bench) {
  play(bench, pool(1, 1, 0.0), jobs(100'000, 0.9, 1.0, std::numeric_limits<double>::infinity()));
}
BENCHMARK(mm1)->Unit(benchmark::kMillisecond);

constexpr double kBatchRate = 40.0;  // of 4 x 16 slots at slowdown 0.02

void batches(benchmark::State& bench) {
  play(bench, pool(4, 16, 0.02), jobs(100'000, kBatchRate, 200.0, 30.0));
}
BENCHMARK(batches)->Unit(benchmark::kMillisecond);

void batches_token_by_token(benchmark::State& bench) {
  const std::vector<Job> few = jobs(500, kBatchRate, 200.0, 30.0);
  for (auto _ : bench) benchmark::DoNotOptimize(play_by_tokens(pool(4, 16, 0.02), few));
  bench.SetItemsProcessed(bench.iterations() * static_cast<std::int64_t>(few.size()));
}
BENCHMARK(batches_token_by_token)->Unit(benchmark::kMillisecond);

void many_replicas(benchmark::State& bench) {
  play(bench, pool(64, 16, 0.02), jobs(100'000, 16.0 * kBatchRate, 200.0, 30.0));
}
BENCHMARK(many_replicas)->Unit(benchmark::kMillisecond);

/// Twelve hours at half exposure, 40 requests a second, five gates' probes; 1: with servers.
void rollout(benchmark::State& bench) {
  Scenario scenario = quiet_world();
  scenario.traffic.arrivals = PoissonArrivals{40.0};
  scenario.traffic.users = {.count = 20'000, .zipf = 1.1};
  scenario.horizon = 12h;
  if (bench.range(0) == 1) {
    scenario.serving = Serving{};
    scenario.serving->baseline = scenario.serving->candidate = pool(10, 16, 0.005);
  }
  Script script;
  script.stages = {{"half", {.served = 5'000}}};
  for (const auto& [metric, kind] : {std::pair{"latency", Statistic::Kind::mean_log},
                                     {"cost", Statistic::Kind::mean_log},
                                     {"error_or_refusal", Statistic::Kind::rate},
                                     {"output_tokens", Statistic::Kind::mean_log},
                                     {"thumbs_down", Statistic::Kind::rate}})
    script.probes.push_back(probe(metric, kind, Form::samples, 5min));
  const std::vector<Contender> contenders{scripted(script)};
  const auto ready = prepared(scenario);
  Field field(contenders, *ready);
  std::uint64_t replication = 0;
  std::uint64_t requests = 0;
  for (auto _ : bench) {
    field.play({1, replication++});
    requests += field.record(0).requests;
  }
  bench.SetItemsProcessed(static_cast<std::int64_t>(requests));
}
BENCHMARK(rollout)->Arg(0)->Arg(1)->Unit(benchmark::kMillisecond);

}  // namespace
}  // namespace gatewright::sim
