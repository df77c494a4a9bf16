// What checking the invariants adds to an engine step, on the observations of a simulated rollout.
// Reported per step: time and heap allocations; the engine alone must make none.
#include <benchmark/benchmark.h>

#include <cstdint>
#include <vector>

#include "policies/encoding.h"
#include "sim/checkers.h"
#include "tests/support/count_allocations.h"
#include "tests/support/worlds.h"

namespace gatewright::sim {
namespace {

using namespace testing;

/// The observations of one healthy rollout of two days under five gates that look every minute.
struct Rehearsed {
  Rehearsed() {
    PlanSpec plan = five_gates();
    plan.every = 1min;
    for (StageSpec& stage : plan.stages) stage.dwell = 5h;
    one = contender(plan);
    Scenario scenario = quiet_world();
    scenario.traffic.arrivals = PoissonArrivals{2.0};
    scenario.horizon = 48h;
    record = play(*one, scenario, {1, 0}, &trace);
  }
  std::optional<Contender> one;
  RunRecord record;
  RunTrace trace;
};

const Rehearsed& rehearsed() {
  static const Rehearsed once;
  return once;
}

/// Runs `visit(state, observation)` over the journal again and again, `start()` before each time.
template <typename Start, typename Visit>
void over_journal(benchmark::State& bench, Start start, Visit visit) {
  const auto& entries = rehearsed().trace.journal.entries();
  RolloutState state = rehearsed().trace.initial_state;
  start();
  visit(state, entries.front().observation);  // scratch memory is there from here on
  std::uint64_t steps = 0;
  const std::uint64_t before = allocations.load();
  for (auto _ : bench) {
    bench.PauseTiming();
    state = rehearsed().trace.initial_state;
    start();
    bench.ResumeTiming();
    for (const JournalEntry& entry : entries) visit(state, entry.observation);
    steps += entries.size();
  }
  const auto count = static_cast<double>(steps);
  bench.counters["steps"] = benchmark::Counter(count, benchmark::Counter::kIsRate);
  bench.counters["time_per_step"] =
      benchmark::Counter(count, benchmark::Counter::kIsRate | benchmark::Counter::kInvert);
  bench.counters["allocations_per_step"] = static_cast<double>(allocations.load() - before) / count;
}

void step(benchmark::State& bench) {
  const Engine& engine = rehearsed().one->engine;
  over_journal(
      bench, [] {},
      [&](RolloutState& state, const Observation& observation) {
        benchmark::DoNotOptimize(engine.step(state, observation));
      });
}
BENCHMARK(step);

void step_checked(benchmark::State& bench, Restarts restarts) {
  const Engine& engine = rehearsed().one->engine;
  CheckerMemory memory;
  Checker checker(engine.shared_policy(), rehearsed().one->plan, machine_of(engine), memory);
  std::uint64_t replication = 0;
  over_journal(
      bench, [&] { checker.start(replication++, restarts); },
      [&](RolloutState& state, const Observation& observation) {
        checker.remember(state);
        const Decision decision = engine.step(state, observation);
        checker.check(observation, decision, state);
      });
  if (!checker.violations().empty()) bench.SkipWithError("an invariant is broken");
}
BENCHMARK_CAPTURE(step_checked, with_a_journal, Restarts::often);
BENCHMARK_CAPTURE(step_checked, without, Restarts::seldom);

void snapshot_and_restart(benchmark::State& bench) {
  const Engine& engine = rehearsed().one->engine;
  const Machine machine = machine_of(engine);
  RolloutState state = rehearsed().trace.initial_state;
  for (const JournalEntry& entry : rehearsed().trace.journal.entries())
    benchmark::DoNotOptimize(engine.step(state, entry.observation));
  RolloutState restarted;
  for (auto _ : bench) benchmark::DoNotOptimize(machine.restart(state, restarted));
}
BENCHMARK(snapshot_and_restart);

}  // namespace
}  // namespace gatewright::sim
