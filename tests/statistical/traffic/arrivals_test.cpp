// Synthetic arrivals are the processes they claim to be: counts, gaps, rates over the day.
#include "sim/traffic/arrivals.h"

#include <cmath>
#include <map>
#include <numbers>
#include <vector>

#include <gtest/gtest.h>
#include <boost/math/distributions/poisson.hpp>

#include "tests/statistical/traffic/intervals.h"
#include "tests/support/arrivals.h"

namespace gatewright::sim {
namespace {

using namespace gatewright::testing;
using std::chrono::hours;
using std::chrono::minutes;

std::unique_ptr<const ArrivalProcess> made(Arrivals arrivals) {
  Scenario scenario;
  scenario.traffic.arrivals = std::move(arrivals);
  return make_arrivals(scenario).process;
}

std::vector<double> counts(const ArrivalProcess& process, RunKey key, std::uint64_t windows,
                           Duration length) {
  std::vector<double> all;
  sim::testing::ArrivalPlayer player(process, key, length);
  for (std::uint64_t window = 0; window < windows; ++window) {
    const ArrivalColumns& columns = player.next();
    all.push_back(static_cast<double>(columns.at_seconds.size()));
  }
  return all;
}

std::vector<double> times(const ArrivalProcess& process, RunKey key, std::uint64_t windows,
                          Duration length) {
  std::vector<double> all;
  sim::testing::ArrivalPlayer player(process, key, length);
  for (std::uint64_t window = 0; window < windows; ++window) {
    const ArrivalColumns& columns = player.next();
    all.insert(all.end(), columns.at_seconds.begin(), columns.at_seconds.end());
  }
  return all;
}

TEST(PoissonArrivals, CountsHaveMeanVarianceAndDispersionOfPoisson) {
  // Claim: mean and variance lambda, index of dispersion 1; 99.9% each (normal, normal, chi-square);
  // 20,000 windows at each of 4 rates.
  constexpr std::uint64_t kWindows = 20'000;
  constexpr auto kCount = static_cast<double>(kWindows);
  for (const double lambda : {0.3, 6.0, 120.0, 2400.0}) {
    const auto process = made(PoissonArrivals{lambda / 60.0});
    const std::vector<double> all = counts(*process, {11, 0}, kWindows, minutes(1));
    const Moments m = moments(all);
    EXPECT_TRUE(normal_interval(lambda, std::sqrt(lambda / kCount)).contains(m.mean))
        << lambda << ": " << m.mean;
    // Var of a sample variance: (fourth central moment - variance^2) / n, of Poisson
    // (lambda + 2 lambda^2) / n.
    const double sd_of_variance = std::sqrt((lambda + 2.0 * lambda * lambda) / kCount);
    EXPECT_TRUE(normal_interval(lambda, sd_of_variance).contains(m.variance))
        << lambda << ": " << m.variance;
    const double dispersion = (kCount - 1.0) * m.variance / m.mean;
    EXPECT_TRUE(chi_square_interval(kCount - 1.0).contains(dispersion)) << lambda;
  }
}

TEST(PoissonArrivals, CountsFollowTheLaw) {
  // Claim: chi-square of counts against the Poisson law, cells of at least 10 expected; 99.9%;
  // 100,000 windows of 6 expected arrivals.
  constexpr std::uint64_t kWindows = 100'000;
  const auto process = made(PoissonArrivals{0.1});
  const boost::math::poisson law(6.0);
  constexpr std::size_t kCells = 17;  // 0, 1, ..., 15, more
  std::vector<double> observed(kCells);
  for (const double count : counts(*process, {12, 0}, kWindows, minutes(1)))
    ++observed[std::min(static_cast<std::size_t>(count), kCells - 1)];
  std::vector<double> expected;
  for (std::size_t k = 0; k + 1 < kCells; ++k)
    expected.push_back(static_cast<double>(kWindows) *
                       boost::math::pdf(law, static_cast<double>(k)));
  expected.push_back(static_cast<double>(kWindows) * boost::math::cdf(boost::math::complement(
                                                         law, static_cast<double>(kCells - 2))));
  for (const double cell : expected) ASSERT_GE(cell, 10.0);
  EXPECT_TRUE(chi_square_interval(kCells - 1).contains(chi_square(observed, expected)));
}

TEST(PoissonArrivals, GapsAreExponentialAcrossWindows) {
  // Claim: KS distance of the gaps to the exponential law within its limit, although every window
  // starts anew; 99.9%; 1 run of about 240,000 gaps at each of 2 window lengths.
  for (const Duration length : {Duration(minutes(1)), Duration(std::chrono::seconds(1))}) {
    constexpr double kRate = 2.0;
    const auto process = made(PoissonArrivals{kRate});
    const std::vector<double> at =
        times(*process, {13, 0}, static_cast<std::uint64_t>(hours(33) / length), length);
    std::vector<double> gaps;
    for (std::size_t i = 1; i < at.size(); ++i) gaps.push_back(at[i] - at[i - 1]);
    ASSERT_GT(gaps.size(), 200'000U);
    EXPECT_LT(ks_distance(gaps, [](double gap) { return -std::expm1(-kRate * gap); }),
              ks_limit(gaps.size()));
  }
}

TEST(PoissonArrivals, TimesAreUniformInTheirWindow) {
  // Claim: KS distance of arrival times within their window to the uniform law within its limit;
  // 99.9%; 1 run of 20,000 windows of 6 expected arrivals.
  const auto process = made(PoissonArrivals{0.1});
  std::vector<double> within;
  for (const double at : times(*process, {14, 0}, 20'000, minutes(1)))
    within.push_back(std::fmod(at, 60.0) / 60.0);
  EXPECT_LT(ks_distance(within, [](double x) { return x; }), ks_limit(within.size()));
}

TEST(PoissonArrivals, NeighbouringWindowsAndReplicationsAreIndependent) {
  // Claim: correlation of counts of neighbouring windows, and of one window in two replications, is
  // 0; 99.9% by normal approximation; 20,000 windows.
  constexpr std::uint64_t kWindows = 20'000;
  const auto process = made(PoissonArrivals{2.0});
  const std::vector<double> one = counts(*process, {15, 0}, kWindows, minutes(1));
  const std::vector<double> other = counts(*process, {15, 1}, kWindows, minutes(1));
  double neighbours = 0.0;
  double replications = 0.0;
  for (std::size_t i = 1; i < kWindows; ++i) {
    neighbours += (one[i] - 120.0) * (one[i - 1] - 120.0);
    replications += (one[i] - 120.0) * (other[i] - 120.0);
  }
  const double sd = 120.0 * std::sqrt(static_cast<double>(kWindows - 1));
  EXPECT_TRUE(normal_interval(0.0, sd).contains(neighbours)) << neighbours / sd;
  EXPECT_TRUE(normal_interval(0.0, sd).contains(replications)) << replications / sd;
}

/// Arrivals expected up to a time, in closed form.
double expected_until(const DiurnalArrivals& law, double at_seconds) {
  constexpr double kDay = 86'400.0;
  const auto radians = [&](double t) {
    const double since_peak =
        t + std::chrono::duration<double>(law.start_of_day - law.peak).count();
    return 2.0 * std::numbers::pi * since_peak / kDay;
  };
  const auto integral = [&](double t) {
    return t + kDay / (2.0 * std::numbers::pi) *
                   (law.amplitude * std::sin(radians(t)) +
                    0.5 * law.second_harmonic * std::sin(2.0 * radians(t)));
  };
  return law.rate_per_second * (integral(at_seconds) - integral(0.0));
}

std::vector<DiurnalArrivals> diurnal_laws() {
  return {
      {.rate_per_second = 0.5},  // the defaults
      {.rate_per_second = 0.5, .amplitude = 0.64, .second_harmonic = 0.0},
      {.rate_per_second = 0.5,
       .amplitude = 0.7,
       .second_harmonic = 0.3,
       .peak = hours(3),
       .start_of_day = hours(22)},
      {.rate_per_second = 0.5,
       .amplitude = 0.0,
       .second_harmonic = 1.0,
       .peak = hours(0),
       .start_of_day = hours(0)},
  };
}

TEST(DiurnalArrivals, AWaveStaysWithinTheBoundsOfItsMinutes) {
  // Exact, at 40 moments of each minute of a day; the bounds are within 8 in a thousand of each other.
  for (const DailyWave& wave :
       {DailyWave{
            .amplitude = 0.4, .second_harmonic = 0.15, .peak = hours(17), .start_of_day = hours(9)},
        DailyWave{.amplitude = 0.6, .second_harmonic = 0.4}, DailyWave{}})
    for (std::int64_t minute = 0; minute < 1440; ++minute) {
      const Bounds bounds = wave.within_minute(minute);
      EXPECT_LT(bounds.most - bounds.least, 0.008);
      for (int moment = 0; moment <= 40; ++moment) {
        const double factor = wave.factor(60.0 * (static_cast<double>(minute) + moment / 40.0));
        ASSERT_GE(factor, bounds.least - 1e-12);
        ASSERT_LE(factor, bounds.most + 1e-12);
      }
    }
}

TEST(DiurnalArrivals, HourlyCountsHaveTheClosedFormMean) {
  // Claim: chi-square of the 48 hourly totals of 200 replications against the closed-form integral,
  // and their sum against its mean; 99.9% each; 4 laws.
  constexpr std::uint64_t kReplications = 200;
  constexpr std::size_t kHours = 48;
  for (const DiurnalArrivals& law : diurnal_laws()) {
    const auto process = made(law);
    std::vector<double> observed(kHours);
    for (std::uint64_t replication = 0; replication < kReplications; ++replication) {
      const std::vector<double> hourly = counts(*process, {21, replication}, kHours, hours(1));
      for (std::size_t hour = 0; hour < kHours; ++hour) observed[hour] += hourly[hour];
    }
    std::vector<double> expected;
    double observed_sum = 0.0;
    double expected_sum = 0.0;
    for (std::size_t hour = 0; hour < kHours; ++hour) {
      const auto from = 3600.0 * static_cast<double>(hour);
      expected.push_back(kReplications *
                         (expected_until(law, from + 3600.0) - expected_until(law, from)));
      ASSERT_GE(expected.back(), 10.0);
      observed_sum += observed[hour];
      expected_sum += expected[hour];
    }
    EXPECT_TRUE(chi_square_interval(kHours).contains(chi_square(observed, expected)))
        << chi_square(observed, expected);
    EXPECT_TRUE(normal_interval(expected_sum, std::sqrt(expected_sum)).contains(observed_sum));
    EXPECT_DOUBLE_EQ(process->mean_rate_per_second(), law.rate_per_second);
  }
}

TEST(DiurnalArrivals, CountsOfOneHourAreDispersedAsPoisson) {
  // Claim: index of dispersion over replications, given the hour, is 1 (chi-square) and the variance
  // is the closed-form mean (normal interval of a sample variance); 99.9% each; 2,000 replications
  // of 6 hours, default law.
  constexpr std::uint64_t kReplications = 2000;
  const DiurnalArrivals law = diurnal_laws().front();
  const auto process = made(law);
  for (const std::uint64_t hour : {0ULL, 4ULL, 8ULL, 12ULL, 16ULL, 20ULL}) {
    std::vector<double> all;
    sim::testing::ArrivalPlayer player(*process, {22, 0}, hours(1));
    for (std::uint64_t replication = 0; replication < kReplications; ++replication) {
      player.start({22, replication});
      const ArrivalColumns& columns = player.window(hour);
      all.push_back(static_cast<double>(columns.at_seconds.size()));
    }
    const Moments m = moments(all);
    constexpr auto kFreedom = static_cast<double>(kReplications - 1);
    EXPECT_TRUE(chi_square_interval(kFreedom).contains(kFreedom * m.variance / m.mean)) << hour;
    const auto from = 3600.0 * static_cast<double>(hour);
    const double lambda = expected_until(law, from + 3600.0) - expected_until(law, from);
    const double sd = std::sqrt((lambda + 2.0 * lambda * lambda) / kReplications);
    EXPECT_TRUE(normal_interval(lambda, sd).contains(m.variance)) << hour << ": " << m.variance;
  }
}

TEST(DiurnalArrivals, GapsAreExponentialInOperationalTime) {
  // Claim: after the change of time by the closed-form integral, KS distance of the gaps to the
  // exponential law within its limit; 99.9%; 4 laws, 7 days, about 300,000 gaps each.
  for (const DiurnalArrivals& law : diurnal_laws()) {
    const auto process = made(law);
    std::vector<double> gaps;
    double before = 0.0;
    for (const double at : times(*process, {23, 0}, 7ULL * 24 * 60, minutes(1))) {
      const double now = expected_until(law, at);
      gaps.push_back(now - before);
      before = now;
    }
    ASSERT_GT(gaps.size(), 290'000U);
    EXPECT_LT(ks_distance(gaps, [](double gap) { return -std::expm1(-gap); }),
              ks_limit(gaps.size()));
  }
}

}  // namespace
}  // namespace gatewright::sim
