// The Dirichlet-multinomial Bayes factor: values, its mean, and exact false-alarm rates.
//
// False-alarm rates come from a table computed by exact recursion for the priors of the authors'
// software (concentration 10,000), of a port of it (100) and a uniform prior (2).
#include <cmath>

#include <gtest/gtest.h>

#include "policies/gates/sequential_multinomial.h"

namespace gatewright::gates {
namespace {

double log_e_of(const SequentialMultinomial& test, double first, double second) {
  return test.log_e(std::vector<double>{first, second});
}

// Expected values: scipy 1.17.1, special.gammaln in the formula of Lindon and Malek.
TEST(SequentialMultinomial, EqualsScipysGammaFunctions) {
  EXPECT_NEAR(log_e_of(SequentialMultinomial({0.5, 0.5}, 10'000), 500, 600), 0.3983146439927623,
              1e-10);
  EXPECT_NEAR(log_e_of(SequentialMultinomial({0.5, 0.5}, 100), 500, 600), 2.9302439707386156,
              1e-10);
  EXPECT_NEAR(log_e_of(SequentialMultinomial({0.9, 0.1}, 2), 880, 120), -1.4156928481079945, 1e-10);
  const SequentialMultinomial three({0.2, 0.3, 0.5}, 50);
  EXPECT_NEAR(three.log_e(std::vector<double>{10, 50, 40}), 5.473685045602522, 1e-10);
}

TEST(SequentialMultinomial, MeanIsOneAtEveryCount) {
  for (const double concentration : {2.0, 100.0, 10'000.0})
    for (const double share : {0.01, 0.3, 0.5})
      for (const int n : {1, 7, 200}) {
        const SequentialMultinomial test({share, 1.0 - share}, concentration);
        double mean = 0.0;
        for (int x = 0; x <= n; ++x)
          mean += std::exp(std::lgamma(n + 1.0) - std::lgamma(x + 1.0) - std::lgamma(n - x + 1.0) +
                           x * std::log(share) + (n - x) * std::log1p(-share) +
                           log_e_of(test, x, n - x));
        EXPECT_NEAR(mean, 1.0, 1e-10) << concentration << ' ' << share << ' ' << n;
      }
}

TEST(SequentialMultinomial, KeepsItsPrecisionAtATrillion) {
  const SequentialMultinomial test({0.5, 0.5}, 100);
  EXPECT_NEAR(log_e_of(test, 5e11, 5e11), 0.5 * std::log(100.0 / 1e12), 0.01);
  EXPECT_GT(log_e_of(test, 5e11 + 1e7, 5e11 - 1e7), 150.0);
  EXPECT_TRUE(std::isfinite(log_e_of(test, 1e12, 0.0)));
}

/// Probability that fair assignment is ever called a mismatch within `units`, looked at after each.
double false_alarm_rate(double concentration, int units, double alpha) {
  const SequentialMultinomial test({0.5, 0.5}, concentration);
  const double level = -std::log(alpha);
  // law[x] of the first arm's count; by symmetry the alarm region is x < low or x > n - low.
  std::vector<double> law{1.0};
  int low = 0;
  double alarmed = 0.0;
  for (int n = 1; n <= units; ++n) {
    std::vector<double> next(law.size() + 1, 0.0);
    for (std::size_t x = 0; x < law.size(); ++x) {
      next[x] += 0.5 * law[x];
      next[x + 1] += 0.5 * law[x];
    }
    while (2 * low < n && log_e_of(test, low, n - low) >= level) ++low;
    while (low > 0 && log_e_of(test, low - 1, n - low + 1) < level) --low;
    for (int x = 0; x < low; ++x)
      for (const int each : {x, n - x}) {
        alarmed += next[static_cast<std::size_t>(each)];
        next[static_cast<std::size_t>(each)] = 0.0;
      }
    law = std::move(next);
  }
  return alarmed;
}

TEST(SequentialMultinomial, FalseAlarmRatesEqualTheTable) {
  EXPECT_NEAR(false_alarm_rate(10'000, 5000, 0.05), 2.9e-5, 0.05e-5);
  EXPECT_NEAR(false_alarm_rate(100, 5000, 0.05), 0.0338, 0.5e-4);
  EXPECT_NEAR(false_alarm_rate(2, 2000, 0.05), 0.0370, 0.5e-4);
}

/// Probability that units, of which the candidate really gets `actual`, are called a mismatch with
/// `share` within 2,000 units, looked at after each, as the staged policy's guard does in the first
/// spell: half of 0.1%.
double guard_alarm_rate(double share, double actual) {
  const SequentialMultinomial test({1.0 - share, share}, 100.0);
  const double needed = std::log(2.0 / 0.001);
  std::vector<double> law{1.0};
  double alarmed = 0.0;
  for (int n = 1; n <= 2'000; ++n) {
    std::vector<double> next(law.size() + 1, 0.0);
    for (std::size_t x = 0; x < law.size(); ++x) {
      next[x] += (1.0 - actual) * law[x];
      next[x + 1] += actual * law[x];
    }
    for (std::size_t x = 0; x < next.size(); ++x) {
      if (next[x] < 1e-18) continue;  // of two million such states, all together below 2e-12
      const auto candidate = static_cast<double>(x);
      if (log_e_of(test, n - candidate, candidate) < needed) continue;
      alarmed += next[x];
      next[x] = 0.0;
    }
    law = std::move(next);
  }
  return alarmed;
}

// Expected values: the same recursion in Python with scipy 1.17.1, special.gammaln.
TEST(SequentialMultinomial, WhatTheGuardFindsEqualsAnotherProgram) {
  EXPECT_NEAR(guard_alarm_rate(0.01, 0.01), 0.00015964478716740262, 1e-9);
  EXPECT_NEAR(guard_alarm_rate(0.10, 0.10), 0.00017150318492384323, 1e-9);
  EXPECT_NEAR(guard_alarm_rate(0.50, 0.50), 0.0001738089762458965, 1e-9);
  EXPECT_NEAR(guard_alarm_rate(0.50, 0.55), 0.6285604769264739, 1e-9);
  EXPECT_NEAR(guard_alarm_rate(0.10, 0.15), 0.995651361372978, 1e-9);
  EXPECT_NEAR(guard_alarm_rate(0.01, 0.02), 0.3997698662190994, 1e-9);
}

}  // namespace
}  // namespace gatewright::gates
