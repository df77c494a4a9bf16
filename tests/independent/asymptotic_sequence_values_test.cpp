// The asymptotic sequences against GrowthBook's own unit tests (gbstats, packages/stats/tests/
// frequentist/test_tests.py, TestSequentialTTest and TestSequentialOneSided*; alpha 5%, default tuning
// 5000 unless said): their confidence limits are the margins at which the gate just decides.
#include <gtest/gtest.h>

#include "policies/gates/asymptotic_sequence.h"
#include "policies/gates/delta_ratio.h"
#include "tests/unit/gates/gate_player.h"

namespace gatewright::testing {
namespace {

constexpr Summary kBaseline{.count = 3000, .sum = 1396.87, .sum_of_squares = 52377.9767};
constexpr Summary kCandidate{.count = 3461, .sum = 2422.7, .sum_of_squares = 134698.29};
constexpr double kPrinted = 5.0001e-6;  // half of the last of five decimals
constexpr double kFull = 1e-12;         // their expectations in full precision

AsymptoticSequence sequence(const HarmSpec& harm, AsymptoticSequence::Settings settings) {
  return AsymptoticSequence(harm, settings);
}

struct Compared {
  Relation relation;
  Summary baseline, candidate;
  AsymptoticSequence::Settings settings;

  std::vector<double> slots(const AsymptoticSequence& test) const {
    std::vector<double> slots(test.slots(), 0.0);
    Observation observation;
    observation.event = samples(baseline, candidate);
    test.update(slots, observation);
    return slots;
  }

  Estimate estimate(double margin) const {
    const auto test = sequence(harm(relation, margin), settings);
    return test.estimate(slots(test));
  }

  /// The margin at which harm reaches 1: the lower limit for harm upwards, else the upper limit.
  double limit(Direction direction) const {
    const double none = relation == Relation::ratio ? 1.0 : 0.0;
    const double span = settings.is_event ? 0.4 : 5.0;  // rates end at 100%
    double inside = estimate(none).value + none;
    double outside = inside + (direction == Direction::up ? -span : span);
    for (int halving = 0; halving < 60; ++halving) {
      const double margin = 0.5 * (inside + outside);
      const auto test = sequence(harm(relation, margin, direction), settings);
      const Evidence evidence = test.evidence(slots(test), {});
      (evidence.harm >= 1.0 ? outside : inside) = margin;
    }
    return inside;
  }
};

TEST(GrowthBook, EstimatesAndTheirDeviations) {
  const Compared lift{Relation::ratio, kBaseline, kCandidate, {}};
  EXPECT_NEAR(lift.estimate(1.0).value, 0.5033610858562358, kFull);
  EXPECT_NEAR(std::sqrt(lift.estimate(1.0).variance), 0.3334122146400735, kFull);
  const Compared difference{Relation::difference, kBaseline, kCandidate, {}};
  EXPECT_NEAR(difference.estimate(0.0).value, 0.23437666666666668, kFull);
  EXPECT_NEAR(std::sqrt(difference.estimate(0.0).variance), 0.12983081254184736, kFull);
  const Compared rates{Relation::ratio, events(1396, 3000), events(2422, 3461), {.is_event = true}};
  EXPECT_NEAR(rates.estimate(1.0).value, 0.50386, kPrinted);
  EXPECT_NEAR(std::sqrt(rates.estimate(1.0).variance), 0.03386, kPrinted);
}

TEST(GrowthBook, TwoSidedLimits) {
  const Compared lift{
      Relation::ratio, kBaseline, kCandidate, {.two_sided = true, .tightest_at = 1000.0}};
  EXPECT_NEAR(lift.limit(Direction::up) - 1.0, -0.55844, kPrinted);
  EXPECT_NEAR(lift.limit(Direction::down) - 1.0, 1.56516, kPrinted);
  const Compared rates{Relation::ratio,
                       events(1396, 3000),
                       events(2422, 3461),
                       {.is_event = true, .two_sided = true}};
  EXPECT_NEAR(rates.limit(Direction::up) - 1.0, 0.40098, kPrinted);
  EXPECT_NEAR(rates.limit(Direction::down) - 1.0, 0.60675, kPrinted);
}

TEST(GrowthBook, OneSidedLimits) {
  const Compared lift{Relation::ratio, kBaseline, kCandidate, {}};
  EXPECT_NEAR(lift.limit(Direction::up) - 1.0, -0.42356454602790883, kFull);
  EXPECT_NEAR(lift.limit(Direction::down) - 1.0, 1.4302867177403806, kFull);
  const Compared difference{Relation::difference, kBaseline, kCandidate, {}};
  EXPECT_NEAR(difference.limit(Direction::up), -0.12656844172804982, kFull);
  EXPECT_NEAR(difference.limit(Direction::down), 0.5953217750613832, kFull);
}

// The delta method on the logarithm has the lift's relative deviation: GrowthBook's 0.3334 / 1.5034.
TEST(GrowthBook, DeviationOfTheLogRatioIsTheLiftsRelativeOne) {
  const DeltaRatio test(harm(Relation::ratio, 1.0), {});
  std::vector<double> slots(test.slots(), 0.0);
  Observation observation;
  observation.event = samples(kBaseline, kCandidate);
  test.update(slots, observation);
  const DeltaRatio::LogRatio ratio = test.log_ratio(slots);
  EXPECT_NEAR(ratio.value, std::log(1.5033610858562358), kFull);
  EXPECT_NEAR(std::sqrt(ratio.variance), 0.3334122146400735 / 1.5033610858562358, kFull);
}

// Equation 9 of the paper is the inverse of exp(q) / sqrt(1 + n rho^2) = 1 / alpha, by hand at n =
// 6461, rho^2 = (5.991465 + ln 6.991465) / 5000; and no sequence is decided without a difference.
TEST(AsymptoticSequence, TheTunedMixtureIsTheClosedForm) {
  EXPECT_NEAR(asymptotic_rho(5000, 0.05), std::sqrt((5.991464547 + 1.944690) / 5000), 1e-7);
  const Estimate none{.value = 0.0, .variance = 1.0, .count = 6461};
  const double rho = asymptotic_rho(5000, 0.05);
  EXPECT_NEAR(log_two_sided_asymptotic(none, rho), -0.5 * std::log(1 + 6461 * rho * rho), 1e-14);
  EXPECT_EQ(log_one_sided_asymptotic(none, rho), -std::numeric_limits<double>::infinity());
}

}  // namespace
}  // namespace gatewright::testing
