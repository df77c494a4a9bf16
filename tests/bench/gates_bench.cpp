// What each gate test costs: one update, and one question for evidence, in nanoseconds.
#include <benchmark/benchmark.h>

#include <algorithm>
#include <array>
#include <cmath>
#include <memory>
#include <string>
#include <vector>

#include "policies/gates/catalogue.h"
#include "policies/histogram.h"

namespace gatewright {
namespace {

/// The first gate of this line that can be made: on numbers or events, compared or not, on means,
/// quantiles or distributions.
std::unique_ptr<GateTest> any_gate_of(const GateTestInfo& info) {
  for (const auto kind :
       {HarmSpec::Kind::mean, HarmSpec::Kind::quantile, HarmSpec::Kind::distribution})
    for (const char* metric : {"cost", "error"})
      for (const auto relation : {HarmSpec::Relation::ratio, HarmSpec::Relation::difference,
                                  HarmSpec::Relation::absolute}) {
        GateSpec spec;
        spec.name = spec.metric = metric;
        spec.harm.kind = kind;
        spec.harm.probability = kind == HarmSpec::Kind::quantile ? 0.9 : 0.0;
        spec.harm.relation = relation;
        spec.harm.margin = relation == HarmSpec::Relation::ratio ? 1.5 : 0.02;
        spec.test.name = info.name;
        Diagnostics diagnostics;
        if (auto test = info.make(spec, diagnostics)) {
          test->prepare({});
          return test;
        }
      }
  return nullptr;
}

/// 1,000 values around 1, a tenth of that for the candidate.
const Histogram& histogram(bool of_candidate) {
  static const auto made = [] {
    std::array<Histogram, 2> both;
    for (int i = 0; i < 1000; ++i) both[0].add(0.5 + 0.001 * i);
    for (int i = 0; i < 100; ++i) both[1].add(0.5 + 0.01 * i);
    return both;
  }();
  return made[of_candidate ? 1 : 0];
}

/// 1,000 against 100 requests: events at 2%, as 0 and 1, which is a number too; the values of
/// histogram(); or a reading of each arm, which moves from look to look.
Observation window(Form form, int look) {
  Observation observation;
  switch (form) {
    case Form::samples:
      observation.event = Samples{.baseline = {.count = 1000, .sum = 20.0, .sum_of_squares = 20.0},
                                  .candidate = {.count = 100, .sum = 2.0, .sum_of_squares = 2.0}};
      break;
    case Form::distributions:
      observation.event =
          Distributions{.baseline = histogram(false).view(), .candidate = histogram(true).view()};
      break;
    case Form::readings: {
      const auto reading = [](double value) {
        return Reading{.value = value, .count = 100, .status = ReadingStatus::ok};
      };
      observation.event = Readings{.baseline = reading(1.0 + 0.1 * std::sin(2.4 * look)),
                                   .candidate = reading(1.0 + 0.1 * std::sin(1.7 * look))};
      break;
    }
  }
  return observation;
}

void update(benchmark::State& bench, const GateTestInfo& info) {
  const auto test = any_gate_of(info);
  std::vector<double> slots(test->slots(), 0.0);
  const Observation observation = window(test->form(), 0);
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
  for (int look = 0; look < 60; ++look) test->update(slots, window(test->form(), look));
  for (auto _ : bench) {
    const Evidence said = test->evidence(slots, {});
    benchmark::DoNotOptimize(said);
  }
}

const int kRegistered = [] {
  for (const GateTestInfo& info : gate_tests()) {
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
