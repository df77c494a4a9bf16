// Columns of draws: uniform, normal and exponential in law, tails included; lanes, rows and keys that
// are neighbours have nothing in common.
#include "sim/lane_stream.h"

#include <array>
#include <cmath>
#include <functional>
#include <numbers>
#include <vector>

#include <gtest/gtest.h>

#include "sim/arms/chance.h"
#include "tests/statistical/traffic/intervals.h"

namespace gatewright::sim {
namespace {

using namespace gatewright::testing;

constexpr std::size_t kDraws = 1'000'000;

std::vector<double> uniforms(LaneStream& stream, std::size_t count) {
  std::vector<Word> words(count);
  stream.fill_words(words);
  std::vector<double> values;
  for (const Word word : words) values.push_back(uniform_of(word));
  return values;
}

std::vector<double> normals(LaneStream& stream, std::size_t count) {
  std::vector<float> values(count);
  stream.fill_normal(values);
  return {values.begin(), values.end()};
}

std::vector<double> exponentials(LaneStream& stream, std::size_t count) {
  std::vector<float> values(count);
  stream.fill_exponential(values);
  return {values.begin(), values.end()};
}

TEST(LaneStreams, HaveTheirLaws) {
  // Claim: KS distance to the uniform, normal and exponential law within its limit; 99.9% each;
  // 1 run of 1,000,000 draws a law.
  LaneStream stream({1, 0, "laws", 0});
  EXPECT_LT(ks_distance(uniforms(stream, kDraws), [](double x) { return x; }), ks_limit(kDraws));
  const auto normal = [](double x) { return 0.5 * std::erfc(-x / std::numbers::sqrt2); };
  EXPECT_LT(ks_distance(normals(stream, kDraws), normal), ks_limit(kDraws));
  const auto exponential = [](double x) { return -std::expm1(-x); };
  EXPECT_LT(ks_distance(exponentials(stream, kDraws), exponential), ks_limit(kDraws));
}

TEST(LaneStreams, HaveTheirMoments) {
  // Claim: E z = 0, E z^2 = 1, E z^3 = 0, E z^4 = 3; E x = 1, E x^2 = 2, E x^3 = 6, with the sampling
  // variances of the laws (E z^8 = 105, E x^6 = 720); 99.9% each; 1 run of 16,000,000 draws a law.
  constexpr std::size_t kBlocks = 16;
  std::array<double, 4> normal{};
  std::array<double, 3> exponential{};
  LaneStream stream({2, 0, "moments", 0});
  for (std::size_t block = 0; block < kBlocks; ++block) {
    for (const double z : normals(stream, kDraws)) {
      double power = 1.0;
      for (double& moment : normal) moment += power *= z;
    }
    for (const double x : exponentials(stream, kDraws)) {
      double power = 1.0;
      for (double& moment : exponential) moment += power *= x;
    }
  }
  constexpr auto kCount = static_cast<double>(kBlocks * kDraws);
  constexpr std::array kNormal = {0.0, 1.0, 0.0, 3.0, 0.0, 15.0, 0.0, 105.0};
  constexpr std::array kExponential = {1.0, 2.0, 6.0, 24.0, 120.0, 720.0};
  const auto expect = [](double sum, double mean, double of_square, const char* law) {
    const double sd = std::sqrt((of_square - mean * mean) / kCount);
    EXPECT_TRUE(normal_interval(mean, sd).contains(sum / kCount)) << law << ' ' << sum / kCount;
  };
  for (std::size_t i = 0; i < normal.size(); ++i)
    expect(normal[i], kNormal[i], kNormal[2 * i + 1], "normal");
  for (std::size_t i = 0; i < exponential.size(); ++i)
    expect(exponential[i], kExponential[i], kExponential[2 * i + 1], "exponential");
}

TEST(LaneStreams, TheTailsAreThere) {
  // Claim: counts beyond 3, 4 and 5 on either side (normal), beyond 8 and 12 and below 1/1,000,000
  // (exponential) in their Poisson intervals by normal approximation, at least 10 expected; 99.9%
  // each; 1 run of 64,000,000 draws a law.
  constexpr std::size_t kBlocks = 64;
  std::array<double, 3> above{};
  std::array<double, 3> below{};
  std::array<double, 3> exponential{};
  std::vector<float> values(kDraws);
  for (std::size_t block = 0; block < kBlocks; ++block) {
    LaneStream stream({3, 0, "tails", block});
    stream.fill_normal(values);
    for (const float z : values)
      for (std::size_t i = 0; i < above.size(); ++i) {
        above[i] += z > 3.0F + static_cast<float>(i) ? 1.0 : 0.0;
        below[i] += z < -3.0F - static_cast<float>(i) ? 1.0 : 0.0;
      }
    stream.fill_exponential(values);
    for (const float x : values) {
      exponential[0] += x > 8.0F ? 1.0 : 0.0;
      exponential[1] += x > 12.0F ? 1.0 : 0.0;
      exponential[2] += x < 1e-6F ? 1.0 : 0.0;
    }
  }
  const auto expect_count = [](double observed, double tail) {
    const double expected = static_cast<double>(kBlocks * kDraws) * tail;
    EXPECT_GE(expected, 10.0);
    EXPECT_TRUE(normal_interval(expected, std::sqrt(expected)).contains(observed))
        << observed << " of " << expected;
  };
  for (std::size_t i = 0; i < above.size(); ++i) {
    const double tail = 0.5 * std::erfc((3.0 + static_cast<double>(i)) / std::numbers::sqrt2);
    if (i == 2) {
      expect_count(above[i] + below[i], 2.0 * tail);
      continue;
    }
    expect_count(above[i], tail);
    expect_count(below[i], tail);
  }
  expect_count(exponential[0], std::exp(-8.0));
  expect_count(exponential[1], std::exp(-12.0));
  expect_count(exponential[2], -std::expm1(-1e-6));
}

TEST(LaneStreams, LanesAndRowsAreUncorrelated) {
  // Claim: correlation of a draw with those 1 to 40 places on is 0, for normals and their squares
  // (variance 2): pairs of one radius stand 16 apart; 99.9% over all 80 together (99.9% / 80 each)
  // by normal approximation; 1 run of 4,000,000 draws.
  constexpr std::size_t kCount = 4'000'000;
  constexpr std::size_t kApart = 40;
  LaneStream stream({4, 0, "lanes", 0});
  const std::vector<double> z = normals(stream, kCount + kApart);
  const double limit =
      boost::math::quantile(boost::math::complement(boost::math::normal(), kTail / (2.0 * kApart)));
  for (std::size_t apart = 1; apart <= kApart; ++apart) {
    double product = 0.0;
    double of_squares = 0.0;
    for (std::size_t i = 0; i < kCount; ++i) {
      product += z[i] * z[i + apart];
      of_squares += (z[i] * z[i] - 1.0) * (z[i + apart] * z[i + apart] - 1.0) / 2.0;
    }
    EXPECT_LT(std::abs(product) / std::sqrt(kCount), limit) << apart;
    EXPECT_LT(std::abs(of_squares) / std::sqrt(kCount), limit) << apart;
  }
}

/// One way of being neighbours.
using Axis = std::function<LaneStream(std::uint64_t)>;

TEST(LaneStreams, NeighbouringKeysAreUncorrelated) {
  // Claim: correlation of the draws of streams k and k + 1 is 0, at equal places and one apart;
  // 99.9% each by normal approximation; 4 kinds of neighbours, 999 pairs of 1,000 draws each.
  const std::vector<std::pair<const char*, Axis>> axes{{"seed",
                                                        [](std::uint64_t k) {
                                                          return LaneStream({k, 0, "x", 0});
                                                        }},
                                                       {"replication",
                                                        [](std::uint64_t k) {
                                                          return LaneStream({7, k, "x", 0});
                                                        }},
                                                       {"index",
                                                        [](std::uint64_t k) {
                                                          return LaneStream({7, 0, "x", k});
                                                        }},
                                                       {"high half of index", [](std::uint64_t k) {
                                                          return LaneStream({7, 0, "x", k << 32});
                                                        }}};
  constexpr std::size_t kStreams = 1000;
  constexpr std::size_t kLength = 1000;
  for (const auto& [name, stream_of] : axes) {
    const auto drawn = [&stream_of = stream_of](std::uint64_t k) {
      LaneStream stream = stream_of(k);
      return uniforms(stream, kLength);
    };
    std::vector<double> before = drawn(0);
    double same = 0.0;
    double shifted = 0.0;
    for (std::uint64_t k = 1; k < kStreams; ++k) {
      std::vector<double> now = drawn(k);
      for (std::size_t i = 0; i < kLength; ++i) {
        same += (before[i] - 0.5) * (now[i] - 0.5);
        shifted += (before[i] - 0.5) * (now[(i + 1) % kLength] - 0.5);
      }
      before.swap(now);
    }
    // Each product has mean 0 and variance 1 / 144.
    const double sd = std::sqrt(static_cast<double>((kStreams - 1) * kLength)) / 12.0;
    EXPECT_TRUE(normal_interval(0.0, sd).contains(same)) << name << ": " << same / sd;
    EXPECT_TRUE(normal_interval(0.0, sd).contains(shifted)) << name << ": " << shifted / sd;
  }
}

}  // namespace
}  // namespace gatewright::sim
