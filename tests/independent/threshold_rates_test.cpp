// Exact false-alarm rates of bare thresholds on healthy candidates, by enumerating every outcome
// with the gate itself as the judge.
//
// The expected digits come from a table computed once by exact binomial enumeration and checked by
// Monte Carlo: gate "candidate error rate above 2x baseline", strict, any event exceeds none.
#include <cmath>

#include <gtest/gtest.h>
#include <boost/math/distributions/poisson.hpp>

#include "tests/independent/exact.h"
#include "tests/unit/gates/gate_player.h"

namespace gatewright::testing {
namespace {

constexpr double kLastDigit = 5.0001e-6;  // the table prints five digits

/// The rate that the candidate of n requests is found harmful, its true rate being p.
double known_baseline(double p, std::uint64_t n) {
  GatePlayer player(gate("error", harm(Relation::absolute, 2.0 * p), "fixed_threshold"));
  return mean_over(binomial_law(n, p), [&](std::uint64_t k) {
    player.forget();
    return player.look({}, events(k, n)).harm >= 1.0;
  });
}

double sampled_baseline(double p, std::uint64_t n, std::uint64_t times) {
  GatePlayer player(gate("error", harm(Relation::ratio, 2.0), "fixed_threshold"));
  return mean_over(binomial_law(times * n, p), binomial_law(n, p),
                   [&](std::uint64_t baseline, std::uint64_t candidate) {
                     player.forget();
                     return player.look(events(baseline, times * n), events(candidate, n)).harm >=
                            1.0;
                   });
}

/// Probability of any alarm in `windows` independent windows.
double any_of(int windows, double w) { return -std::expm1(windows * std::log1p(-w)); }

struct Row {
  double p;
  std::uint64_t n;
  double known, known_12, known_48;
  double equal, equal_12, equal_48;
  double large, large_48;  // baseline with 99 times the requests
};

constexpr Row kRows[] = {
    {0.005, 50, 0.22169, 0.95059, 0.99999, 0.17294, 0.89757, 0.99989, 0.22169, 0.99999},
    {0.005, 500, 0.04160, 0.39945, 0.86993, 0.19946, 0.93072, 0.99998, 0.07527, 0.97663},
    {0.005, 5000, 0.00000, 0.00004, 0.00015, 0.00857, 0.09814, 0.33847, 0.00001, 0.00029},
    {0.01, 50, 0.08944, 0.67512, 0.98886, 0.24321, 0.96470, 1.00000, 0.24507, 1.00000},
    {0.01, 500, 0.01324, 0.14784, 0.47267, 0.13018, 0.81243, 0.99876, 0.02238, 0.66252},
    {0.01, 5000, 0.00000, 0.00000, 0.00000, 0.00039, 0.00473, 0.01877, 0.00000, 0.00000},
    {0.02, 50, 0.07843, 0.62472, 0.98017, 0.26129, 0.97360, 1.00000, 0.16877, 0.99986},
    {0.02, 500, 0.00141, 0.01676, 0.06538, 0.06070, 0.52833, 0.95051, 0.00241, 0.10939},
    {0.02, 5000, 0.00000, 0.00000, 0.00000, 0.00000, 0.00001, 0.00005, 0.00000, 0.00000},
};

TEST(ThresholdRates, EqualTheTableToItsLastDigit) {
  for (const Row& row : kRows) {
    SCOPED_TRACE(::testing::Message() << row.p << ' ' << row.n);
    const double known = known_baseline(row.p, row.n);
    EXPECT_NEAR(known, row.known, kLastDigit);
    EXPECT_NEAR(any_of(12, known), row.known_12, kLastDigit);
    EXPECT_NEAR(any_of(48, known), row.known_48, kLastDigit);
    const double equal = sampled_baseline(row.p, row.n, 1);
    EXPECT_NEAR(equal, row.equal, kLastDigit);
    EXPECT_NEAR(any_of(12, equal), row.equal_12, kLastDigit);
    EXPECT_NEAR(any_of(48, equal), row.equal_48, kLastDigit);
    const double large = sampled_baseline(row.p, row.n, 99);
    EXPECT_NEAR(large, row.large, kLastDigit);
    EXPECT_NEAR(any_of(48, large), row.large_48, kLastDigit);
  }
}

// The table's remark on integers: 150 requests at 1% fail at more than 3 errors, 6.5%; Poisson
// arrivals with mean 150 instead make it 12.09%, 1.87 times as much.
TEST(ThresholdRates, RandomArrivalsNearlyDoubleTheRate) {
  const double fixed = known_baseline(0.01, 150);
  EXPECT_NEAR(fixed, 0.065, 5e-4);
  const boost::math::poisson_distribution<double> arrivals(150.0);
  double random = 0.0;
  for (std::uint64_t n = 1; n <= 300; ++n)
    random += boost::math::pdf(arrivals, static_cast<double>(n)) * known_baseline(0.01, n);
  EXPECT_NEAR(random, 0.1209, 5e-5);
  EXPECT_NEAR(random / fixed, 1.87, 5e-3);
}

// Binomial and run-length formulas (Feller, An Introduction to Probability Theory, vol. 1, XIII.7)
// for windows that fail independently with probability w, printed to six digits, against every
// possible sequence of 12 looks through the gate.
TEST(ThresholdRates, CountingRulesFollowTheirFormulas) {
  struct Expected {
    double w, at_least_2, at_least_4, run_of_2, run_of_3;
  };
  constexpr Expected kExpected[] = {{0.01, 0.006175, 0.000005, 0.001090, 0.000010},
                                    {0.05, 0.118360, 0.002236, 0.026045, 0.001193},
                                    {0.1, 0.340998, 0.025637, 0.097039, 0.009082},
                                    {0.2, 0.725122, 0.205431, 0.322351, 0.064680}};
  const auto rate = [](const char* rule, double w) {
    GatePlayer player(gate("error", harm(Relation::absolute, 0.5), "fixed_threshold",
                           {{"after", std::string(rule)}}));
    double total = 0.0;
    for (unsigned looks = 0; looks < 1U << 12; ++looks) {
      player.forget();
      double probability = 1.0;
      bool failed = false;
      for (unsigned look = 0; look < 12; ++look) {
        const bool bad = (looks >> look & 1U) != 0;
        probability *= bad ? w : 1.0 - w;
        failed |= player.look({}, events(bad ? 9 : 1, 10)).harm >= 1.0;
      }
      if (failed) total += probability;
    }
    return total;
  };
  for (const Expected& row : kExpected) {
    EXPECT_NEAR(rate("2 cumulative", row.w), row.at_least_2, 5.0001e-7);
    EXPECT_NEAR(rate("4 cumulative", row.w), row.at_least_4, 5.0001e-7);
    EXPECT_NEAR(rate("2 consecutive", row.w), row.run_of_2, 5.0001e-7);
    EXPECT_NEAR(rate("3 consecutive", row.w), row.run_of_3, 5.0001e-7);
    EXPECT_NEAR(rate("2 of 12", row.w), row.at_least_2, 5.0001e-7);
  }
}

}  // namespace
}  // namespace gatewright::testing
