// Claim: a threshold on the error rate, played through world, telemetry, engine and statistics, halts
// healthy candidates exactly as often as the binomial law says. Confidence 99.9% per row (24 rows and
// 12 runs of looks, so 96% for the table), 4,000 rollouts a row (1,000 for n = 5,000).

#include <boost/math/distributions/binomial.hpp>
#include <cmath>
#include <vector>

#include "tests/statistical/rehearsals/rehearsal.h"

namespace gatewright::rehearsal {
namespace {

/// P(X > limit) for X ~ Binomial(n, p).
double above(int n, double p, double limit) {
  const boost::math::binomial_distribution<double> law(n, p);
  const double most = std::floor(limit + 1e-9);
  return most >= n ? 0.0 : boost::math::cdf(boost::math::complement(law, most));
}

/// P(X > 2 Y) for independent X, Y ~ Binomial(n, p): both arms sampled, a baseline without errors
/// fails as soon as the candidate has one.
double above_sampled(int n, double p) {
  const boost::math::binomial_distribution<double> law(n, p);
  double total = 0.0;
  for (int y = 0; y <= n; ++y) {
    const double weight = boost::math::pdf(law, y);
    if (y > n * p && weight < 1e-14) break;
    total += weight * above(n, p, 2.0 * y);
  }
  return total;
}

GateSpec error_gate(double p, bool fixed_baseline) {
  GateSpec gate;
  gate.metric = "error";
  gate.harm.relation = fixed_baseline ? HarmSpec::Relation::absolute : HarmSpec::Relation::ratio;
  gate.harm.margin = fixed_baseline ? 2.0 * p : 2.0;
  return gate;
}

class TextbookErrorGate : public testing::TestWithParam<bool> {};

TEST_P(TextbookErrorGate, HaltsAsOftenAsTheBinomialLawSays) {
  const bool fixed = GetParam();
  std::printf("error rate above twice %s, no change in the candidate:\n",
              fixed ? "a fixed baseline" : "a sampled baseline of equal size");
  for (const double p : {0.005, 0.01, 0.02}) {
    for (const int n : {50, 150, 500, 5000}) {
      const double exact = fixed ? above(n, p, 2.0 * p * n) : above_sampled(n, p);
      sim::Scenario world = twin_world(n, 1);
      world.baseline.error_probability = p;
      const std::uint64_t runs = n == 5000 ? 1000 : 4000;
      char what[64];
      std::snprintf(what, sizeof what, "p %.1f%%, n %d, 1 look", 100 * p, n);
      expect_rate(count_alarms(shadow_plan(1, error_gate(p, fixed)), world, runs), exact, 0.999,
                  what);
    }
  }
}

TEST_P(TextbookErrorGate, TwelveLooksCompound) {
  const bool fixed = GetParam();
  constexpr int kLooks = 12;
  for (const double p : {0.005, 0.01, 0.02}) {
    for (const int n : {50, 500}) {
      const double once = fixed ? above(n, p, 2.0 * p * n) : above_sampled(n, p);
      sim::Scenario world = twin_world(n, kLooks);
      world.baseline.error_probability = p;
      char what[64];
      std::snprintf(what, sizeof what, "p %.1f%%, n %d, 12 looks", 100 * p, n);
      expect_rate(count_alarms(shadow_plan(kLooks, error_gate(p, fixed)), world, 2000),
                  1.0 - std::pow(1.0 - once, kLooks), 0.999, what);
    }
  }
}

INSTANTIATE_TEST_SUITE_P(, TextbookErrorGate, testing::Bool(), [](const auto& row) {
  return row.param ? "FixedBaseline" : "SampledBaseline";
});

// Claim: the world's own numbers are those of the published table of naive gates (statistics of
// threshold gates, exact, printed to five digits), so that the law above is the right law.
TEST(TextbookErrorGateLaw, MatchesTheTableOfNaiveGates) {
  EXPECT_NEAR(above(50, 0.005, 0.5), 0.22169, 5e-6);
  EXPECT_NEAR(above(500, 0.01, 10), 0.01324, 5e-6);
  EXPECT_NEAR(above(500, 0.02, 20), 0.00141, 5e-6);
  EXPECT_NEAR(above_sampled(50, 0.005), 0.17294, 5e-6);
  EXPECT_NEAR(above_sampled(500, 0.01), 0.13018, 5e-6);
  EXPECT_NEAR(above_sampled(500, 0.02), 0.06070, 5e-6);
}

}  // namespace
}  // namespace gatewright::rehearsal
