// Claim: z tests repeated on accumulating normal data reject as often as published. Each published
// rate lies within the 99.9% Clopper-Pearson interval of 20,000 rollouts.
//
// Armitage, McPherson, Rowe, JRSS A 132 (1969) 235, table 2 (two-sided); the one-sided rates, and
// the entries the paper does not have, come from the same recursion by Gauss-Legendre quadrature.
#include <algorithm>
#include <cstdio>
#include <map>

#include <gtest/gtest.h>

#include "tests/independent/exact.h"
#include "tests/independent/random_worlds.h"
#include "tests/unit/gates/gate_player.h"

namespace gatewright::testing {
namespace {

constexpr std::uint64_t kRollouts = 20'000;

/// Rollouts in which the gate failed at or before look K, for each K asked for. Every look adds a
/// million samples per arm, so that the estimated spread is the true one.
std::map<int, std::uint64_t> rejections(const std::string& sides, double alpha,
                                        const std::map<int, double>& published,
                                        std::uint64_t seed) {
  GatePlayer player(gate("quality", harm(Relation::difference, 0.0), "z_test",
                         {{"sides", sides}, {"alpha", alpha}}));
  const int looks = published.rbegin()->first;
  std::map<int, std::uint64_t> hits;
  for (std::uint64_t rollout = 0; rollout < kRollouts; ++rollout) {
    Random random(seed, rollout);
    player.forget();
    for (int look = 1; look <= looks; ++look) {
      const Summary baseline = random.normal_summary(0.0, 1.0, 1'000'000);
      const Summary candidate = random.normal_summary(0.0, 1.0, 1'000'000);
      if (player.look(baseline, candidate).harm < 1.0) continue;
      for (const auto& [limit, rate] : published) hits[limit] += limit >= look;
      break;
    }
  }
  return hits;
}

void expect_published(const std::string& sides, double alpha,
                      const std::map<int, double>& published, std::uint64_t seed) {
  const auto hits = rejections(sides, alpha, published, seed);
  for (const auto& [looks, rate] : published) {
    const Interval interval = clopper_pearson(hits.at(looks), kRollouts, 0.999);
    std::printf("%s-sided %.2f, %4d looks: published %.6f, seen %.4f, 99.9%% within [%.4f, %.4f]\n",
                sides.c_str(), alpha, looks, rate,
                static_cast<double>(hits.at(looks)) / static_cast<double>(kRollouts),
                interval.lower, interval.upper);
    EXPECT_LE(interval.lower, rate) << looks;
    EXPECT_GE(interval.upper, rate) << looks;
  }
}

TEST(RepeatedSignificance, TwoSidedFivePercent) {
  expect_published("two", 0.05,
                   {{1, 0.050000},
                    {2, 0.083118},
                    {3, 0.107256},
                    {5, 0.141689},
                    {10, 0.193357},
                    {20, 0.247911},
                    {50, 0.320450}},
                   11);
}

TEST(RepeatedSignificance, TwoSidedOnePercent) {
  expect_published("two", 0.01,
                   {{1, 0.010000}, {2, 0.017657}, {5, 0.032740}, {10, 0.047378}, {50, 0.088034}},
                   12);
}

TEST(RepeatedSignificance, OneSidedFivePercent) {
  expect_published("one", 0.05,
                   {{1, 0.050000},
                    {2, 0.080076},
                    {3, 0.101054},
                    {5, 0.129970},
                    {10, 0.171756},
                    {12, 0.182975},
                    {20, 0.214491},
                    {48, 0.267686}},
                   13);
}

}  // namespace
}  // namespace gatewright::testing
