#include "policies/gates/many_logs.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <array>
#include <bit>
#include <cmath>
#include <cstdint>
#include <limits>
#include <span>
#include <vector>

#include "tests/independent/random_worlds.h"

namespace gatewright::gates {
namespace {

using testing::Random;

constexpr double kInfinity = std::numeric_limits<double>::infinity();
constexpr double kNan = std::numeric_limits<double>::quiet_NaN();

/// Numbers of all magnitudes, and as many near 1, where logarithms are small.
std::vector<double> numbers(std::size_t count) {
  Random random(5, 0);
  const auto within = [&random](double most) { return most * (2.0 * random.uniform() - 1.0); };
  std::vector<double> numbers;
  for (std::size_t i = 0; i < count; ++i) {
    const auto power = static_cast<int>(within(i % 3 == 0 ? 1'000.0 : 2.0));
    const double of_power = std::ldexp(1.0 + random.uniform(), power);
    numbers.push_back(i % 3 == 2 ? 1.0 + within(1e-3) : of_power);
  }
  return numbers;
}

TEST(ManyLogs, AreWithinOneUlp) {
  // The truth: the C library's logarithm of 64 bits of mantissa.
  const std::vector<double> of = numbers(300'000);
  std::vector<double> logs = of;
  take_logs(logs);
  for (std::size_t i = 0; i < of.size(); ++i) {
    const long double truth = std::log(static_cast<long double>(of[i]));
    const auto size = static_cast<double>(std::abs(truth));
    const double ulp = std::nextafter(size, kInfinity) - size;
    ASSERT_LE(std::abs(static_cast<long double>(logs[i]) - truth), ulp) << of[i];
  }
}

TEST(ManyLogs, AreTheSameAloneAndSideBySide) {
  // Alone, a number goes through no vector.
  std::vector<double> alone = numbers(10'000), together = alone;
  for (double& one : alone) take_logs({&one, 1});
  take_logs(together);
  EXPECT_EQ(alone, together);
}

/// The words of some numbers, as one.
std::uint64_t digest_of(std::span<const double> numbers, std::uint64_t before) {
  for (const double number : numbers) before = before * 31 + std::bit_cast<std::uint64_t>(number);
  return before;
}

TEST(ManyLogs, AreTheSameBitsOnEveryProcessor) {
  // One number for all: found with SSE2, AVX2 and AVX-512, and without optimisation.
  std::uint64_t digest = 0;
  const std::vector<double> of = numbers(10'000);
  for (std::size_t size = 1; size <= 70; ++size) {
    std::vector<double> some(of.begin(), of.begin() + static_cast<std::ptrdiff_t>(size));
    digest = digest_of(std::array{log_mean_exp(some)}, digest);
    take_logs(some);
    digest = digest_of(some, digest);
    digest = digest_of(std::array{log_mean_exp(some)}, digest);
  }
  EXPECT_EQ(digest, 14197214178558071386U);
}

TEST(ManyLogs, OfOneIsNothingAndOfNanIsNan) {
  std::array<double, 9> of{};
  of.fill(1.0);
  of[4] = kNan;
  take_logs(of);
  EXPECT_TRUE(std::isnan(of[4]));
  of[4] = 0.0;
  EXPECT_EQ(of, (std::array<double, 9>{}));
}

TEST(LogMeanExp, IsThatOfTheLongSum) {
  // The truth: the C library's functions of 64 bits of mantissa, summed up in that precision.
  Random random(6, 0);
  for (const double spread : {1e-9, 1.0, 40.0, 1'500.0}) {
    for (std::size_t size = 1; size <= 70; ++size) {
      std::vector<double> x(size);
      for (double& one : x) one = 100.0 + spread * (2.0 * random.uniform() - 1.0);
      const long double largest = *std::ranges::max_element(x);
      long double sum = 0.0L;
      for (const double one : x) sum += std::exp(static_cast<long double>(one) - largest);
      const long double truth = largest + std::log(sum / static_cast<long double>(size));
      // Each of some forty roundings of numbers below 70, and the last one.
      const long double allowed = 1e-14L + 1e-15L * std::abs(truth);
      EXPECT_LE(std::abs(static_cast<long double>(log_mean_exp(x)) - truth), allowed)
          << size << " numbers within " << spread;
    }
  }
}

TEST(LogMeanExp, OfOneNumberIsThatNumber) {
  for (const double x : {-1e300, -3.25, 0.0, 1e-300, 700.5, 1e300})
    EXPECT_EQ(log_mean_exp(std::array{x}), x);
}

TEST(LogMeanExp, LeavesOutWhatIsFarBelow) {
  std::array<double, 16> x{};
  x.fill(-kInfinity);
  x[3] = 5.0;
  EXPECT_DOUBLE_EQ(log_mean_exp(x), 5.0 - std::log(16.0));
}

TEST(LogMeanExp, OfWhatIsNoNumberIsNan) {
  for (const std::size_t size : {1U, 5U, 8U, 33U}) {
    for (const std::size_t place : {std::size_t{0}, size / 2, size - 1}) {
      std::vector<double> x(size, 1.0);
      x[place] = kNan;
      EXPECT_TRUE(std::isnan(log_mean_exp(x))) << size;
      x[place] = kInfinity;
      EXPECT_TRUE(std::isnan(log_mean_exp(x))) << size;
    }
    EXPECT_TRUE(std::isnan(log_mean_exp(std::vector<double>(size, -kInfinity)))) << size;
  }
}

}  // namespace
}  // namespace gatewright::gates
