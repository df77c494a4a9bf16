// What "anytime" promises, put to the test.
//
// Rates. Claim: looked at 1,000 times, a gate fails with probability at most alpha = 5% when the
// candidate is at the edge of harm or equal to the baseline. Tested on 2,000 rollouts each: the
// lower limit of the 99% Clopper-Pearson interval is below alpha (Ville 1939 bounds the true rate
// over endless looks). Fixed seeds, so the same rollouts every time.
//
// E-values. Claim: at the edge their mean at any fixed time is at most 1. Exact by enumeration
// where outcomes can be counted; otherwise for min(e, 50), whose mean is bounded by the same 1 and
// whose standard error exists, with the lower 99% limit of 20,000 rollouts.
#include <algorithm>
#include <cmath>
#include <cstdio>
#include <functional>

#include <gtest/gtest.h>
#include <boost/math/distributions/poisson.hpp>

#include "policies/gates/beta_binomial_mixture.h"
#include "policies/gates/normal_mixture.h"
#include "tests/independent/exact.h"
#include "tests/independent/exact_mean_e.h"
#include "tests/independent/random_worlds.h"
#include "tests/unit/gates/gate_player.h"

namespace gatewright::testing {
namespace {

constexpr int kLooks = 1000;
constexpr std::uint64_t kRollouts = 2'000;
constexpr Budget kBudget{.false_alarm = 0.05, .missed_harm = 0.05};

/// Draws the window of look 0, 1, ...
using World = std::function<Samples(Random& random, int look)>;

/// The exposure rises from 1:99 to 1:3 as a ramp would raise it.
Allocation ramp(int look) {
  if (look < 300) return {.baseline = 99, .candidate = 1};
  if (look < 600) return {.baseline = 90, .candidate = 10};
  return {.baseline = 75, .candidate = 25};
}

enum class Error : std::uint8_t { false_alarm, missed_harm };

/// Prints and checks the rate of rollouts in which evidence of harm (or, for missed harm, of
/// safety) ever decides.
void expect_within_budget(const char* what, const GateSpec& spec, const World& world,
                          std::uint64_t seed, Error error = Error::false_alarm) {
  GatePlayer player(spec, kBudget);
  std::uint64_t decided = 0;
  for (std::uint64_t rollout = 0; rollout < kRollouts; ++rollout) {
    Random random(seed, rollout);
    player.forget();
    for (int look = 0; look < kLooks; ++look) {
      const Evidence evidence = player.look(world(random, look));
      if ((error == Error::false_alarm ? evidence.harm : evidence.safety) < 1.0) continue;
      ++decided;
      break;
    }
  }
  const Interval interval = clopper_pearson(decided, kRollouts, 0.99);
  std::printf("%s: %.4f of rollouts, 99%% within [%.4f, %.4f], budget 0.05\n", what,
              static_cast<double>(decided) / static_cast<double>(kRollouts), interval.lower,
              interval.upper);
  EXPECT_LT(interval.lower, 0.05) << what;
}

GateSpec log_cost_gate() {
  return gate("cost", harm(Relation::ratio, 1.2), "normal_mixture",
              {{"scale", std::string("log")}});
}

/// ln(cost) is normal with standard deviation 0.6 in both arms, its level drifts with the day, and
/// the candidate's is higher by `shift`.
World lognormal_cost(double shift, const std::function<Allocation(int)>& allocation) {
  return [=](Random& random, int look) {
    const Allocation n = allocation(look);
    const double level = -4.0 + 0.5 * std::sin(look * 0.02);
    return samples(random.normal_summary(level, 0.6, n.baseline),
                   random.normal_summary(level + shift, 0.6, n.candidate));
  };
}

/// A window of events: with rate p in the baseline and ratio * p in the candidate, p drifting.
World rare_errors(double ratio, const std::function<Allocation(int)>& allocation) {
  return [=](Random& random, int look) {
    const Allocation n = allocation(look);
    const double p = 0.01 * (1.0 + 0.5 * std::sin(look * 0.02));
    return samples(events(random.binomial(n.baseline, p), n.baseline),
                   events(random.binomial(n.candidate, ratio * p), n.candidate));
  };
}

Allocation balanced(int) { return {.baseline = 1000, .candidate = 1000}; }
Allocation wide_ramp(int look) {
  const Allocation n = ramp(look);
  return {.baseline = 20 * n.baseline, .candidate = 20 * n.candidate};
}

TEST(AnytimeRates, NormalMixtureOnLognormalCost) {
  const auto equal = [](int) { return Allocation{.baseline = 20, .candidate = 20}; };
  expect_within_budget("normal mixture, log cost, at the edge", log_cost_gate(),
                       lognormal_cost(std::log(1.2), equal), 21);
  expect_within_budget("normal mixture, log cost, no difference", log_cost_gate(),
                       lognormal_cost(0.0, equal), 22);
  expect_within_budget("normal mixture, log cost, safety at the edge", log_cost_gate(),
                       lognormal_cost(std::log(1.2), equal), 23, Error::missed_harm);
}

TEST(AnytimeRates, NormalMixtureWhileTheExposureRises) {
  expect_within_budget("normal mixture, log cost, 1:99 to 1:3, at the edge", log_cost_gate(),
                       lognormal_cost(std::log(1.2), ramp), 24);
  expect_within_budget("normal mixture, log cost, 1:99 to 1:3, no difference", log_cost_gate(),
                       lognormal_cost(0.0, ramp), 25);
  expect_within_budget("normal mixture, log cost, 1:99 to 1:3, safety at the edge", log_cost_gate(),
                       lognormal_cost(std::log(1.2), ramp), 26, Error::missed_harm);
}

TEST(AnytimeRates, NormalMixtureOnEvents) {
  const GateSpec difference = gate("error", harm(Relation::difference, 0.0), "normal_mixture");
  expect_within_budget("normal mixture, errors 1%, margin 0", difference,
                       rare_errors(1.0, balanced), 27);
  expect_within_budget("normal mixture, errors 1%, margin 0, 1:99 to 1:3", difference,
                       rare_errors(1.0, wide_ramp), 28);
  expect_within_budget("normal mixture, errors 1%, safety at the edge, 1:99 to 1:3", difference,
                       rare_errors(1.0, wide_ramp), 29, Error::missed_harm);
}

TEST(AnytimeRates, BetaBinomialMixture) {
  const GateSpec spec = gate("error", harm(Relation::ratio, 1.5), "beta_binomial_mixture");
  expect_within_budget("beta-binomial, errors 1%, at the edge", spec, rare_errors(1.5, balanced),
                       31);
  expect_within_budget("beta-binomial, errors 1%, no difference", spec, rare_errors(1.0, balanced),
                       32);
  expect_within_budget("beta-binomial, errors 1%, safety at the edge", spec,
                       rare_errors(1.5, balanced), 33, Error::missed_harm);
}

TEST(AnytimeRates, BetaBinomialMixtureWhileTheExposureRises) {
  const GateSpec equality = gate("error", harm(Relation::ratio, 1.0), "beta_binomial_mixture");
  expect_within_budget("beta-binomial, errors 1%, margin 1, 1:99 to 1:3", equality,
                       rare_errors(1.0, wide_ramp), 34);
  const GateSpec spec = gate("error", harm(Relation::ratio, 2.0), "beta_binomial_mixture");
  expect_within_budget("beta-binomial, errors 1%, at the edge, 1:99 to 1:3", spec,
                       rare_errors(2.0, wide_ramp), 35);
}

TEST(AnytimeRates, BetaBinomialMixtureOnPoissonCounts) {
  const GateSpec spec = gate("error", harm(Relation::ratio, 1.5), "beta_binomial_mixture");
  expect_within_budget(
      "beta-binomial, Poisson counts, at the edge", spec,
      [](Random& random, int look) {
        const Allocation n = wide_ramp(look);
        const double p = 0.01 + 0.004 * std::sin(look * 0.02);
        const auto arm = [&](std::uint64_t count, double rate) {
          const double mean = rate * static_cast<double>(count);
          return events(std::min(random.poisson(mean), count), count);
        };
        return samples(arm(n.baseline, p), arm(n.candidate, 1.5 * p));
      },
      36);
}

TEST(AnytimeRates, BetaBinomialMixtureOnAnAbsoluteRate) {
  const GateSpec spec = gate("error", harm(Relation::absolute, 0.02), "beta_binomial_mixture");
  const auto at_edge = [](Random& random, int) {
    return samples({}, events(random.binomial(1000, 0.02), 1000));
  };
  expect_within_budget("beta-binomial, absolute 2%, at the edge", spec, at_edge, 37);
  expect_within_budget("beta-binomial, absolute 2%, safety at the edge", spec, at_edge, 38,
                       Error::missed_harm);
}

// --- e-values, exactly -------------------------------------------------------------------------

BetaBinomialMixture::LogE log_e(const GatePlayer& player) {
  return dynamic_cast<const BetaBinomialMixture&>(player.test()).log_e(player.slots());
}

/// At the same rates in every window.
MeanE mean_e(const HarmSpec& spec, const Rates& rates, const std::vector<Allocation>& windows) {
  return exact_mean_e<BetaBinomialMixture>(gate("error", spec, "beta_binomial_mixture"), windows,
                                           std::vector(windows.size(), rates));
}

TEST(AnytimeEValues, BetaBinomialMeanIsAtMostOneForEveryAllocationAndRate) {
  for (const double ratio : {0.5, 1.0, 2.0, 4.0})
    for (const double p_b : {0.001, 0.02, 0.1, 0.24})
      for (const auto& windows : std::vector<std::vector<Allocation>>{
               {{60, 60}}, {{200, 2}}, {{2, 200}}, {{9, 9}, {16, 4}}, {{12, 1}, {6, 6}}}) {
        const HarmSpec spec = harm(Relation::ratio, ratio);
        const MeanE edge = mean_e(spec, {p_b, ratio * p_b}, windows);
        EXPECT_LE(edge.harm, 1.0 + 1e-9) << ratio << ' ' << p_b;
        EXPECT_LE(edge.safety, 1.0 + 1e-9) << ratio << ' ' << p_b;
        // On the harmless side harm's mean is smaller, on the harmful side safety's.
        EXPECT_LE(mean_e(spec, {p_b, 0.7 * ratio * p_b}, windows).harm, edge.harm + 1e-9);
        EXPECT_LE(mean_e(spec, {p_b, std::min(1.0, 1.3 * ratio * p_b)}, windows).safety,
                  edge.safety + 1e-9);
      }
}

TEST(AnytimeEValues, BetaBinomialMeanIsExactlyOneForPoissonCounts) {
  for (const double ratio : {0.5, 1.0, 2.0})
    for (const Allocation n : {Allocation{1000, 1000}, Allocation{5000, 100}}) {
      GatePlayer player(gate("error", harm(Relation::ratio, ratio), "beta_binomial_mixture"));
      const double p = 0.004;
      const boost::math::poisson_distribution<double> baseline(p * static_cast<double>(n.baseline));
      const boost::math::poisson_distribution<double> candidate(ratio * p *
                                                                static_cast<double>(n.candidate));
      double harm_mean = 0.0, safety_mean = 0.0;
      for (std::uint64_t b = 0; b < 90; ++b)
        for (std::uint64_t c = 0; c < 90; ++c) {
          player.forget();
          player.look(events(b, n.baseline), events(c, n.candidate));
          const double probability = boost::math::pdf(baseline, static_cast<double>(b)) *
                                     boost::math::pdf(candidate, static_cast<double>(c));
          harm_mean += probability * std::exp(log_e(player).harm);
          safety_mean += probability * std::exp(log_e(player).safety);
        }
      EXPECT_NEAR(harm_mean, 1.0, 1e-9);
      EXPECT_NEAR(safety_mean, 1.0, 1e-9);
    }
}

TEST(AnytimeEValues, AbsoluteMeanIsExactlyOneAtTheEdge) {
  for (const double edge : {0.01, 0.2, 0.7})
    for (const std::uint64_t n : {1U, 5U, 50U, 500U}) {
      GatePlayer player(gate("error", harm(Relation::absolute, edge), "beta_binomial_mixture"));
      MeanE mean;
      for (std::uint64_t k = 0; k <= n; ++k) {
        player.forget();
        player.look({}, events(k, n));
        // In logarithms: the outcomes that are least likely carry the largest e-values.
        const double hits = static_cast<double>(k), misses = static_cast<double>(n - k);
        const double log_probability = std::lgamma(hits + misses + 1.0) - std::lgamma(hits + 1.0) -
                                       std::lgamma(misses + 1.0) + hits * std::log(edge) +
                                       misses * std::log1p(-edge);
        mean.harm += std::exp(log_probability + log_e(player).harm);
        mean.safety += std::exp(log_probability + log_e(player).safety);
      }
      EXPECT_NEAR(mean.harm, 1.0, 1e-8) << edge << ' ' << n;
      EXPECT_NEAR(mean.safety, 1.0, 1e-8) << edge << ' ' << n;
    }
}

// --- e-values, by simulation -------------------------------------------------------------------

TEST(AnytimeEValues, NormalMixtureMeanIsAtMostOneAtFixedLooks) {
  constexpr std::uint64_t kMany = 20'000;
  constexpr double kMost = 50.0;
  for (const bool rising : {false, true}) {
    GatePlayer player(log_cost_gate(), kBudget);
    const auto equal = [](int) { return Allocation{.baseline = 20, .candidate = 20}; };
    const World world =
        rising ? lognormal_cost(std::log(1.2), wide_ramp) : lognormal_cost(std::log(1.2), equal);
    constexpr int kFixed[] = {9, 29, 99};
    double sum[3] = {}, squares[3] = {};
    for (std::uint64_t rollout = 0; rollout < kMany; ++rollout) {
      Random random(rising ? 42 : 41, rollout);
      player.forget();
      for (int look = 0, at = 0; at < 3; ++look) {
        player.look(world(random, look));
        if (look != kFixed[at]) continue;
        const auto& test = dynamic_cast<const NormalMixture&>(player.test());
        const auto log_e = test.log_e(player.slots(), kBudget);
        ASSERT_TRUE(log_e.enough);
        const double e = std::min(kMost, std::exp(log_e.harm));
        sum[at] += e;
        squares[at] += e * e;
        ++at;
      }
    }
    for (int at = 0; at < 3; ++at) {
      const double n = static_cast<double>(kMany);
      const double mean = sum[at] / n;
      const double error = std::sqrt((squares[at] / n - mean * mean) / n);
      std::printf("normal mixture, %s, look %d: mean of min(e, 50) %.4f +- %.4f\n",
                  rising ? "rising exposure" : "equal arms", kFixed[at] + 1, mean, error);
      EXPECT_LE(mean - 2.326 * error, 1.0);
    }
  }
}

}  // namespace
}  // namespace gatewright::testing
