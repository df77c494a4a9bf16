// Claims, seed fixed: sums by SumLaw, of a Poisson number of rows, less the rows' mean for each of them, have
// the mean, the variance, the covariances and the third moments of sums of as many independent rows, which
// are known exactly from the table of rows (each at 99.99%, 200,000 sums); the number of rows has its mean and
// its variance (the same); sums have their distribution (two-sample KS at 0.1% each against rows drawn one by
// one, 20,000 sums). An error of 2% in a variance is found.
#include <gtest/gtest.h>

#include <boost/random/poisson_distribution.hpp>
#include <cmath>
#include <cstdint>
#include <utility>
#include <vector>

#include "sim/windows/sum_law.h"
#include "tests/statistical/windows/comparison.h"

namespace gatewright::sim::testing {
namespace {

constexpr std::size_t kRows = 1U << 14;
constexpr std::size_t kWidth = 4;

/// Rows as requests have them: a skewed number, its square, one that goes along with it, and a score.
std::vector<float> rows() {
  Stream stream({1, 0, "test.rows", 0});
  std::vector<double> z(3 * kRows);
  stream.fill_normal(z);
  std::vector<float> table;
  for (std::size_t r = 0; r < kRows; ++r) {
    const double skewed = std::exp(0.8 * z[3 * r]);
    table.push_back(static_cast<float>(skewed));
    table.push_back(static_cast<float>(skewed * skewed));
    table.push_back(static_cast<float>(0.5 * skewed + std::exp(0.5 * z[3 * r + 1])));
    table.push_back(static_cast<float>(0.5 + 0.1 * z[3 * r + 2]));
  }
  return table;
}

SumLaw law_of(const std::vector<float>& table, std::size_t width) {
  std::vector<std::vector<float>> columns(width);
  for (std::size_t i = 0; i < table.size(); ++i) columns[i % width].push_back(table[i]);
  return SumLaw({.columns{columns.begin(), columns.end()}, .summed = width});
}

Sample column(const std::vector<float>& table, std::size_t j) {
  Sample values;
  for (std::size_t r = 0; r < kRows; ++r) values.push_back(table[r * kWidth + j]);
  return values;
}

/// Less the mean for each row: the variance of so many of these is that of as many rows. What the number of
/// rows adds to sums would hide it.
std::vector<float> centred(std::vector<float> table) {
  for (std::size_t j = 0; j < kWidth; ++j) {
    const double mean = moments(column(table, j)).mean;
    for (std::size_t r = 0; r < kRows; ++r) {
      float& number = table[r * kWidth + j];
      number = static_cast<float>(static_cast<double>(number) - mean);
    }
  }
  return table;
}

/// Sums of `n` rows, as expected, one sample per number; and the numbers of rows.
std::vector<Sample> sums_of(const SumLaw& law, std::uint64_t n, std::size_t times) {
  Stream stream({2, 0, "test.sums", n});
  std::vector<Sample> samples(kWidth + 1);
  SumLaw::Drawn drawn;
  for (std::size_t i = 0; i < times; ++i) {
    double sums[kWidth] = {};
    law.draw(static_cast<double>(n), stream, drawn);
    law.add(drawn, stream, sums);
    for (std::size_t j = 0; j < kWidth; ++j) samples[j].push_back(sums[j]);
    samples[kWidth].push_back(static_cast<double>(drawn.count));
  }
  return samples;
}

constexpr double kFarOff = 3.9;  // standard errors: 99.99%, two-sided

bool has_variance(const Sample& sample, double exact) {
  const Moments m = moments(sample);
  const double error =
      std::sqrt((m.fourth - m.variance * m.variance) / static_cast<double>(sample.size()));
  return std::fabs(m.variance - exact) < kFarOff * error;
}

TEST(SumLaw, HasTheMomentsOfSumsOfRows) {
  const std::vector<float> table = centred(rows());
  const SumLaw law = law_of(table, kWidth);
  constexpr std::size_t kTimes = 200'000;
  for (const std::uint64_t n : {17U, 50U, 200U, 5'000U, 1'000'000U}) {
    const std::vector<Sample> sums = sums_of(law, n, kTimes);
    const auto count = static_cast<double>(n);
    EXPECT_LT(std::fabs(moments(sums[kWidth]).mean - count),
              kFarOff * std::sqrt(count / static_cast<double>(kTimes)))
        << n;
    EXPECT_TRUE(has_variance(sums[kWidth], count)) << n;
    for (std::size_t j = 0; j < kWidth; ++j) {
      const Moments one = moments(column(table, j));
      const Moments all = moments(sums[j]);
      const double error = std::sqrt(count * one.variance / static_cast<double>(kTimes));
      EXPECT_LT(std::fabs(all.mean - count * one.mean), kFarOff * error) << n << ' ' << j;
      EXPECT_TRUE(has_variance(sums[j], count * one.variance)) << n << ' ' << j;
      for (std::size_t i = 0; i < j; ++i)
        EXPECT_NEAR(correlation(sums[i], sums[j]), correlation(column(table, i), column(table, j)),
                    kFarOff * 1.5 / std::sqrt(static_cast<double>(kTimes)))
            << n << ' ' << i << ' ' << j;
      if (j == 1) continue;  // the third moment of a square is that of its one largest row
      const double skewness = all.third / std::pow(all.variance, 1.5);
      const double exact = one.third / std::pow(one.variance, 1.5) / std::sqrt(count);
      EXPECT_NEAR(skewness, exact, 0.03) << n << ' ' << j;
    }
  }
}

TEST(SumLaw, HasTheDistributionOfSumsOfRows) {
  const std::vector<float> table = centred(rows());
  const SumLaw law = law_of(table, kWidth);
  constexpr std::size_t kTimes = 20'000;
  for (const std::uint64_t n : {17U, 32U, 33U, 50U, 200U, 700U}) {
    const std::vector<Sample> sums = sums_of(law, n, kTimes);
    Stream stream({3, 0, "test.rows", n});
    std::vector<Sample> singly(kWidth);
    boost::random::poisson_distribution<std::uint64_t> number(static_cast<double>(n));
    for (std::size_t i = 0; i < kTimes; ++i) {
      double drawn[kWidth] = {};
      for (std::uint64_t k = number(stream); k > 0; --k) {
        const std::size_t r = stream() % kRows;
        for (std::size_t j = 0; j < kWidth; ++j) drawn[j] += table[r * kWidth + j];
      }
      for (std::size_t j = 0; j < kWidth; ++j) singly[j].push_back(drawn[j]);
    }
    for (std::size_t j = 0; j < kWidth; ++j)
      EXPECT_LT(distance(sums[j], singly[j]), critical_distance(0.001, kTimes, kTimes))
          << n << ' ' << j;
  }
}

TEST(SumLaw, AnErrorOfTwoPercentInAVarianceIsFound) {
  const std::vector<float> table = centred(rows());
  const SumLaw law = law_of(table, kWidth);
  constexpr std::uint64_t kCount = 500;
  std::vector<Sample> sums = sums_of(law, kCount, 400'000);
  for (std::size_t j = 0; j < kWidth; ++j) {
    const double exact = kCount * moments(column(table, j)).variance;
    EXPECT_TRUE(has_variance(sums[j], exact)) << j;
    const double mean = moments(sums[j]).mean;
    for (double& sum : sums[j]) sum = mean + std::sqrt(1.02) * (sum - mean);
    EXPECT_FALSE(has_variance(sums[j], exact)) << j;
  }
}

TEST(SumLaw, SumsOfNothingAndOfConstantsAreExact) {
  std::vector<float> table;
  for (int r = 0; r < 100; ++r) table.insert(table.end(), {2.0F, 4.0F, static_cast<float>(r % 2)});
  const SumLaw law = law_of(table, 3);
  Stream stream({4, 0, "test.sums", 0});
  SumLaw::Drawn drawn;
  for (const double mean : {0.0, 1.0, 32.0, 33.0, 1e3, 1e6}) {
    double sums[3] = {};
    law.draw(mean, stream, drawn);
    law.add(drawn, stream, sums);
    EXPECT_LE(std::fabs(static_cast<double>(drawn.count) - mean), 6.0 * std::sqrt(mean));
    EXPECT_DOUBLE_EQ(sums[0], 2.0 * static_cast<double>(drawn.count));
    EXPECT_DOUBLE_EQ(sums[1], 4.0 * static_cast<double>(drawn.count));
  }
}

/// More requests than are drawn one by one whatever they are, and so few in each of many cells that all of them
/// are, one cell excepted, which has nothing but heavy rows.
TEST(SumLaw, OfManyCellsWithFewRowsEachNothingIsLeftForTheBody) {
  constexpr std::size_t kCells = 64;
  SumLaw::Table table{.summed = 1};
  std::vector<float> numbers;
  for (std::size_t r = 0; r < kRows; ++r) {
    const bool is_heavy = r % 32 == 0;
    numbers.push_back(is_heavy ? 100.0F : static_cast<float>(r % 7));
    table.cell.push_back(is_heavy ? std::uint16_t{0}
                                  : static_cast<std::uint16_t>(1 + r % (kCells - 1)));
  }
  table.columns.emplace_back(numbers);
  const SumLaw law(std::move(table));
  Stream stream({3, 0, "test.cells", 0});
  SumLaw::Drawn drawn;
  for (int i = 0; i < 20'000; ++i) {
    double sum = 0.0;
    law.draw(300.0, stream, drawn);
    law.add(drawn, stream, std::span(&sum, 1));
    ASSERT_TRUE(std::isfinite(sum));
  }
}

}  // namespace
}  // namespace gatewright::sim::testing
