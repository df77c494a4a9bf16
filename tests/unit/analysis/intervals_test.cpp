#include "analysis/intervals.h"

#include <gtest/gtest.h>

#include <cmath>
#include <limits>
#include <numeric>
#include <vector>

namespace gatewright::analysis {
namespace {

constexpr double kInfinity = std::numeric_limits<double>::infinity();

/// Limits to nine digits from scipy.stats.binomtest(...).proportion_ci(method="exact"), SciPy 1.17.1;
/// 682 of 925 is Mendel's example in the manual of R's binom.test (0.7076683, 0.7654066).
TEST(Share, LimitsAreThoseOfClopperAndPearson) {
  struct Case {
    std::uint64_t successes, runs;
    double confidence, lower, upper;
  };
  for (const Case& c : {Case{0, 10, 0.95, 0.0, 0.308497107818761},
                        Case{5, 10, 0.95, 0.187086028447399, 0.812913971552601},
                        Case{10, 10, 0.95, 0.691502892181239, 1.0},
                        Case{1, 1000, 0.95, 2.53174874912941e-05, 0.00555892427982667},
                        Case{682, 925, 0.95, 0.707668264079039, 0.765406558241478},
                        Case{0, 400, 0.99, 0.0, 0.0131584539468969},
                        Case{7, 400, 0.99, 0.00511876837379783, 0.0422937574521726},
                        Case{392, 400, 0.99, 0.954166054249509, 0.993536344519418},
                        Case{3, 100'000, 0.95, 6.18676395892203e-06, 8.7670202562366e-05}}) {
    const Estimate estimate = share(c.successes, c.runs, c.confidence);
    SCOPED_TRACE(c.successes);
    EXPECT_DOUBLE_EQ(estimate.value,
                     static_cast<double>(c.successes) / static_cast<double>(c.runs));
    EXPECT_NEAR(estimate.lower, c.lower, 1e-9 * (1e-3 + c.lower));
    EXPECT_NEAR(estimate.upper, c.upper, 1e-9 * (1e-3 + c.upper));
    EXPECT_EQ(estimate.runs, c.runs);
    EXPECT_EQ(estimate.method, Method::clopper_pearson);
  }
}

double binomial(std::uint64_t k, std::uint64_t n, double p) {
  const auto a = static_cast<double>(k), b = static_cast<double>(n);
  return std::exp(std::lgamma(b + 1) - std::lgamma(a + 1) - std::lgamma(b - a + 1) +
                  a * std::log(p) + (b - a) * std::log1p(-p));
}

/// Exact, by enumeration: whatever the truth, the interval covers it at least as often as stated.
TEST(Share, CoversAnyTruthAtLeastAsOftenAsStated) {
  for (const std::uint64_t n : {1U, 7U, 40U})
    for (double truth = 0.01; truth < 1.0; truth += 0.013) {
      double covered = 0.0;
      for (std::uint64_t k = 0; k <= n; ++k) {
        const Estimate estimate = share(k, n, 0.9);
        if (estimate.lower <= truth && truth <= estimate.upper) covered += binomial(k, n, truth);
      }
      EXPECT_GE(covered, 0.9 - 1e-12) << n << " runs, truth " << truth;
    }
}

TEST(Share, OfNoRunsIsUnknown) {
  const Estimate estimate = share(0, 0, 0.95);
  EXPECT_TRUE(std::isnan(estimate.value));
  EXPECT_EQ(estimate.lower, 0.0);
  EXPECT_EQ(estimate.upper, 1.0);
}

/// Student's own data (sleep), paired differences: the manual of R's t.test prints 0.7001142 and
/// 2.4598858. More digits, and 99%, from scipy.stats.ttest_1samp, SciPy 1.17.1.
TEST(Mean, LimitsAreThoseOfStudent) {
  const std::vector<double> sleep{1.2, 2.4, 1.3, 1.3, 0.0, 1.0, 1.8, 0.8, 4.6, 1.4};
  const Estimate at95 = mean(sleep, 0.95);
  EXPECT_NEAR(at95.value, 1.58, 1e-12);
  EXPECT_NEAR(at95.lower, 0.7001142, 1e-7);
  EXPECT_NEAR(at95.upper, 2.4598858, 1e-7);
  const Estimate at99 = mean(sleep, 0.99);
  EXPECT_NEAR(at99.lower, 0.315948114895175, 1e-12);
  EXPECT_NEAR(at99.upper, 2.84405188510482, 1e-12);
  EXPECT_EQ(at99.runs, 10U);
  EXPECT_EQ(at99.method, Method::student_t);
}

TEST(Mean, OfOneRunHasNoLimits) {
  const Estimate one = mean(std::vector<double>{3.0}, 0.95);
  EXPECT_EQ(one.value, 3.0);
  EXPECT_EQ(one.lower, -kInfinity);
  EXPECT_EQ(one.upper, kInfinity);
  EXPECT_TRUE(std::isnan(mean({}, 0.95).value));
}

TEST(Quantile, PointIsTypeSeven) {
  EXPECT_DOUBLE_EQ(quantile(std::vector<double>{4, 1, 3, 2}, 0.3, 0.95).value, 1.9);
  EXPECT_DOUBLE_EQ(quantile(std::vector<double>{5}, 0.95, 0.95).value, 5.0);
  std::vector<double> ten(10);
  std::iota(ten.begin(), ten.end(), 1.0);
  EXPECT_DOUBLE_EQ(quantile(ten, 0.95, 0.95).value, 9.55);
}

/// Ranks of the limits. The medians are in every table (2 and 9 of 10, 6 and 15 of 20, 40 and 61 of
/// 100); all from scipy.stats.quantile_test(...).confidence_interval, SciPy 1.17.1. 0: no limit.
TEST(Quantile, LimitsAreTheRanksOfTheBinomialLaw) {
  struct Case {
    int n;
    double probability, confidence;
    int lower, upper;
  };
  for (const Case& c :
       {Case{10, 0.5, 0.95, 2, 9}, Case{20, 0.5, 0.95, 6, 15}, Case{100, 0.5, 0.95, 40, 61},
        Case{6, 0.5, 0.95, 1, 6}, Case{5, 0.5, 0.95, 0, 0}, Case{100, 0.95, 0.95, 90, 100},
        Case{73, 0.95, 0.95, 65, 73}, Case{59, 0.95, 0.95, 52, 0},
        Case{400, 0.95, 0.99, 368, 391}}) {
    std::vector<double> ranks(static_cast<std::size_t>(c.n));
    std::iota(ranks.rbegin(), ranks.rend(), 1.0);
    const Estimate estimate = quantile(ranks, c.probability, c.confidence);
    SCOPED_TRACE(c.n);
    EXPECT_EQ(estimate.lower, c.lower == 0 ? -kInfinity : c.lower);
    EXPECT_EQ(estimate.upper, c.upper == 0 ? kInfinity : c.upper);
    EXPECT_EQ(estimate.method, Method::order_statistics);
  }
}

TEST(Quantile, OfNothingIsUnknown) {
  const Estimate estimate = quantile({}, 0.5, 0.95);
  EXPECT_TRUE(std::isnan(estimate.value));
  EXPECT_EQ(estimate.runs, 0U);
}

TEST(Quantile, TiesKeepTheirLimits) {
  const std::vector<double> same(50, 7.0);
  const Estimate estimate = quantile(same, 0.5, 0.95);
  EXPECT_EQ(estimate.lower, 7.0);
  EXPECT_EQ(estimate.upper, 7.0);
}

}  // namespace
}  // namespace gatewright::analysis
