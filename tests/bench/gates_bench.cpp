// What each line of the catalogue costs: one update, and one question for evidence, in nanoseconds
// and allocations.
#include <benchmark/benchmark.h>

#include <algorithm>
#include <array>
#include <cmath>
#include <cstdio>
#include <cstdlib>
#include <memory>
#include <string>
#include <vector>

#include "policies/gates/catalogue.h"
#include "policies/histogram.h"
#include "tests/support/count_allocations.h"

namespace gatewright {
namespace {

/// The first gate of this line that can be made: on numbers or events, compared or not, on means,
/// quantiles or distributions, with a margin or without.
std::unique_ptr<GateTest> any_gate_of(const GateTestInfo& info) {
  for (const bool has_margin : {true, false})
    for (const auto kind :
         {HarmSpec::Kind::mean, HarmSpec::Kind::quantile, HarmSpec::Kind::distribution})
      for (const char* metric : {"cost", "error"})
        for (const auto relation : {HarmSpec::Relation::ratio, HarmSpec::Relation::difference,
                                    HarmSpec::Relation::absolute}) {
          const bool is_ratio = relation == HarmSpec::Relation::ratio;
          GateSpec spec;
          spec.name = spec.metric = metric;
          spec.harm.kind = kind;
          spec.harm.probability = kind == HarmSpec::Kind::quantile ? 0.9 : 0.0;
          spec.harm.relation = relation;
          spec.harm.margin = (is_ratio ? 1.0 : 0.0) + (has_margin ? (is_ratio ? 0.5 : 0.02) : 0.0);
          spec.test.name = info.name;
          Diagnostics diagnostics;
          if (auto test = info.make(spec, diagnostics)) {
            test->prepare({});
            return test;
          }
        }
  std::fprintf(stderr, "no gate of %s can be made here\n", std::string(info.name).c_str());
  std::abort();
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

/// 1,000 against 100 requests: events at 2%, as 0 and 1, which is a number too; the same of 1,000
/// pairs, or with a covariate, where the test asks for them; the values of histogram(); or a reading of
/// each arm, which moves from look to look.
Observation window(const GateTest& test, int look) {
  Observation observation;
  const Summary twenty{.count = 1000, .sum = 20.0, .sum_of_squares = 20.0};
  switch (test.form()) {
    case Form::samples: {
      Samples samples{.baseline = twenty,
                      .candidate = {.count = 100, .sum = 2.0, .sum_of_squares = 2.0}};
      const Statistic statistic = test.statistic();
      if (statistic.pairs) {
        samples.paired = true;
        samples.candidate = twenty;
        samples.sum_of_products = 5.0;
      }
      if (!statistic.covariate.empty())
        samples.covariates = {
            .baseline = {.sum = 1000.0, .sum_of_squares = 1200.0, .sum_of_products = 21.0},
            .candidate = {.sum = 100.0, .sum_of_squares = 120.0, .sum_of_products = 2.1}};
      observation.event = samples;
      break;
    }
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
  const Observation observation = window(*test, 0);
  std::uint64_t rounds = 0;
  const std::uint64_t before = allocations;
  for (auto _ : bench) {
    // Sums that grew for ever would not be those of a rollout.
    if (++rounds % 4096 == 0) std::ranges::fill(slots, 0.0);
    test->update(slots, observation);
    benchmark::DoNotOptimize(slots.data());
  }
  bench.counters["allocations"] = static_cast<double>(allocations - before);
}

void evidence(benchmark::State& bench, const GateTestInfo& info) {
  const auto test = any_gate_of(info);
  std::vector<double> slots(test->slots(), 0.0);
  for (int look = 0; look < 60; ++look) test->update(slots, window(*test, look));
  const std::uint64_t before = allocations;
  for (auto _ : bench) {
    const Evidence said = test->evidence(slots, {});
    benchmark::DoNotOptimize(said);
  }
  bench.counters["allocations"] = static_cast<double>(allocations - before);
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
