// How the observed rate of ratings lags behind the true one, against the closed form.
#include <gtest/gtest.h>

#include <cmath>
#include <numbers>
#include <vector>

#include "tests/support/worlds.h"

namespace gatewright::sim {
namespace {

using namespace testing;

double normal_probability(double z) { return 0.5 * std::erfc(-z / std::numbers::sqrt2); }

/// Integral from 0 to x of the distribution function of a lognormal law: by parts,
/// x Phi((ln x - mu) / s) - e^(mu + s^2 / 2) Phi((ln x - mu - s^2) / s).
double integral_of_cdf(double x, double median, double sigma) {
  if (x <= 0.0) return 0.0;
  const double z = std::log(x / median) / sigma;
  return x * normal_probability(z) -
         median * std::exp(sigma * sigma / 2.0) * normal_probability(z - sigma);
}

TEST(LateFeedback, TheObservedRateRampsUpAsTheDelaysSay) {
  // Claim: with answers from time 0 at a constant rate, each rated with probability p after a lognormal
  // delay, the ratings that arrive in (a, b] have mean rate x p x (G(b) - G(a)), G the integral of the
  // delay's distribution function, and are Poisson, as displaced Poisson points are. 12 runs x 20
  // windows, fixed seed; each window within 4.5 standard errors (two-sided 7e-6, 1.4e-4 for all).
  constexpr double kMedian = 120.0;
  constexpr double kSigma = 1.2;
  constexpr double kRated = 0.3;
  Scenario scenario = quiet_world();
  scenario.horizon = 25min;
  scenario.baseline.error_probability = 0.0;
  scenario.baseline.thumbs = {.down = kRated,
                              .up = 0.0,
                              .rate_given = 1.0,
                              .delay = {DelayLaw::Kind::lognormal, kMedian, kSigma}};
  Script script;
  script.stages = {{"shadow", {.mirrored = 100}}};  // the baseline serves everybody
  script.probes = {probe("thumbs_down", Statistic::Kind::rate)};

  constexpr std::size_t kWindows = 20;
  constexpr std::uint64_t kRuns = 12;
  std::vector<double> arrived(kWindows);
  const Contender contender = scripted(script);
  for (std::uint64_t replication = 0; replication < kRuns; ++replication) {
    RunTrace trace;
    play(contender, scenario, {11, replication}, &trace);
    for (const JournalEntry& entry : trace.journal.entries()) {
      const auto* told = std::get_if<Samples>(&entry.observation.event);
      if (told != nullptr && told->window < kWindows) arrived[told->window] += told->baseline.sum;
    }
  }
  for (std::size_t k = 0; k < kWindows; ++k) {
    const double begin = 60.0 * static_cast<double>(k);
    const double share =
        integral_of_cdf(begin + 60.0, kMedian, kSigma) - integral_of_cdf(begin, kMedian, kSigma);
    const double expected = static_cast<double>(kRuns) * 20.0 * kRated * share;
    EXPECT_NEAR(arrived[k], expected, 4.5 * std::sqrt(expected)) << "window " << k;
  }
  // A fifth of the ratings are still to come after twenty minutes' traffic: the lag is no detail.
  EXPECT_LT(arrived.front(), 0.25 * arrived.back());
}

}  // namespace
}  // namespace gatewright::sim
