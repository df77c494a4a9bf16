// Streams: uniform, normal and exponential in law; neighbouring keys have nothing in common.
#include "sim/streams.h"

#include <array>
#include <bit>
#include <cmath>
#include <functional>
#include <numbers>
#include <vector>

#include <gtest/gtest.h>

#include "tests/statistical/traffic/intervals.h"

namespace gatewright::sim {
namespace {

using namespace gatewright::testing;

constexpr std::size_t kDraws = 1'000'000;

TEST(Streams, UniformIsUniform) {
  // Claim: KS distance to the uniform law within its limit; 99.9%; 1 run of 1,000,000 draws.
  std::vector<double> values(kDraws);
  Stream({1, 0, "uniform", 0}).fill_uniform(values);
  EXPECT_LT(ks_distance(values, [](double x) { return x; }), ks_limit(kDraws));
}

TEST(Streams, NormalIsNormal) {
  // Claim: KS distance to the normal law within its limit; 99.9%; 1 run of 1,000,000 draws.
  std::vector<double> values(kDraws);
  Stream({1, 0, "normal", 0}).fill_normal(values);
  const auto law = [](double x) { return 0.5 * std::erfc(-x / std::numbers::sqrt2); };
  EXPECT_LT(ks_distance(values, law), ks_limit(kDraws));
}

TEST(Streams, ExponentialIsExponential) {
  // Claim: KS distance to the exponential law within its limit; 99.9%; 1 run of 1,000,000 draws.
  std::vector<double> values(kDraws);
  Stream({1, 0, "exponential", 0}).fill_exponential(values);
  EXPECT_LT(ks_distance(values, [](double x) { return -std::expm1(-x); }), ks_limit(kDraws));
}

TEST(Streams, TheTailsAreThere) {
  // Claim: counts beyond 3, 4 and 5 (normal) and 8, 12 (exponential) in their Poisson intervals by
  // normal approximation, at least 10 expected; 99.9% each; 1 run of 64,000,000 draws.
  constexpr std::size_t kBlocks = 64;
  std::array<double, 3> normal{};
  std::array<double, 2> exponential{};
  std::vector<double> values(kDraws);
  for (std::size_t block = 0; block < kBlocks; ++block) {
    Stream({2, 0, "normal", block}).fill_normal(values);
    for (const double x : values)
      for (std::size_t i = 0; i < normal.size(); ++i)
        if (std::abs(x) > 3.0 + static_cast<double>(i)) ++normal[i];
    Stream({2, 0, "exponential", block}).fill_exponential(values);
    for (const double x : values)
      for (std::size_t i = 0; i < exponential.size(); ++i)
        if (x > 8.0 + 4.0 * static_cast<double>(i)) ++exponential[i];
  }
  const auto expect_count = [](double observed, double tail) {
    const double expected = static_cast<double>(kBlocks * kDraws) * tail;
    EXPECT_GE(expected, 10.0);
    EXPECT_TRUE(normal_interval(expected, std::sqrt(expected)).contains(observed))
        << observed << " of " << expected;
  };
  for (std::size_t i = 0; i < normal.size(); ++i)
    expect_count(normal[i], std::erfc((3.0 + static_cast<double>(i)) / std::numbers::sqrt2));
  for (std::size_t i = 0; i < exponential.size(); ++i)
    expect_count(exponential[i], std::exp(-8.0 - 4.0 * static_cast<double>(i)));
}

/// One way of being neighbours.
using Axis = std::function<Stream(std::uint64_t)>;

std::vector<std::pair<const char*, Axis>> axes() {
  return {
      {"seed",
       [](std::uint64_t k) {
         return Stream({k, 0, "x", 0});
       }},
      {"replication",
       [](std::uint64_t k) {
         return Stream({7, k, "x", 0});
       }},
      {"index",
       [](std::uint64_t k) {
         return Stream({7, 0, "x", k});
       }},
      {"seed and replication",
       [](std::uint64_t k) {
         return Stream({7 + k, 1000 - k, "x", 0});
       }},
      {"replication and index",
       [](std::uint64_t k) {
         return Stream({7, k, "x", 1000 - k});
       }},
      {"high half of index",
       [](std::uint64_t k) {
         return Stream({7, 0, "x", k << 32});
       }},
  };
}

TEST(Streams, NeighbouringKeysAreUncorrelated) {
  // Claim: correlation of the draws of streams k and k + 1 is 0, at equal places and one apart;
  // 99.9% each by normal approximation; 6 kinds of neighbours, 999 pairs of 1,000 draws each.
  constexpr std::size_t kStreams = 1000;
  constexpr std::size_t kLength = 1000;
  for (const auto& [name, stream] : axes()) {
    std::vector<double> before(kLength);
    std::vector<double> now(kLength);
    stream(0).fill_uniform(before);
    double same = 0.0;
    double shifted = 0.0;
    for (std::uint64_t k = 1; k < kStreams; ++k) {
      stream(k).fill_uniform(now);
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

TEST(Streams, FirstWordsOfNeighboursDifferInHalfTheirBits) {
  // Claim: the first words of streams k and k + 1 differ in 32 bits in the mean, sd 4, and the first
  // uniforms of all streams are uniform (KS); 99.9% each; 6 kinds of neighbours, 100,000 streams.
  constexpr std::uint64_t kStreams = 100'000;
  for (const auto& [name, stream] : axes()) {
    std::vector<double> firsts;
    double bits = 0.0;
    std::uint64_t before = 0;
    for (std::uint64_t k = 0; k < kStreams; ++k) {
      firsts.push_back(stream(k).uniform());
      const std::uint64_t word = stream(k)();
      if (k > 0) bits += std::popcount(word ^ before);
      before = word;
    }
    const double mean = bits / static_cast<double>(kStreams - 1);
    const double sd = 4.0 / std::sqrt(static_cast<double>(kStreams - 1));
    EXPECT_TRUE(normal_interval(32.0, sd).contains(mean)) << name << ": " << mean;
    EXPECT_LT(ks_distance(firsts, [](double x) { return x; }), ks_limit(firsts.size())) << name;
  }
}

}  // namespace
}  // namespace gatewright::sim
