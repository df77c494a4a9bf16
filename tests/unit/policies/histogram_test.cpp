#include "policies/histogram.h"
#include "tests/independent/random_worlds.h"

#include <algorithm>
#include <cmath>
#include <limits>
#include <vector>

#include <gtest/gtest.h>

namespace gatewright {
namespace {

constexpr double kInfinity = std::numeric_limits<double>::infinity();

TEST(Histogram, EveryBinHoldsItsEndsAndItsMiddle) {
  for (std::uint32_t bin = 1; bin + 1 < HistogramGrid::kBins; ++bin) {
    const double low = HistogramGrid::lower(bin);
    const double high = HistogramGrid::upper(bin);
    ASSERT_EQ(HistogramGrid::bin(low), bin);
    ASSERT_EQ(HistogramGrid::bin(std::nextafter(high, 0.0)), bin);
    ASSERT_EQ(HistogramGrid::bin(high), bin + 1);
    ASSERT_EQ(HistogramGrid::bin(HistogramGrid::middle(bin)), bin);
    ASSERT_EQ(high, HistogramGrid::lower(bin + 1));
  }
}

TEST(Histogram, MiddlesAreWithinTheStatedErrorOfEveryValue) {
  constexpr double kRounding = 1e-15;
  for (std::uint32_t bin = 1; bin + 1 < HistogramGrid::kBins; ++bin) {
    const double middle = HistogramGrid::middle(bin);
    for (const double value : {HistogramGrid::lower(bin), HistogramGrid::upper(bin)})
      ASSERT_LE(std::abs(middle - value) / value, HistogramGrid::kRelativeError + kRounding);
  }
}

TEST(Histogram, ValuesOffTheGridFallIntoTheOuterBins) {
  for (const double value : {0.0, -0.0, -1.0, -kInfinity, 1e-300,
                             std::numeric_limits<double>::quiet_NaN(), std::ldexp(0.999, -20)})
    EXPECT_EQ(HistogramGrid::bin(value), 0U) << value;
  for (const double value : {std::ldexp(1.0, 30), 1e300, kInfinity})
    EXPECT_EQ(HistogramGrid::bin(value), HistogramGrid::kBins - 1) << value;
  EXPECT_EQ(HistogramGrid::bin(std::ldexp(1.0, -20)), 1U);
  EXPECT_EQ(HistogramGrid::middle(0), 0.0);
  EXPECT_EQ(HistogramGrid::lower(0), 0.0);
  EXPECT_EQ(HistogramGrid::upper(0), HistogramGrid::lower(1));
  EXPECT_EQ(HistogramGrid::middle(HistogramGrid::kBins - 1), std::ldexp(1.0, 30));
  EXPECT_EQ(HistogramGrid::upper(HistogramGrid::kBins - 1), kInfinity);
}

TEST(Histogram, QuantilesAreWithinTheStatedErrorOfTheExactNearestRank) {
  gatewright::testing::Random random(7, 0);
  for (const std::size_t size : {1U, 2U, 100U, 4999U}) {
    std::vector<double> values(size);
    Histogram histogram;
    for (double& value : values) {
      value = std::exp(static_cast<double>(random.bits() >> 11) * 0x1p-53 * 12.0 - 6.0);
      histogram.add(value);
    }
    std::ranges::sort(values);
    const HistogramView view = histogram.view();
    EXPECT_EQ(count(view), size);
    for (const int percent : {1, 7, 25, 50, 90, 95, 99}) {
      const std::size_t rank = (size * static_cast<std::size_t>(percent) + 99) / 100;
      const double exact = values[rank - 1];
      EXPECT_NEAR(quantile(view, percent / 100.0) / exact, 1.0,
                  HistogramGrid::kRelativeError + 1e-12)
          << size << " values, p" << percent;
    }
  }
}

TEST(Histogram, AnEmptyViewHasNoQuantile) {
  EXPECT_TRUE(std::isnan(quantile({}, 0.5)));
  EXPECT_EQ(count({}), 0U);
}

TEST(Histogram, MergingEqualsAddingEverythingToOne) {
  Histogram left, right, all;
  for (int i = 1; i < 500; ++i) {
    (i % 3 == 0 ? left : right).add(0.01 * i, static_cast<std::uint64_t>(i));
    all.add(0.01 * i, static_cast<std::uint64_t>(i));
  }
  left.merge(right.view());
  EXPECT_TRUE(std::ranges::equal(left.view(), all.view()));
  left.clear();
  EXPECT_TRUE(left.view().empty());
}

TEST(Histogram, ViewsRiseWithoutGapsInOrder) {
  Histogram histogram;
  for (const double value : {5.0, 0.1, 5.0, 0.0, 1e12}) histogram.add(value);
  const HistogramView view = histogram.view();
  ASSERT_EQ(view.size(), 4U);
  EXPECT_TRUE(std::ranges::is_sorted(view, {}, &HistogramBin::bin));
  EXPECT_EQ(view[2].count, 2U);
}

}  // namespace
}  // namespace gatewright
