// What many points cost against one: thresholds of one recording, policies of one field, threads.
// Each benchmark measures both sides in turns and reports their ratio, which a busy machine moves least.
#include <benchmark/benchmark.h>

#include <algorithm>
#include <chrono>
#include <cstdint>
#include <iterator>
#include <memory>
#include <span>
#include <vector>

#include "analysis/threshold_curve.h"
#include "policies/compile.h"
#include "sim/checkers.h"
#include "sim/field.h"
#include "tests/support/worlds.h"

namespace gatewright {
namespace {

using namespace sim::testing;

class Stopwatch {
 public:
  template <class Work>
  void time(Work work) {
    const auto start = std::chrono::steady_clock::now();
    work();
    seconds_ += std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count();
  }
  [[nodiscard]] double seconds() const { return seconds_; }

 private:
  double seconds_ = 0.0;
};

sim::Scenario world() {
  sim::Scenario scenario = quiet_world();
  scenario.traffic.arrivals = sim::PoissonArrivals{40.0};
  scenario.traffic.users = {.count = 20'000, .zipf = 1.1};
  scenario.horizon = 12h;
  return scenario;
}

sim::Contender watching(const PlanSpec& plan) {
  return {plan.name, *compile(plan, GateAuthority::watching).engine, plan.assignment,
          std::make_shared<const PlanSpec>(plan)};
}

/// Five gates, one curve: the recording is played, then one point or a thousand are read off it.
void threshold_curve_of(benchmark::State& bench) {
  constexpr std::uint64_t kRuns = 32;
  const PlanSpec plan = five_gates();
  const auto ready = prepared(world());
  const std::vector<sim::Contender> recorder{watching(plan)}, player{contender(plan)};
  Stopwatch plain, recording, one_point, all_points;
  std::uint64_t first = 0;
  for (auto _ : bench) {
    const sim::ManyOptions options{
        .seed = 1, .first_replication = first, .replications = kRuns, .threads = 1};
    first += kRuns;
    plain.time([&] { benchmark::DoNotOptimize(sim::run_many(player, *ready, options)); });
    sim::ManyRecords records;
    recording.time([&] {
      sim::ManyOptions with = options;
      with.thresholds = true;
      records = sim::run_many(recorder, *ready, with);
    });
    const analysis::CurveRuns runs{.healthy = records.thresholds[0],
                                   .harmful = records.thresholds[0]};
    const auto curve = [&](std::size_t points) {
      benchmark::DoNotOptimize(analysis::threshold_curve(
          runs, plan,
          {.gate = 1, .thresholds = analysis::spread_thresholds(runs, plan, 1, points)}));
    };
    one_point.time([&] { curve(1); });
    all_points.time([&] { curve(static_cast<std::size_t>(bench.range(0))); });
  }
  bench.counters["to_one_point"] =
      (recording.seconds() + all_points.seconds()) / (recording.seconds() + one_point.seconds());
  bench.counters["to_recording"] =
      (recording.seconds() + all_points.seconds()) / recording.seconds();
  bench.counters["recording_to_run"] = recording.seconds() / plain.seconds();
}
BENCHMARK(threshold_curve_of)->Arg(1'000)->Unit(benchmark::kMillisecond);

/// A field of policies that differ in one margin against one policy's world and as many walks of their
/// engines through what they were told: bare, and with every step checked as a rehearsal checks it.
void field_against_walks(benchmark::State& bench) {
  const auto ready = prepared(world());
  std::vector<sim::Contender> field;
  for (std::int64_t i = 0; i < bench.range(0); ++i) {
    PlanSpec plan = five_gates();
    plan.gates[1].harm.margin = 1.1 + 0.0005 * static_cast<double>(i);
    field.push_back(contender(plan));
  }
  sim::Field many(field, *ready);
  const std::span<const sim::Contender> all(field);
  sim::Field one(all.first(1), *ready);
  Stopwatch together, alone, walks, checked_walks;
  std::uint64_t replication = 0;
  many.play({1, replication});
  for (auto _ : bench) {
    const sim::RunKey key{1, ++replication};
    std::vector<sim::RunTrace> traces(1);
    one.play(key, &traces);
    together.time([&] { many.play(key); });
    alone.time([&] { one.play(key); });
    walks.time([&] {
      for (const sim::Contender& each : field) {
        RolloutState state = each.engine.initial_state(Instant{});
        for (const JournalEntry& entry : traces[0].journal.entries())
          benchmark::DoNotOptimize(each.engine.step(state, entry.observation));
      }
    });
    checked_walks.time([&] {
      for (const sim::Contender& each : field) {
        sim::CheckerMemory memory;
        sim::Checker checker(each.engine.shared_policy(), each.plan, sim::machine_of(each.engine),
                             memory);
        checker.start(key.replication, sim::Restarts::seldom);
        RolloutState state = each.engine.initial_state(Instant{});
        for (const JournalEntry& entry : traces[0].journal.entries()) {
          checker.remember(state);
          const Decision decision = each.engine.step(state, entry.observation);
          checker.check(entry.observation, decision, state);
        }
      }
    });
  }
  const double played = static_cast<double>(replication);
  bench.counters["to_world_and_walks"] = together.seconds() / (alone.seconds() + walks.seconds());
  bench.counters["to_world_and_checked_walks"] =
      together.seconds() / (alone.seconds() + checked_walks.seconds());
  bench.counters["to_one_world"] = together.seconds() / alone.seconds();
  bench.counters["field_ms"] = 1e3 * together.seconds() / played;
  bench.counters["world_ms"] = 1e3 * alone.seconds() / played;
  bench.counters["walks_ms"] = 1e3 * walks.seconds() / played;
  bench.counters["checked_walks_ms"] = 1e3 * checked_walks.seconds() / played;
}
BENCHMARK(field_against_walks)
    ->Arg(1)
    ->Arg(10)
    ->Arg(100)
    ->Arg(1'000)
    ->Unit(benchmark::kMillisecond);

void threads_against_one(benchmark::State& bench) {
  constexpr std::uint64_t kRuns = 400;  // as `gatewright run` plays by default
  const auto ready = prepared(world());
  const std::vector<sim::Contender> player{contender(five_gates())};
  std::vector<double> speed_ups;  // their median: what else runs takes a thread away at times
  std::uint64_t first = 0;
  const auto play = [&](unsigned threads) {
    benchmark::DoNotOptimize(sim::run_many(
        player, *ready,
        {.seed = 1, .first_replication = first, .replications = kRuns, .threads = threads}));
  };
  for (auto _ : bench) {
    Stopwatch one, many;
    one.time([&] { play(1); });
    many.time([&] { play(static_cast<unsigned>(bench.range(0))); });
    speed_ups.push_back(one.seconds() / many.seconds());
    first += kRuns;
  }
  const auto middle = speed_ups.begin() + std::ssize(speed_ups) / 2;
  std::ranges::nth_element(speed_ups, middle);
  bench.counters["speed_up"] = *middle;
}
BENCHMARK(threads_against_one)->Arg(2)->Arg(4)->UseRealTime()->Unit(benchmark::kMillisecond);

}  // namespace
}  // namespace gatewright
