// Workload A, one server at utilisation 0.9; requests per second through one arm's servers, against the
// same servers token by token; and the price of servers in a whole rollout.
#include <benchmark/benchmark.h>

#include <array>
#include <cmath>
#include <cstdint>
#include <vector>

#include "sim/field.h"
#include "sim/lane_stream.h"
#include "sim/serving/station.h"
#include "tests/support/count_allocations.h"
#include "tests/support/stepping_station.h"
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

/// Poisson arrivals at 0.9 a second and exponential service of mean 1, drawn as the world draws its
/// columns; an arrival and an end are two events.
void workload_a(benchmark::State& bench) {
  constexpr std::size_t kBlock = 256;
  constexpr std::size_t kBlocks = 2'000;
  ServingPool one = pool(1, 1, 0.0);
  one.queue = std::numeric_limits<std::uint32_t>::max();
  Station station(one);
  std::array<float, kBlock> gaps;
  std::array<float, kBlock> services;
  std::uint64_t replication = 0;
  std::uint64_t customers = 0;
  std::uint64_t allocated = 0;
  double sojourns = 0.0;
  const auto play = [&] {
    station.start();
    LaneStream arrivals({1, replication, "bench.arrivals", 0});
    LaneStream service({1, replication++, "bench.service", 0});
    double at = 0.0;
    const auto leave = [&] {
      for (const EndedJob& job : station.ended())
        sojourns += job.waited_seconds + job.batch.seconds;
      customers += station.ended().size();
      station.forget_ended();
    };
    for (std::size_t block = 0; block < kBlocks; ++block) {
      arrivals.fill_exponential(gaps);
      service.fill_exponential(services);
      for (std::size_t i = 0; i < kBlock; ++i) {
        at += static_cast<double>(gaps[i]) / 0.9;
        station.arrive({.at_seconds = at, .work = static_cast<double>(services[i])});
      }
      leave();
    }
    station.run_out();
    leave();
  };
  play();  // warm
  customers = 0;
  sojourns = 0.0;
  const std::uint64_t before = allocations.load();
  for (auto _ : bench) play();
  allocated = allocations.load() - before;
  const auto count = static_cast<double>(customers);
  bench.counters["events"] = benchmark::Counter(2.0 * count, benchmark::Counter::kIsRate);
  bench.counters["mean_sojourn"] = sojourns / count;  // 10 in theory
  bench.counters["allocations"] = static_cast<double>(allocated);
}
BENCHMARK(workload_a)->Unit(benchmark::kMillisecond);

constexpr double kBatchRate = 40.0;  // of 4 x 16 slots at slowdown 0.02

void batches(benchmark::State& bench) {
  play(bench, pool(4, 16, 0.02), jobs(100'000, kBatchRate, 200.0, 30.0));
}
BENCHMARK(batches)->Unit(benchmark::kMillisecond);

/// The same requests with an event per token.
void batches_step_by_step(benchmark::State& bench) {
  const std::vector<Job> few = jobs(10'000, kBatchRate, 200.0, 30.0);
  for (auto _ : bench) benchmark::DoNotOptimize(SteppingStation(pool(4, 16, 0.02), few).play());
  bench.SetItemsProcessed(bench.iterations() * static_cast<std::int64_t>(few.size()));
}
BENCHMARK(batches_step_by_step)->Unit(benchmark::kMillisecond);

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
