// Claims, seeds fixed: an order statistic of values that are not drawn has the mean and the variance of
// Beta(r, n + 1 - r) (each at 99.99%, 200,000 draws), and an error of 2% in that variance is found; with
// several stretches, laws that overlap, atoms and known values it has the distribution that drawing every
// value gives, and so has the next one, and the number of values up to a bound (two-sample KS at 0.1%,
// 20,000 draws each).
#include "sim/telemetry/value_ranges.h"

#include <gtest/gtest.h>

#include <cmath>
#include <vector>

#include "tests/statistical/windows/comparison.h"

namespace gatewright::sim::testing {
namespace {

/// (i + 1/2) / size: as fine as uniform for what is claimed.
std::vector<float> uniform_law(std::size_t size, double from = 0.0, double to = 1.0) {
  std::vector<float> law;
  for (std::size_t i = 0; i < size; ++i)
    law.push_back(static_cast<float>(from + (to - from) * (static_cast<double>(i) + 0.5) /
                                                static_cast<double>(size)));
  return law;
}

constexpr double kFarOff = 3.9;  // standard errors: 99.99%, two-sided

double variance_error(const Moments& m, std::size_t count) {
  return std::sqrt((m.fourth - m.variance * m.variance) / static_cast<double>(count));
}

TEST(ValueRanges, OrderStatisticsOfUniformsAreBeta) {
  const std::vector<float> law = uniform_law(std::size_t{1} << 20);
  constexpr std::size_t kTimes = 200'000;
  for (const std::uint64_t n : {40U, 3'000U}) {
    for (const double p : {0.5, 0.95}) {
      const auto rank = static_cast<std::uint64_t>(p * static_cast<double>(n));
      Sample drawn, gaps;
      for (std::size_t i = 0; i < kTimes; ++i) {
        ValueRanges ranges;
        ranges.add({law, n}, i);
        const auto [low, high] = ranges.select({}, rank);
        drawn.push_back(low);
        gaps.push_back(high - low);
      }
      const auto a = static_cast<double>(rank + 1), b = static_cast<double>(n - rank);
      const double mean = a / (a + b);
      const double variance = a * b / ((a + b) * (a + b) * (a + b + 1.0));
      const Moments m = moments(drawn);
      EXPECT_LT(std::fabs(m.mean - mean), kFarOff * std::sqrt(variance / kTimes)) << n << ' ' << p;
      EXPECT_LT(std::fabs(m.variance - variance), kFarOff * variance_error(m, kTimes))
          << n << ' ' << p;
      const Moments gap = moments(gaps);
      EXPECT_NEAR(gap.mean, 1.0 / (a + b), kFarOff * std::sqrt(gap.variance / kTimes));
    }
  }
}

/// Of a law that is smooth as well, where a quantile varies by less than its numbers are apart.
TEST(ValueRanges, OrderStatisticsOfASmoothLawLieBetweenItsNumbers) {
  const std::vector<float> law = uniform_law(32);
  constexpr std::size_t kTimes = 200'000;
  constexpr std::uint64_t kCount = 100'000, kRank = 60'000;
  Sample drawn;
  for (std::size_t i = 0; i < kTimes; ++i) {
    ValueRanges ranges;
    ranges.add({law, kCount, true}, i);
    drawn.push_back(ranges.select({}, kRank).first);
  }
  const double a = kRank + 1.0, b = kCount - kRank;
  const double variance = a * b / ((a + b) * (a + b) * (a + b + 1.0));
  const Moments m = moments(drawn);
  EXPECT_LT(std::fabs(m.mean - a / (a + b)), kFarOff * std::sqrt(variance / kTimes));
  EXPECT_LT(std::fabs(m.variance - variance), kFarOff * variance_error(m, kTimes));
}

TEST(ValueRanges, AnErrorOfTwoPercentInTheVarianceOfAQuantileIsFound) {
  const std::vector<float> law = uniform_law(std::size_t{1} << 20);
  constexpr std::size_t kTimes = 200'000;
  Sample drawn;
  for (std::size_t i = 0; i < kTimes; ++i) {
    ValueRanges ranges;
    ranges.add({law, 1'000}, i);
    drawn.push_back(ranges.select({}, 949).first);
  }
  const double a = 950.0, b = 51.0, exact = a * b / ((a + b) * (a + b) * (a + b + 1.0));
  const Moments right = moments(drawn);
  EXPECT_LT(std::fabs(right.variance - exact), kFarOff * variance_error(right, kTimes));
  for (double& value : drawn) value = right.mean + std::sqrt(1.02) * (value - right.mean);
  const Moments wrong = moments(drawn);
  EXPECT_GT(std::fabs(wrong.variance - exact), kFarOff * variance_error(wrong, kTimes));
}

struct Stretch {
  std::vector<float> law;
  std::uint64_t count;
};

/// Order statistics `rank` and the next one, and values at most `bound`, against drawing every value.
void expect_one_law(const std::vector<Stretch>& stretches, const std::vector<float>& known,
                    std::uint64_t rank, double bound) {
  constexpr std::size_t kTimes = 20'000;
  Stream stream({6, 0, "test.values", rank});
  Sample low, high, up_to, exact_low, exact_high, exact_up_to;
  for (std::size_t i = 0; i < kTimes; ++i) {
    ValueRanges ranges;
    std::vector<float> all = known;
    for (const Stretch& stretch : stretches) {
      ranges.add({stretch.law, stretch.count}, stream());
      for (std::uint64_t k = 0; k < stretch.count; ++k)
        all.push_back(stretch.law[stream() % stretch.law.size()]);
    }
    const auto found = ranges.select(known, rank);
    low.push_back(found.first);
    high.push_back(found.second);
    up_to.push_back(static_cast<double>(ValueRanges::Below(ranges).at_most(bound)));
    const auto at_most = [bound](float value) { return static_cast<double>(value) <= bound; };
    exact_up_to.push_back(static_cast<double>(std::count_if(
        all.begin() + static_cast<std::ptrdiff_t>(known.size()), all.end(), at_most)));
    std::ranges::sort(all);
    exact_low.push_back(static_cast<double>(all[rank]));
    exact_high.push_back(static_cast<double>(all[std::min(rank + 1, all.size() - 1)]));
  }
  const double critical = critical_distance(0.001, kTimes, kTimes);
  EXPECT_LT(distance(low, exact_low), critical);
  EXPECT_LT(distance(high, exact_high), critical);
  EXPECT_LT(distance(up_to, exact_up_to), critical);
}

TEST(ValueRanges, HaveTheDistributionOfValuesThatAreDrawn) {
  const std::vector<float> few = {0.95F, 0.97F, 1.4F};
  // Stretches of one law, side by side: within one, at the seam, beside known values.
  const std::vector<Stretch> of_one = {{uniform_law(5'000), 90}, {uniform_law(400, 1.0, 1.2), 20}};
  for (const std::uint64_t rank : {0U, 70U, 89U, 91U, 92U, 93U, 112U})
    expect_one_law(of_one, few, rank, 1.1);
  // Two laws that overlap, and one that is a number.
  const std::vector<Stretch> of_many = {
      {uniform_law(5'000), 200}, {uniform_law(3'000, 0.5, 1.5), 60}, {{30.0F, 30.0F}, 5}};
  for (const std::uint64_t rank : {10U, 180U, 258U, 262U, 265U})
    expect_one_law(of_many, few, rank, 0.8);
}

TEST(ValueRanges, SayTheSameHoweverOftenTheyAreAsked) {
  const std::vector<float> law = uniform_law(1'000);
  ValueRanges one, other, both, again;
  one.add({law, 50}, 17);
  other.add({law, 70}, 4);
  both.add(one);
  both.add(other);
  again.add(other);
  again.add(one);
  EXPECT_EQ(both.count(), 120U);
  EXPECT_EQ(both.select({}, 100), both.select({}, 100));
  EXPECT_EQ(both.select({}, 100), again.select({}, 100));
}

}  // namespace
}  // namespace gatewright::sim::testing
