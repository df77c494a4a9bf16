// The maximised Poisson SPRT against its paper: Kulldorff, Davis, Kolczak, Lewis, Lieu, Platt,
// Sequential Analysis 30 (2011) 58, Tables 1 (critical values, six decimals) and 2 (power), and
// against Performance.Poisson of R Sequential 4.5.1.
#include <cmath>

#include <gtest/gtest.h>
#include <boost/math/distributions/poisson.hpp>

#include "policies/gates/poisson_max_sprt.h"
#include "tests/unit/gates/gate_player.h"

namespace gatewright::testing {
namespace {

struct Row {
  double expected, at_5, at_1, at_01;  // critical values at alpha 5%, 1%, 0.1%
};

constexpr Row kTable1[] = {
    {0.1, 2.044069, 4.119293, 6.579669}, {0.2, 2.266893, 4.179630, 6.754862},
    {0.5, 2.637928, 4.483740, 7.034472}, {1, 2.853937, 4.670428, 7.172614},
    {1.5, 2.964971, 4.778944, 7.278202}, {2, 3.046977, 4.862223, 7.341453},
    {2.5, 3.110419, 4.924475, 7.397851}, {3, 3.162106, 4.971792, 7.445736},
    {4, 3.245004, 5.040311, 7.518319},   {5, 3.297183, 5.091907, 7.569312},
    {6, 3.342729, 5.136461, 7.608607},   {8, 3.413782, 5.206326, 7.673013},
    {10, 3.467952, 5.260513, 7.724863},  {12, 3.511749, 5.302914, 7.767520},
    {15, 3.562591, 5.351279, 7.814719},  {20, 3.628123, 5.414770, 7.877573},
    {25, 3.676320, 5.463382, 7.924478},  {30, 3.715764, 5.502563, 7.962688},
    {40, 3.774663, 5.561620, 8.022182},  {50, 3.819903, 5.605972, 8.067072},
    {60, 3.855755, 5.642209, 8.102340},  {80, 3.910853, 5.697631, 8.157530},
    {100, 3.952321, 5.738974, 8.199403}, {120, 3.985577, 5.772435, 8.232827},
    {150, 4.025338, 5.812121, 8.272692}, {200, 4.074828, 5.862113, 8.322983},
    {250, 4.112234, 5.899824, 8.360938}, {300, 4.142134, 5.929897, 8.391288},
    {400, 4.188031, 5.976241, 8.438008}, {500, 4.222632, 6.011088, 8.473183},
};

// The tail falls with the level, so a critical value is the printed one if the tail passes alpha
// within its last digit. (Half of it for all rows but one: T = 80 at 0.1% is 8.1575294...)
TEST(PoissonMaxSprt, CriticalValuesEqualTable1ToItsLastDigit) {
  constexpr double kLastDigit = 1e-6;
  for (const Row& row : kTable1)
    for (const auto& [alpha, printed] :
         {std::pair{0.05, row.at_5}, {0.01, row.at_1}, {0.001, row.at_01}}) {
      const PoissonSurveillance surveillance{.expected = row.expected};
      EXPECT_GT(log_poisson_max_tail(printed - kLastDigit, surveillance), std::log(alpha))
          << row.expected << ' ' << alpha;
      EXPECT_LT(log_poisson_max_tail(printed + kLastDigit, surveillance), std::log(alpha))
          << row.expected << ' ' << alpha;
    }
  EXPECT_NEAR(poisson_max_critical_value(0.05, {.expected = 20}), 3.628123, 5e-7);
}

/// Probability of a signal at `ratio` times the edge's rate, by a recursion of its own: law of the
/// count at each signal time, convolved with Boost's Poisson weights.
double signal_probability(double critical, const PoissonSurveillance& surveillance, double ratio) {
  std::vector<double> law{1.0};
  double now = 0.0;
  for (std::size_t c = static_cast<std::size_t>(surveillance.min_events);; ++c) {
    double latest = static_cast<double>(c);
    for (double step = 0.5 * latest; step > 1e-13; step *= 0.5)
      if (poisson_max_log_ratio(static_cast<double>(c), latest) < critical ||
          latest >= static_cast<double>(c))
        latest -= step;
      else
        latest += step;
    latest = std::min(latest, surveillance.expected);
    std::vector<double> next(c, 0.0);
    const double mean = ratio * (latest - now);
    const boost::math::poisson_distribution<double> increments(std::max(mean, 1e-300));
    for (std::size_t j = 0; j < law.size(); ++j)
      for (std::size_t k = j; k < std::min(c, j + 80); ++k)
        next[k] += law[j] * boost::math::pdf(increments, static_cast<double>(k - j));
    law = next;
    now = latest;
    if (latest >= surveillance.expected) break;
  }
  double alive = 0.0;
  for (const double probability : law) alive += probability;
  return 1.0 - alive;
}

TEST(PoissonMaxSprt, PowerEqualsTable2AndTheAuthorsSoftware) {
  struct Power {
    double expected, ratio, printed, last_digit;
  };
  // Table 2, alpha 5%.
  for (const Power& row :
       {Power{0.5, 1.2, .066, 1e-3}, Power{0.5, 3, .273, 1e-3},  Power{1, 1.2, .070, 1e-3},
        Power{1, 1.5, .107, 1e-3},   Power{1, 2, .185, 1e-3},    Power{1, 3, .379, 1e-3},
        Power{1, 5, .729, 1e-3},     Power{1, 10, .987, 1e-3},   Power{2, 1.5, .130, 1e-3},
        Power{2, 2, .255, 1e-3},     Power{5, 1.2, .089, 1e-3},  Power{5, 1.5, .190, 1e-3},
        Power{5, 2, .447, 1e-3},     Power{5, 3, .876, 1e-3},    Power{10, 1.2, .107, 1e-3},
        Power{10, 1.5, .280, 1e-3},  Power{10, 2, .685, 1e-3},   Power{10, 3, .989, 1e-3},
        Power{20, 1.2, .138, 1e-3},  Power{20, 1.5, .450, 1e-3}, Power{20, 2, .921, 1e-3},
        Power{50, 1.2, .225, 1e-3},  Power{50, 1.5, .803, 1e-3}, Power{100, 1.2, .368, 1e-3}}) {
    const PoissonSurveillance surveillance{.expected = row.expected};
    const double critical = poisson_max_critical_value(0.05, surveillance);
    EXPECT_NEAR(signal_probability(critical, surveillance, row.ratio), row.printed,
                0.51 * row.last_digit)
        << row.expected << ' ' << row.ratio;
    EXPECT_NEAR(signal_probability(critical, surveillance, 1.0), 0.05, 1e-9);
  }
  // Performance.Poisson, which agrees with an exact recursion to 2e-4.
  struct Software {
    PoissonSurveillance surveillance;
    double ratio, power;
  };
  for (const Software& row :
       {Software{{10, 1}, 2, 0.6851}, Software{{20, 1}, 1.5, 0.4497}, Software{{20, 1}, 2, 0.9208},
        Software{{50, 4}, 1.5, 0.8354}, Software{{20, 4}, 2, 0.9408}})
    EXPECT_NEAR(signal_probability(poisson_max_critical_value(0.05, row.surveillance),
                                   row.surveillance, row.ratio),
                row.power, 2e-4);
}

TEST(PoissonMaxSprt, TheGateInterpolatesOnTheSafeSide) {
  for (const double expected : {0.5, 5.0, 20.0, 100.0}) {
    const PoissonSurveillance surveillance{.expected = expected};
    const PoissonMaxSprt gate(harm(Relation::absolute, 0.01), surveillance, 0);
    for (double level = 0.3; level < 28.0; level *= 1.13)
      EXPECT_NEAR(gate.log_tail(level), log_poisson_max_tail(level, surveillance), 0.005)
          << expected << ' ' << level;
  }
}

// Five events where one was expected: ln ratio 4.05 (5 ln 5 - 4) is beyond 3.628 at T = 20; four are
// not (2.55). And what comes after the end of the surveillance is not looked at.
TEST(PoissonMaxSprt, TheGateDecidesAtTheCriticalValueAndStopsAtItsEnd) {
  GatePlayer player(gate("error", harm(Relation::absolute, 0.01), "poisson_max_sprt"));
  const Evidence four = player.look({}, events(4, 100));
  EXPECT_TRUE(four.enough);
  EXPECT_LT(four.harm, 1.0);
  player.forget();
  EXPECT_GE(player.look({}, events(5, 100)).harm, 1.0);
  player.forget();
  player.look({}, events(20, 1999));
  EXPECT_EQ(player.look({}, events(200, 200)).harm, 0.0);
  EXPECT_EQ(player.look({}, events(1, 1)).harm, 0.0);
  auto patient = GatePlayer(
      gate("error", harm(Relation::absolute, 0.01), "poisson_max_sprt", {{"min_events", 7.0}}));
  EXPECT_EQ(patient.look({}, events(6, 100)).harm, 0.0);
  EXPECT_GE(patient.look({}, events(1, 1)).harm, 1.0);
}

}  // namespace
}  // namespace gatewright::testing
