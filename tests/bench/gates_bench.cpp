// What each gate test costs: one update, and one question for evidence, in nanoseconds.
#include <benchmark/benchmark.h>

#include <algorithm>
#include <memory>
#include <string>
#include <vector>

#include "policies/gates/catalogue.h"

namespace gatewright {
namespace {

/// The first gate of this line that can be made: on numbers or events, compared or not.
std::unique_ptr<GateTest> any_gate_of(const GateTestInfo& info) {
  for (const char* metric : {"cost", "error"})
    for (const auto relation : {HarmSpec::Relation::ratio, HarmSpec::Relation::difference,
                                HarmSpec::Relation::absolute}) {
      GateSpec spec;
      spec.name = spec.metric = metric;
      spec.harm.relation = relation;
      spec.harm.margin = relation == HarmSpec::Relation::ratio ? 1.5 : 0.02;
      spec.test.name = info.name;
      Diagnostics diagnostics;
      if (auto test = info.make(spec, diagnostics)) return test;
    }
  return nullptr;
}

/// 1,000 against 100 requests at 2%, as 0 and 1, which is a number too.
Observation window() {
  Observation observation;
  observation.event = Samples{.baseline = {.count = 1000, .sum = 20.0, .sum_of_squares = 20.0},
                              .candidate = {.count = 100, .sum = 2.0, .sum_of_squares = 2.0}};
  return observation;
}

void update(benchmark::State& bench, const GateTestInfo& info) {
  const auto test = any_gate_of(info);
  std::vector<double> slots(test->slots(), 0.0);
  const Observation observation = window();
  std::uint64_t rounds = 0;
  for (auto _ : bench) {
    // Sums that grew for ever would not be those of a rollout.
    if (++rounds % 4096 == 0) std::ranges::fill(slots, 0.0);
    test->update(slots, observation);
    benchmark::DoNotOptimize(slots.data());
  }
}

void evidence(benchmark::State& bench, const GateTestInfo& info) {
  const auto test = any_gate_of(info);
  std::vector<double> slots(test->slots(), 0.0);
  const Observation observation = window();
  for (int look = 0; look < 40; ++look) test->update(slots, observation);
  for (auto _ : bench) {
    const Evidence said = test->evidence(slots, {});
    benchmark::DoNotOptimize(said);
  }
}

const int kRegistered = [] {
  for (const GateTestInfo& info : gate_tests()) {
    if (any_gate_of(info) == nullptr) continue;  // asks for readings or distributions
    const std::string name(info.name);
    benchmark::RegisterBenchmark(("update/" + name).c_str(),
                                 [&info](benchmark::State& bench) { update(bench, info); });
    benchmark::RegisterBenchmark(("evidence/" + name).c_str(),
                                 [&info](benchmark::State& bench) { evidence(bench, info); });
  }
  return 0;
}();

}  // namespace
}  // namespace gatewright
