// Bets on rates: the mean of the e-value by enumeration, and what it takes to keep it.
#include <cmath>
#include <cstdio>

#include <gtest/gtest.h>

#include "policies/gates/detected_rate.h"
#include "policies/gates/two_sample_rate.h"
#include "tests/independent/exact_mean_e.h"
#include "tests/independent/random_worlds.h"
#include "tests/unit/gates/gate_player.h"

namespace gatewright::testing {
namespace {

const std::vector<std::vector<Allocation>> kWindows{
    {{6, 6}, {9, 9}}, {{12, 2}, {3, 11}}, {{4, 1}, {4, 1}, {5, 5}}};

// Whatever the baseline's rates, changing from window to window, and however the arms are allocated.
TEST(RateBets, TheMeanEIsAtMostOneAtTheEdgeOfADifference) {
  for (const double margin : {-0.2, 0.0, 0.05, 0.3})
    for (const auto& windows : kWindows)
      for (const auto& p_b : std::vector<std::vector<double>>{
               {0.25, 0.25, 0.25}, {0.25, 0.6, 0.4}, {0.65, 0.22, 0.5}}) {
        std::vector<Rates> edge, healthy, harmful;
        for (std::size_t w = 0; w < windows.size(); ++w) {
          edge.push_back({p_b[w], p_b[w] + margin});
          healthy.push_back({p_b[w], 0.6 * (p_b[w] + margin)});
          harmful.push_back({p_b[w], std::min(1.0, 1.5 * (p_b[w] + margin))});
        }
        const GateSpec spec = gate("error", harm(Relation::difference, margin), "two_sample_rate");
        const MeanE at_edge = exact_mean_e<RateBetTest>(spec, windows, edge);
        EXPECT_LE(at_edge.harm, 1.0 + 1e-12) << margin;
        EXPECT_LE(at_edge.safety, 1.0 + 1e-12) << margin;
        EXPECT_LE(exact_mean_e<RateBetTest>(spec, windows, healthy).harm, 1.0 + 1e-12);
        EXPECT_LE(exact_mean_e<RateBetTest>(spec, windows, harmful).safety, 1.0 + 1e-12);
      }
}

TEST(RateBets, TheMeanEIsAtMostOneAtTheEdgeOfARatio) {
  for (const double ratio : {0.5, 1.0, 2.5})
    for (const auto& windows : kWindows)
      for (const double p_b : {0.02, 0.2, 0.39}) {
        const std::vector<Rates> edge(windows.size(), {p_b, ratio * p_b});
        const MeanE mean = exact_mean_e<RateBetTest>(
            gate("error", harm(Relation::ratio, ratio), "two_sample_rate"), windows, edge);
        EXPECT_LE(mean.harm, 1.0 + 1e-12) << ratio << ' ' << p_b;
        EXPECT_LE(mean.safety, 1.0 + 1e-12) << ratio << ' ' << p_b;
        EXPECT_GT(mean.harm, 0.9);  // and little is given away
      }
}

// One arm against a stated rate: the point is the truth at the edge, so the mean is exactly 1.
TEST(RateBets, TheMeanEOfAnAbsoluteRateIsExactlyOne) {
  for (const double edge : {0.02, 0.3, 0.8}) {
    const MeanE mean = exact_mean_e<RateBetTest>(
        gate("error", harm(Relation::absolute, edge), "detected_rate"), {{0, 12}, {0, 3}, {0, 8}},
        {{0.5, edge}, {0.5, edge}, {0.5, edge}});
    EXPECT_NEAR(mean.harm, 1.0, 1e-10);
    EXPECT_NEAR(mean.safety, 1.0, 1e-10);
  }
}

// Claim: with rates of 30% (where the conditional test gives 1 + x <= exp(x) away) that drift with the
// day while the exposure rises from 1:99 to 1:3, and a margin of 2 points, the gate alarms at the edge
// in at most 5% of rollouts of 500 looks: 99% Clopper-Pearson, 600 rollouts, fixed seeds.
TEST(RateBets, KeepTheBudgetWhileRatesAndExposureChange) {
  GatePlayer player(gate("refusal", harm(Relation::difference, 0.02), "two_sample_rate"));
  std::uint64_t alarms = 0, found = 0;
  constexpr std::uint64_t kRollouts = 600;
  for (std::uint64_t rollout = 0; rollout < kRollouts; ++rollout)
    for (const double excess : {0.0, 0.06}) {
      Random random(81, rollout);
      player.forget();
      bool alarmed = false;
      for (int look = 0; look < 500 && !alarmed; ++look) {
        const std::uint64_t n_c = look < 150 ? 2 : look < 300 ? 20 : 50;
        const double p = 0.3 + 0.15 * std::sin(look * 0.02);
        alarmed = player
                      .look(events(random.binomial(200 - n_c, p), 200 - n_c),
                            events(random.binomial(n_c, p + 0.02 + excess), n_c))
                      .harm >= 1.0;
      }
      (excess > 0.0 ? found : alarms) += alarmed ? 1U : 0U;
    }
  std::printf(
      "bets, difference of 2 points at rates around 30%%: alarms %.4f, 6 points more %.4f\n",
      static_cast<double>(alarms) / kRollouts, static_cast<double>(found) / kRollouts);
  EXPECT_LT(clopper_pearson(alarms, kRollouts, 0.99).lower, 0.05);
  EXPECT_GT(clopper_pearson(found, kRollouts, 0.99).upper, 0.8);
}

// --- detectors ---------------------------------------------------------------------------------

// Rogan and Gladen 1978: p = (reported + specificity - 1) / (sensitivity + specificity - 1).
TEST(DetectedRate, CorrectsAsRoganAndGladen) {
  constexpr Detector detector{.sensitivity = 0.90, .specificity = 0.95};
  EXPECT_NEAR(detector.index(), 0.85, 1e-15);
  EXPECT_NEAR(detector.reported(0.10), 0.9 * 0.10 + 0.05 * 0.90, 1e-15);
  EXPECT_NEAR(detector.corrected(0.135), 0.10, 1e-15);
  EXPECT_NEAR(detector.corrected(0.05), 0.0, 1e-15);
}

// An edge of true rates and its image say the same of every pair of rates, with a detector per arm.
TEST(DetectedRate, TheEdgeOfReportedRatesIsTheEdgeOfTrueOnes) {
  constexpr Detector of_baseline{.sensitivity = 0.8, .specificity = 0.97};
  constexpr Detector of_candidate{.sensitivity = 0.7, .specificity = 0.9};
  for (const HarmSpec& spec : {harm(Relation::ratio, 1.5), harm(Relation::difference, 0.03),
                               harm(Relation::absolute, 0.2)}) {
    const gates::LinearEdge of_true = linear_edge(spec);
    const gates::LinearEdge reported = reported_edge(of_true, of_baseline, of_candidate);
    for (const double p_b : {0.0, 0.01, 0.2, 0.6}) {
      const double p_c = of_true.factor * p_b + of_true.shift;
      EXPECT_NEAR(of_candidate.reported(p_c),
                  reported.factor * of_baseline.reported(p_b) + reported.shift, 1e-15);
    }
  }
}

TEST(DetectedRate, TheMeanEIsAtMostOneAtTheEdgeOfTrueRates) {
  constexpr Detector of_baseline{.sensitivity = 0.8, .specificity = 0.9};
  constexpr Detector of_candidate{.sensitivity = 0.75, .specificity = 0.7};
  const GateSpec spec = gate("refusal", harm(Relation::ratio, 1.5), "detected_rate",
                             {{"sensitivity", 0.8},
                              {"specificity", 0.9},
                              {"candidate_sensitivity", 0.75},
                              {"candidate_specificity", 0.7}});
  for (const double p : {0.02, 0.2, 0.5})
    for (const auto& windows : kWindows) {
      const std::vector<Rates> edge(windows.size(),
                                    {of_baseline.reported(p), of_candidate.reported(1.5 * p)});
      const MeanE mean = exact_mean_e<RateBetTest>(spec, windows, edge);
      EXPECT_LE(mean.harm, 1.0 + 1e-12) << p;
      EXPECT_LE(mean.safety, 1.0 + 1e-12) << p;
    }
}

// A detector that calls 10% of good answers refusals halves a doubling of 1% to 10.9% against 11.8%;
// the naive gate sees 8% more and finds nothing, the corrected one asks for what a doubling looks like.
TEST(DetectedRate, SeesADoublingThroughFalseAlarms) {
  const std::uint64_t n = 40'000;
  const auto reported = [&](double p) {
    return events(
        static_cast<std::uint64_t>(std::lround(
            static_cast<double>(n) * Detector{.sensitivity = 1.0, .specificity = 0.9}.reported(p))),
        n);
  };
  GatePlayer naive(gate("refusal", harm(Relation::ratio, 1.5), "two_sample_rate"));
  GatePlayer corrected(
      gate("refusal", harm(Relation::ratio, 1.5), "detected_rate", {{"specificity", 0.9}}));
  for (int window = 0; window < 20; ++window) {
    naive.look(reported(0.01), reported(0.03));
    corrected.look(reported(0.01), reported(0.03));
  }
  EXPECT_EQ(naive.evidence().harm, 0.0);
  EXPECT_GE(naive.evidence().safety, 1.0);
  EXPECT_GE(corrected.evidence().harm, 1.0);
}

TEST(DetectedRate, RefusesADetectorThatDetectsNothing) {
  const Diagnostics found = problems_of(gate("refusal", harm(Relation::ratio, 1.5), "detected_rate",
                                             {{"sensitivity", 0.4}, {"specificity", 0.6}}));
  ASSERT_EQ(found.size(), 2U);
  EXPECT_EQ(found[0].path, "test.specificity");
}

}  // namespace
}  // namespace gatewright::testing
