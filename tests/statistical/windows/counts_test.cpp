// Claims, seeds fixed: Poisson and binomial counts fall as their laws say (Boost.Math's): chi-square over
// classes of at least 20 expected, 400,000 counts of each law, on both sides of where the method changes
// and up to 60 million; all of a test's laws together at 99.9% (Bonferroni). Where counts are bent normal
// numbers their distribution function, which follows from the normal one, is off by less than 1e-5
// everywhere. An error of 2% in a variance is found by both.
#include "sim/windows/counts.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <boost/math/distributions/binomial.hpp>
#include <boost/math/distributions/normal.hpp>
#include <boost/math/distributions/poisson.hpp>
#include <boost/math/special_functions/gamma.hpp>
#include <cmath>
#include <cstdint>
#include <vector>

namespace gatewright::sim {
namespace {

constexpr std::size_t kTimes = 400'000;
constexpr double kAlpha = 0.001;
/// Classes of equal length for laws with many values.
constexpr double kClasses = 24.0;

/// Probability of a chi-square as large as that of `counts` if they are of `law`.
template <typename Law>
double p_value(const Law& law, std::vector<std::uint64_t> counts) {
  std::ranges::sort(counts);
  const auto n = static_cast<double>(counts.size());
  const double sd = boost::math::standard_deviation(law);
  const double step = std::max(1.0, std::floor(8.0 * sd / kClasses));
  double statistic = 0.0, below = 0.0;
  std::size_t classes = 0, seen = 0;
  const double mean = boost::math::mean(law);
  for (double end = std::floor(mean - 5.0 * sd); end < mean + 5.0 * sd; end += step) {
    if (end < 0.0 || end > boost::math::support(law).second) continue;
    const double up_to = boost::math::cdf(law, end);
    const double above = boost::math::cdf(boost::math::complement(law, end));
    if ((up_to - below) * n < 20.0 || above * n < 20.0) continue;
    const auto place = std::ranges::upper_bound(counts, static_cast<std::uint64_t>(end));
    const auto now = static_cast<std::size_t>(place - counts.begin());
    const double expected = (up_to - below) * n;
    statistic += std::pow(static_cast<double>(now - seen) - expected, 2) / expected;
    below = up_to;
    seen = now;
    ++classes;
  }
  const double rest = (1.0 - below) * n;
  statistic += std::pow(n - static_cast<double>(seen) - rest, 2) / rest;
  return classes == 0 ? 1.0
                      : boost::math::gamma_q(0.5 * static_cast<double>(classes), 0.5 * statistic);
}

template <typename Draw>
std::vector<std::uint64_t> counts_of(Draw draw) {
  std::vector<std::uint64_t> counts(kTimes);
  std::ranges::generate(counts, draw);
  return counts;
}

TEST(Counts, OfPoissonFallAsTheirLawSays) {
  const double means[] = {0.003, 0.124, 0.4,  3.0,   9.99,     10.0,
                          11.3,  19.99, 40.0, 777.7, 15'000.0, 6e7};
  for (const double mean : means) {
    Stream stream({1, 0, "test.poisson", static_cast<std::uint64_t>(mean * 1'000.0)});
    const double p =
        p_value(boost::math::poisson(mean), counts_of([&] { return draw_poisson(stream, mean); }));
    EXPECT_GT(p, kAlpha / std::size(means)) << mean;
  }
}

TEST(Counts, OfTrialsFallAsTheirLawSays) {
  const Trials trials[] = {{1, 0.3},           {5, 0.9},         {20, 0.49},       {21, 0.5},
                           {79, 0.5},          {50, 0.25},       {900, 1.0 / 64},  {700, 0.016},
                           {200, 0.049},       {200, 0.051},     {40, 0.75},       {1'000, 0.97},
                           {15'000, 1e-4},     {15'000, 0.05},   {15'000, 0.9999}, {1'000'000, 0.6},
                           {60'000'000, 2e-7}, {60'000'000, 0.3}};
  for (const Trials& law : trials) {
    Stream stream({2, 0, "test.binomial", law.count});
    const double p = p_value(boost::math::binomial(static_cast<double>(law.count), law.probability),
                             counts_of([&] { return draw_binomial(stream, law); }));
    EXPECT_GT(p, kAlpha / std::size(trials)) << law.count << ' ' << law.probability;
  }
}

/// The largest difference of the distribution function of bent and rounded normal numbers, and that of
/// `law`, at numbers within six standard deviations.
template <typename Law>
double error_of_bending(const Law& law, const Cumulants& cumulants) {
  const double sd = std::sqrt(cumulants.variance);
  double largest = 0.0;
  for (double at = -6.0; at <= 6.0; at += 0.05) {
    const double k = std::floor(cumulants.mean + at * sd);
    if (k < 0.0 || k > boost::math::support(law).second) continue;
    double low = -8.0, high = 8.0;  // where the bent number is k + 1/2
    while (high - low > 1e-12) {
      const double middle = 0.5 * (low + high);
      (bent(cumulants, middle) < k + 0.5 ? low : high) = middle;
    }
    const double below = boost::math::cdf(boost::math::normal(), low);
    largest = std::max(largest, std::fabs(below - boost::math::cdf(law, k)));
  }
  return largest;
}

TEST(Counts, ThatAreBentNormalNumbersAreOffByLessThanOneIn100000) {
  for (const double mean : {20.0, 21.7, 50.0, 300.0, 15'000.0, 6e7}) {
    const Cumulants exact = cumulants_of_poisson(mean);
    EXPECT_LT(error_of_bending(boost::math::poisson(mean), exact), 1e-5) << mean;
    Cumulants wrong = exact;
    wrong.variance *= 1.02;
    EXPECT_GT(error_of_bending(boost::math::poisson(mean), wrong), 1e-3) << mean;
  }
  for (const double variance : {20.0, 33.3, 100.0, 1e4})
    for (const double p : {0.5, 0.3, 0.9, 0.99, 0.02, 1e-4}) {
      const Trials trials{static_cast<std::uint64_t>(std::ceil(variance / (p * (1.0 - p)))), p};
      const boost::math::binomial law(static_cast<double>(trials.count), p);
      EXPECT_LT(error_of_bending(law, cumulants_of(trials)), 1e-5) << trials.count << ' ' << p;
    }
}

TEST(Counts, AnErrorOfTwoPercentInAVarianceIsFound) {
  for (const double mean : {15.0, 700.0, 6e7}) {
    Stream stream({3, 0, "test.wrong", static_cast<std::uint64_t>(mean)});
    // The variance of a binomial number with that mean is 2% short of a Poisson number's.
    const Trials wrong{static_cast<std::uint64_t>(mean * 50.0), 0.02};
    EXPECT_LT(p_value(boost::math::poisson(mean),
                      counts_of([&] { return draw_binomial(stream, wrong); })),
              kAlpha)
        << mean;
  }
}

TEST(Counts, AtTheEndsAreCertain) {
  Stream stream({4, 0, "test.ends", 0});
  EXPECT_EQ(draw_poisson(stream, 0.0), 0U);
  EXPECT_EQ(draw_poisson(stream, -1.0), 0U);
  EXPECT_EQ(draw_binomial(stream, {0, 0.5}), 0U);
  EXPECT_EQ(draw_binomial(stream, {7, 0.0}), 0U);
  EXPECT_EQ(draw_binomial(stream, {7, 1.0}), 7U);
  for (int i = 0; i < 10'000; ++i) EXPECT_LE(draw_binomial(stream, {3, 0.999}), 3U);
}

}  // namespace
}  // namespace gatewright::sim
