// Holm's step-down on e-values against other routes: closed testing by enumeration, published adjusted
// p-values, and its promise by simulation. How a stage's budget bounds its false alarms.
#include "policies/staged/budget.h"

#include <array>
#include <bit>
#include <cmath>

#include <gtest/gtest.h>

#include "tests/independent/exact.h"
#include "tests/independent/random_worlds.h"

namespace gatewright::testing {
namespace {

/// Those that a share of the budget names by itself, then those that the step-down adds.
GateMask named(std::span<const HolmEntry> entries) {
  GateMask failing = 0;
  for (std::size_t i = 0; i < entries.size(); ++i)
    if (entries[i].share > 0.0 && entries[i].log_e >= entries[i].needed)
      failing |= GateMask{1} << i;
  if (failing != 0) step_down(entries, failing);
  return failing;
}

HolmEntry entry(double share, double log_e) {
  return {.share = share, .log_e = log_e, .needed = -std::log(share)};
}

// Claim: for p-values 0.01, 0.013, 0.04, 0.03, 0.005 Holm at 5% rejects the first, second and fifth:
// adjusted p-values .04, .04, .06, .06, .025 (p.adjust of R 4.2.2).
TEST(StepDown, RejectsWhatHolmsAdjustedPValuesReject) {
  std::vector<HolmEntry> entries;
  for (const double p : {0.01, 0.013, 0.04, 0.03, 0.005})
    entries.push_back(entry(0.01, -std::log(p)));
  EXPECT_EQ(named(entries), 0b10011U);
  entries[3].log_e = -std::log(0.0249);  // the fourth of five: needs 5% / 2
  EXPECT_EQ(named(entries), 0b11111U) << "and then the last needs 5%";
}

// Claim: it names exactly what closed testing names, every intersection of gates being tested by
// weighted Bonferroni (Marcus, Peritz, Gabriel, Biometrika 63 (1976) 655; Holm 1979).
TEST(StepDown, IsClosedTestingByEnumeration) {
  Random random(3, 0);
  for (int trial = 0; trial < 2'000; ++trial) {
    std::vector<HolmEntry> entries;
    const std::size_t gates = 2 + static_cast<std::size_t>(trial % 4);
    double weights = 0.0;
    std::vector<double> weight;
    for (std::size_t i = 0; i < gates; ++i) {
      weight.push_back(0.2 + random.uniform());
      weights += weight.back();
    }
    for (std::size_t i = 0; i < gates; ++i)
      entries.push_back(entry(0.05 * weight[i] / weights, 6.0 * random.uniform()));

    GateMask closed = 0;
    for (std::size_t i = 0; i < gates; ++i) {
      bool all_rejected = true;
      for (GateMask set = 1; set < GateMask{1} << gates; ++set) {
        if ((set >> i & 1) == 0) continue;
        double in_set = 0.0;
        bool rejected = false;
        for (std::size_t j = 0; j < gates; ++j)
          if ((set >> j & 1) != 0) in_set += weight[j];
        for (std::size_t j = 0; j < gates; ++j)
          rejected |=
              (set >> j & 1) != 0 && entries[j].log_e >= -std::log(0.05 * weight[j] / in_set);
        all_rejected &= rejected;
      }
      if (all_rejected) closed |= GateMask{1} << i;
    }
    EXPECT_EQ(named(entries), closed) << trial;
  }
}

TEST(StepDown, LeavesOutWhatSpendsNothing) {
  const std::vector<HolmEntry> entries{
      entry(0.025, 9.0), {.share = 0.0, .log_e = 50.0, .needed = 3.0}, entry(0.025, 3.2)};
  EXPECT_EQ(named(entries), 0b101U) << "the third has the whole 5% once the first has failed";
}

/// ln of the mean of exp(x theta - theta^2 t / 2) over a few theta: an e-value against drift <= 0.
struct Drift {
  double sum = 0.0, time = 0.0;
  double step(double mean, double noise) {
    sum += mean + noise;
    time += 1.0;
    double e = 0.0;
    for (const double theta : {0.05, 0.1, 0.2, 0.4})
      e += 0.25 * std::exp(theta * sum - 0.5 * theta * theta * time);
    return std::log(e);
  }
};

// Claim: at the halt, with two gates harmed and three at the edge, all moving together (correlation
// 0.7), at most 5% of 4,000 rollouts of 200 looks name a gate that is within its margin (99%
// Clopper-Pearson); and of the harmed gates the step-down names more than the split does.
TEST(StepDown, NamesNoGateWithinItsMarginMoreOftenThanTheBudget) {
  std::uint64_t wrong = 0, by_split = 0, by_holm = 0;
  constexpr std::uint64_t kRuns = 4'000;
  for (std::uint64_t run = 0; run < kRuns; ++run) {
    Random random(23, run);
    std::array<Drift, 5> drifts;
    std::vector<HolmEntry> entries(5, entry(0.01, 0.0));
    for (int look = 0; look < 200; ++look) {
      const double common = std::sqrt(0.7) * random.normal();
      GateMask split = 0;
      for (std::size_t i = 0; i < 5; ++i) {
        const double noise = common + std::sqrt(0.3) * random.normal();
        entries[i].log_e = drifts[i].step(i < 2 ? 0.25 : 0.0, noise);
        if (entries[i].log_e >= entries[i].needed) split |= GateMask{1} << i;
      }
      if (split == 0) continue;
      const GateMask all = named(entries);
      EXPECT_EQ(all & split, split);
      wrong += (all & 0b11100U) != 0 ? 1 : 0;
      by_split += static_cast<std::uint64_t>(std::popcount(split & 0b11U));
      by_holm += static_cast<std::uint64_t>(std::popcount(all & 0b11U));
      break;
    }
  }
  EXPECT_LE(clopper_pearson(wrong, kRuns, 0.99).lower, 0.05) << wrong;
  EXPECT_GT(by_holm, by_split);
}

// ---- stages ----

// Claim: of candidates at the edge, a stage that may spend 1% halts at most 1%, and a rollout of four
// stages that share a budget of 5% at most 5% (99% Clopper-Pearson, 6,000 rollouts of 400 looks), for
// evidence that lasts, although every other stage may spend all of it.
TEST(StageBudget, BoundsTheStageAndCostsTheOthersNothing) {
  const std::vector<std::optional<double>> limits{0.2, std::nullopt, std::nullopt, std::nullopt};
  const std::vector<double> spent =
      spend_by_stage(0.05, {.limits = limits, .measured = 0b1111U, .starts_anew = false});
  ASSERT_EQ(spent.size(), 4U);
  EXPECT_DOUBLE_EQ(spent[0], 0.01);
  EXPECT_EQ(spent[1], 0.05);
  std::uint64_t in_first = 0, in_all = 0;
  constexpr std::uint64_t kRuns = 6'000;
  for (std::uint64_t run = 0; run < kRuns; ++run) {
    Random random(29, run);
    Drift drift;
    for (int look = 0; look < 400; ++look) {
      const int stage = look / 100;
      if (drift.step(0.0, random.normal()) < -std::log(spent[static_cast<std::size_t>(stage)]))
        continue;
      in_first += stage == 0 ? 1 : 0;
      ++in_all;
      break;
    }
  }
  EXPECT_LE(clopper_pearson(in_first, kRuns, 0.99).lower, 0.01) << in_first;
  EXPECT_LE(clopper_pearson(in_all, kRuns, 0.99).lower, 0.05) << in_all;
  EXPECT_GT(in_all, 2 * in_first) << "the later stages spend what the first may not";
}

TEST(StageBudget, IsDividedWhereEvidenceStartsAnew) {
  const std::vector<std::optional<double>> limits{0.2, std::nullopt, std::nullopt, 0.4};
  const auto spent = [&](std::uint64_t measured) {
    return spend_by_stage(0.05, {.limits = limits, .measured = measured, .starts_anew = true});
  };
  const std::vector<double> all = spent(0b1111U);
  ASSERT_EQ(all.size(), 4U);
  EXPECT_DOUBLE_EQ(all[0], 0.01);
  EXPECT_DOUBLE_EQ(all[1], 0.01) << "half of what the limits leave";
  EXPECT_DOUBLE_EQ(all[3], 0.02);
  EXPECT_DOUBLE_EQ(all[0] + all[1] + all[2] + all[3], 0.05);
  EXPECT_EQ(spent(0b0111U)[3], 0.0) << "not measured";
  EXPECT_DOUBLE_EQ(spent(0b0111U)[1], 0.02);
}

TEST(StageBudget, IsRefusedWhereNothingIsLeft) {
  const auto spent = [](std::vector<std::optional<double>> limits) {
    return spend_by_stage(0.05, {.limits = limits, .measured = 0b111U, .starts_anew = true});
  };
  EXPECT_TRUE(spent({0.6, 0.6, std::nullopt}).empty());
  EXPECT_TRUE(spent({0.6, 0.4, std::nullopt}).empty());
  EXPECT_EQ(spent({0.6, 0.2, 0.2}).size(), 3U) << "all of it, and nobody else";
}

}  // namespace
}  // namespace gatewright::testing
