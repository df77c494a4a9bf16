// Group-sequential bounds and what they do, against published tables and other programs.
//
// A: Armitage, McPherson, Rowe, JRSS A 132 (1969) 235, table 2 (three decimals), with more digits
// by the same recursion in Python. J: Jennison and Turnbull, Group Sequential Methods (2000), tables
// 2.1-2.4, 2.7, 2.8. R: R package rpact 3.3.4 (Debian 12), `getDesignGroupSequential`. rpact is not
// validated above ten looks and there differs by 2e-5 on one side, which a second integration
// (trapezoids of 0.02 standard deviations in NumPy) decided in favour of the value here.
#include <algorithm>
#include <cmath>
#include <cstdio>
#include <numeric>
#include <vector>

#include <gtest/gtest.h>

#include "policies/gates/group_sequential.h"
#include "policies/gates/group_sequential_bounds.h"
#include "policies/gates/numerics.h"
#include "tests/independent/exact.h"
#include "tests/independent/random_worlds.h"
#include "tests/unit/gates/gate_player.h"

namespace gatewright::testing {
namespace {

using gates::BoundedLooks;
using gates::GroupSequentialDesign;
using gates::SpendingRule;

std::vector<double> equal(int looks) {
  std::vector<double> fractions;
  for (int look = 1; look <= looks; ++look) fractions.push_back(static_cast<double>(look) / looks);
  return fractions;
}

double repeated(int looks, double nominal, bool two_sided) {
  const double z = gates::normal_quantile_above(two_sided ? nominal / 2.0 : nominal);
  return gates::crossings({.fractions = equal(looks),
                           .bounds = std::vector<double>(static_cast<std::size_t>(looks), z),
                           .two_sided = two_sided},
                          0.0)
      .total();
}

TEST(GroupSequentialBounds, RepeatedSignificanceTestsErrAsPublished) {
  struct Row {
    int looks;
    double two_05, two_01, one_05, one_01;  ///< 0: not published
  };
  // A, and its continuation by recursion.
  for (const Row& row :
       {Row{1, 0.050000, 0.010000, 0.050000, 0.010000},
        Row{2, 0.083118, 0.017657, 0.080076, 0.017265},
        Row{3, 0.107256, 0.023658, 0.101054, 0.022805}, Row{4, 0.126169, 0.028575, 0, 0},
        Row{5, 0.141689, 0.032740, 0.129970, 0.031005},
        Row{10, 0.193357, 0.047378, 0.171756, 0.043884},
        Row{12, 0.207539, 0.051592, 0.182975, 0.047533},
        Row{20, 0.247911, 0.064030, 0.214491, 0.058184},
        Row{48, 0.317257, 0.086932, 0.267686, 0.077445}, Row{50, 0.320450, 0.088034, 0, 0},
        Row{100, 0.373619, 0.107054, 0.310601, 0.094109}}) {
    EXPECT_NEAR(repeated(row.looks, 0.05, true), row.two_05, 6e-7) << row.looks;
    EXPECT_NEAR(repeated(row.looks, 0.01, true), row.two_01, 6e-7) << row.looks;
    if (row.one_05 == 0) continue;
    EXPECT_NEAR(repeated(row.looks, 0.05, false), row.one_05, 6e-7) << row.looks;
    EXPECT_NEAR(repeated(row.looks, 0.01, false), row.one_01, 6e-7) << row.looks;
  }
  EXPECT_NEAR(repeated(288, 0.05, true), 0.449727, 6e-7);
}

/// The bounds' constant: c for Pocock, c = Z_K for O'Brien and Fleming.
double constant(SpendingRule rule, int looks, double alpha) {
  return gates::group_sequential_bounds(
             {.rule = rule, .fractions = equal(looks), .alpha = alpha / 2.0, .two_sided = true})
      .back();
}

struct ConstantRow {
  int looks;
  double pocock_05, of_05, pocock_01, of_01;
  double r_pocock_8, r_of_8, r_pocock_9, r_of_9;
  double asn_pocock[4], asn_of[4];
};
// J; the rows of 12 and 20 looks by recursion alone.
constexpr ConstantRow kConstants[] = {
    {2,
     2.1783,
     1.9774,
     2.7718,
     2.5796,
     1.1104,
     1.0078,
     1.1001,
     1.0071,
     {108.4, 100.9, 77.6, 59.2},
     {100.5, 98.2, 85.1, 63.3}},
    {3,
     2.2895,
     2.0040,
     2.8730,
     2.5949,
     1.1664,
     1.0174,
     1.1506,
     1.0161,
     {112.8, 102.6, 72.1, 48.2},
     {101.1, 96.9, 79.9, 61.0}},
    {4,
     2.3613,
     2.0243,
     2.9387,
     2.6091,
     1.2025,
     1.0238,
     1.1831,
     1.0222,
     {115.6, 104.1, 69.7, 43.7},
     {101.6, 96.4, 76.7, 57.3}},
    {5,
     2.4132,
     2.0401,
     2.9863,
     2.6212,
     1.2286,
     1.0284,
     1.2066,
     1.0265,
     {117.7, 105.2, 68.5, 41.2},
     {101.9, 96.1, 75.0, 54.8}},
    {6,
     2.4532,
     2.0528,
     3.0231,
     2.6314,
     1.2488,
     1.0318,
     1.2247,
     1.0297,
     {119.3, 106.2, 67.7, 39.6},
     {102.2, 95.9, 73.9, 53.4}},
    {7,
     2.4855,
     2.0633,
     3.0528,
     2.6401,
     1.2652,
     1.0345,
     1.2394,
     1.0323,
     {120.6, 107.0, 67.3, 38.6},
     {102.4, 95.8, 73.2, 52.5}},
    {8,
     2.5123,
     2.0722,
     3.0775,
     2.6476,
     1.2790,
     1.0367,
     1.2517,
     1.0344,
     {121.7, 107.8, 66.9, 37.8},
     {102.6, 95.7, 72.6, 51.8}},
    {9,
     2.5352,
     2.0798,
     3.0986,
     2.6541,
     1.2907,
     1.0384,
     1.2621,
     1.0360,
     {122.6, 108.4, 66.7, 37.2},
     {102.7, 95.6, 72.1, 51.2}},
    {10,
     2.5550,
     2.0865,
     3.1169,
     2.6599,
     1.3010,
     1.0399,
     1.2713,
     1.0375,
     {123.4, 109.0, 66.6, 36.7},
     {102.8, 95.6, 71.8, 50.8}},
    {12,
     2.5880,
     2.0976,
     3.1472,
     2.6697,
     1.3182,
     1.0422,
     1.2866,
     1.0397,
     {124.8, 110.0, 66.4, 36.1},
     {103.0, 95.5, 71.3, 50.2}},
    {20,
     2.6720,
     2.1257,
     3.2247,
     2.6951,
     1.3634,
     1.0474,
     1.3266,
     1.0447,
     {128.4, 112.8, 66.5, 34.8},
     {103.4, 95.5, 70.3, 48.9}},
};

TEST(GroupSequentialBounds, ConstantsAreThePublishedOnes) {
  for (const ConstantRow& row : kConstants) {
    EXPECT_NEAR(constant(SpendingRule::pocock, row.looks, 0.05), row.pocock_05, 5.1e-5);
    EXPECT_NEAR(constant(SpendingRule::obrien_fleming, row.looks, 0.05), row.of_05, 5.1e-5);
    EXPECT_NEAR(constant(SpendingRule::pocock, row.looks, 0.01), row.pocock_01, 5.1e-5);
    EXPECT_NEAR(constant(SpendingRule::obrien_fleming, row.looks, 0.01), row.of_01, 5.1e-5);
  }
}

TEST(GroupSequentialBounds, ConstantsAreThoseOfRpactToItsPrecision) {
  struct Row {
    int looks;
    double pocock, of;
  };
  for (const Row& row : {Row{2, 2.17827209, 1.97743096}, Row{3, 2.28947806, 2.00403558},
                         Row{4, 2.36129789, 2.02429550}, Row{5, 2.41317622, 2.04007318},
                         Row{10, 2.55501277, 2.08650218}, Row{12, 2.58796218, 2.09760067},
                         Row{20, 2.67196775, 2.12565160}}) {
    EXPECT_NEAR(constant(SpendingRule::pocock, row.looks, 0.05), row.pocock, 2e-7) << row.looks;
    EXPECT_NEAR(constant(SpendingRule::obrien_fleming, row.looks, 0.05), row.of, 2e-7) << row.looks;
  }
}

/// The drift at which the design's power is `power`: to cross on the side of the drift, as the books
/// count it.
double drift_of(const BoundedLooks& looks, double power) {
  double low = 0.0, high = 12.0;
  for (int i = 0; i < 40; ++i) {
    const double drift = 0.5 * (low + high);
    const auto above = gates::crossings(looks, drift).above;
    (std::accumulate(above.begin(), above.end(), 0.0) < power ? low : high) = drift;
  }
  return high;
}

/// Mean information at the end, as a share of the last look's.
double mean_information(const BoundedLooks& looks, double drift) {
  const gates::Crossings chances = gates::crossings(looks, drift);
  double mean = 0.0, left = 1.0;
  for (std::size_t k = 0; k + 1 < looks.fractions.size(); ++k) {
    const double stop = chances.above[k] + chances.below[k];
    mean += looks.fractions[k] * stop;
    left -= stop;
  }
  return mean + left;
}

TEST(GroupSequentialBounds, InflationAndAverageSampleNumbersAreThePublishedOnes) {
  for (const ConstantRow& row : kConstants) {
    if (row.looks > 8) continue;  // the same code, and seconds of patience
    for (const SpendingRule rule : {SpendingRule::pocock, SpendingRule::obrien_fleming}) {
      const bool pocock = rule == SpendingRule::pocock;
      const BoundedLooks looks{
          .fractions = equal(row.looks),
          .bounds = gates::group_sequential_bounds(
              {.rule = rule, .fractions = equal(row.looks), .alpha = 0.025, .two_sided = true}),
          .two_sided = true};
      const auto inflation = [&](double power) {
        const double fixed =
            gates::normal_quantile_above(0.025) + gates::normal_quantile_above(1.0 - power);
        const double drift = drift_of(looks, power);
        return drift * drift / (fixed * fixed);
      };
      EXPECT_NEAR(inflation(0.8), pocock ? row.r_pocock_8 : row.r_of_8, 5.1e-5) << row.looks;
      EXPECT_NEAR(inflation(0.9), pocock ? row.r_pocock_9 : row.r_of_9, 5.1e-5) << row.looks;
      const double drift = drift_of(looks, 0.9), r = inflation(0.9);
      for (int i = 0; i < 4; ++i)
        EXPECT_NEAR(100.0 * r * mean_information(looks, 0.5 * i * drift),
                    pocock ? row.asn_pocock[i] : row.asn_of[i], 0.051)
            << row.looks << ' ' << i;
    }
  }
}

// J, as asserted in the test-suite of the R package gsDesign: power .8.
TEST(GroupSequentialBounds, FourLooksOfPocockAtEightyPercentPower) {
  const BoundedLooks looks{
      .fractions = equal(4),
      .bounds = std::vector<double>(4, constant(SpendingRule::pocock, 4, 0.05)),
      .two_sided = true};
  const double drift = drift_of(looks, 0.8);
  const double fixed = gates::normal_quantile_above(0.025) + gates::normal_quantile_above(0.2);
  const double r = drift * drift / (fixed * fixed);
  EXPECT_NEAR(100.0 * r, 120.2, 0.051);
  const double published[] = {117.5, 108.8, 80.5, 52.2};
  for (int i = 0; i < 4; ++i)
    EXPECT_NEAR(100.0 * r * mean_information(looks, 0.5 * i * drift), published[i], 0.051) << i;
}

void expect_bounds(const GroupSequentialDesign& design, const std::vector<double>& published,
                   double tolerance) {
  const std::vector<double> bounds = gates::group_sequential_bounds(design);
  ASSERT_EQ(bounds.size(), published.size());
  for (std::size_t k = 0; k < bounds.size(); ++k)
    EXPECT_NEAR(bounds[k], published[k], tolerance) << k;
}

TEST(GroupSequentialBounds, SpendingFunctionsGiveRpactsBounds) {
  const SpendingRule of = SpendingRule::spend_obrien_fleming, pocock = SpendingRule::spend_pocock;
  expect_bounds({.rule = of, .fractions = equal(3)}, {3.710303, 2.511427, 1.993047}, 2e-6);
  expect_bounds({.rule = pocock, .fractions = equal(3)}, {2.279428, 2.294911, 2.295940}, 2e-6);
  expect_bounds({.rule = of, .fractions = equal(5)},
                {4.876885, 3.357012, 2.680280, 2.289817, 2.031032}, 3e-6);
  expect_bounds({.rule = pocock, .fractions = equal(5)},
                {2.437977, 2.426814, 2.410194, 2.396649, 2.386000}, 3e-6);
  expect_bounds({.rule = of, .fractions = equal(10)},
                {6.991352, 4.876885, 3.929682, 3.367079, 2.989330, 2.714809, 2.504077, 2.335829,
                 2.197503, 2.081176},
                1e-5);
  expect_bounds({.rule = pocock, .fractions = equal(10)},
                {2.655110, 2.623242, 2.589637, 2.562079, 2.539747, 2.521404, 2.506086, 2.493097,
                 2.481934, 2.472227},
                1e-5);
  expect_bounds({.rule = of, .fractions = {0.1, 0.3, 0.6, 1.0}, .alpha = 0.05},
                {6.087893, 3.392952, 2.280852, 1.679767}, 2e-6);
}

TEST(GroupSequentialBounds, HwangShihDeCaniGivesRpactsBounds) {
  const auto design = [](double gamma) {
    return GroupSequentialDesign{
        .rule = SpendingRule::hwang_shih_decani, .fractions = equal(5), .gamma = gamma};
  };
  expect_bounds(design(-4.0), {3.252668, 2.986046, 2.691657, 2.373667, 2.025321}, 3e-6);
  expect_bounds(design(-2.0), {2.890282, 2.708488, 2.514076, 2.314999, 2.109954}, 3e-6);
  expect_bounds(design(1.0), {2.448677, 2.418985, 2.398382, 2.391234, 2.394773}, 3e-6);
  expect_bounds(design(2.0), {2.344276, 2.371689, 2.412845, 2.469005, 2.535816}, 3e-6);
  expect_bounds({.rule = SpendingRule::hwang_shih_decani,
                 .fractions = {0.1, 0.3, 0.6, 1.0},
                 .alpha = 0.05,
                 .gamma = -3.0},
                {3.116018, 2.740684, 2.298726, 1.696885}, 2e-6);
}

TEST(GroupSequentialBounds, UnequalLooksGiveRpactsBounds) {
  const std::vector<double> fractions{0.25, 0.5, 0.8, 1.0};
  expect_bounds({.rule = SpendingRule::obrien_fleming, .fractions = fractions, .alpha = 0.01},
                {4.755481, 3.362633, 2.658395, 2.377741}, 2e-6);
  expect_bounds({.rule = SpendingRule::pocock, .fractions = fractions, .alpha = 0.05},
                {2.065403, 2.065403, 2.065403, 2.065403}, 2e-6);
}

// Lan and DeMets 1983 and their program LD98, two-sided 5%. At t = .05 the O'Brien-Fleming type
// spends 1e-23: programs cut the bound off at 8 or 9, here it is computed.
TEST(GroupSequentialBounds, EarlyLooksOfLanAndDeMets) {
  const auto two_sided = [](SpendingRule rule, std::vector<double> fractions) {
    return GroupSequentialDesign{
        .rule = rule, .fractions = std::move(fractions), .two_sided = true};
  };
  const std::vector<double> fractions{0.05, 0.1, 0.25, 0.5, 1.0};
  const auto of =
      gates::group_sequential_bounds(two_sided(SpendingRule::spend_obrien_fleming, fractions));
  EXPECT_GT(of[0], 9.0);
  EXPECT_NEAR(of[1], 6.9914, 5.1e-5);
  EXPECT_NEAR(of[2], 4.3326, 5.1e-5);
  EXPECT_NEAR(of[3], 2.9631, 5.1e-5);
  EXPECT_NEAR(of[4], 1.9686, 5.1e-5);
  expect_bounds(two_sided(SpendingRule::spend_pocock, fractions),
                {2.8687, 2.8293, 2.5342, 2.3885, 2.2324}, 5.1e-5);
  expect_bounds(two_sided(SpendingRule::spend_pocock, {0.01, 0.05, 0.25, 1.0}),
                {3.3354, 2.9356, 2.4519, 2.1052}, 5.1e-5);
}

// Claim: at the edge of harm the gate fails with the probability of its budget, and shows safety
// with that of its own; 4,000 rollouts of a hundred windows each, within the 99.9% Clopper-Pearson
// interval. Exposure rises tenfold on the way and the level of both arms drifts.
TEST(GroupSequentialGate, SpendsItsBudgetsAtTheEdge) {
  GatePlayer player(gate("quality", harm(Relation::difference, 0.2), "group_sequential",
                         {{"looks", 4.0}, {"samples", 55'000.0}}),
                    {.false_alarm = 0.05, .missed_harm = 0.1});
  constexpr std::uint64_t kRollouts = 4'000;
  std::uint64_t failed = 0, passed = 0;
  for (std::uint64_t rollout = 0; rollout < kRollouts; ++rollout) {
    Random random(41, rollout);
    player.forget();
    bool has_failed = false, has_passed = false;
    for (int window = 0; window < 100; ++window) {
      const double level = std::sin(0.1 * window);
      const std::uint64_t n_c = window < 50 ? 100 : 1000;
      const Evidence evidence = player.look(random.normal_summary(level, 1.0, 2000 - n_c),
                                            random.normal_summary(level + 0.2, 1.0, n_c));
      has_failed |= evidence.harm >= 1.0;
      has_passed |= evidence.safety >= 1.0;
    }
    failed += has_failed;
    passed += has_passed;
  }
  const Interval false_alarms = clopper_pearson(failed, kRollouts, 0.999);
  const Interval missed = clopper_pearson(passed, kRollouts, 0.999);
  std::printf("fails %.4f, safety %.4f at the edge\n",
              static_cast<double>(failed) / static_cast<double>(kRollouts),
              static_cast<double>(passed) / static_cast<double>(kRollouts));
  EXPECT_LE(false_alarms.lower, 0.05);
  EXPECT_GE(false_alarms.upper, 0.05);
  EXPECT_LE(missed.lower, 0.1);
  EXPECT_GE(missed.upper, 0.1);
}

}  // namespace
}  // namespace gatewright::testing
