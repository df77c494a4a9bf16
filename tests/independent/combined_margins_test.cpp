// The combined gate's e-values against other routes: exact conditional laws, normal_mixture at other
// margins, enumeration of every split; and its promise, by simulation.
#include "policies/gates/combined_margins.h"

#include <algorithm>
#include <array>
#include <cmath>
#include <functional>

#include <gtest/gtest.h>
#include <boost/math/distributions/binomial.hpp>

#include "policies/gates/beta_binomial_mixture.h"
#include "policies/gates/normal_mixture.h"
#include "tests/independent/exact.h"
#include "tests/independent/random_worlds.h"
#include "tests/unit/gates/gate_player.h"

namespace gatewright::testing {
namespace {

const Budget kBudget{.false_alarm = 0.05, .missed_harm = 0.05};

std::unique_ptr<MarginShare> share_of(const GateSpec& gate, std::span<const double> shares) {
  Diagnostics problems;
  auto made = make_margin_share(gate, shares, kBudget, problems);
  EXPECT_NE(made, nullptr) << (problems.empty() ? "" : problems.front().message);
  return made;
}

GateSpec means(Relation relation, double margin, bool log_scale = false,
               Direction direction = Direction::up) {
  return gate(relation == Relation::difference ? "quality" : "cost",
              harm(relation, margin, direction), "normal_mixture",
              {{"scale", std::string(log_scale ? "log" : "linear")}}, 40);
}

GateSpec rates(double ratio) {
  return gate("error", harm(Relation::ratio, ratio), "beta_binomial_mixture");
}

/// Windows of normal numbers whose level drifts and whose arms change in size.
std::vector<Samples> drifting_windows() {
  Random random(11, 0);
  std::vector<Samples> windows;
  for (int w = 0; w < 12; ++w) {
    const double level = 2.0 + 0.3 * std::sin(w);
    const auto n_c = static_cast<std::uint64_t>(20 + 13 * w), n_b = std::uint64_t{400};
    windows.push_back(samples(numbers(level + 0.05 * random.normal(), 0.4, n_b),
                              numbers(1.1 * level + 0.1 * random.normal(), 0.5, n_c)));
  }
  return windows;
}

// ---- one metric ----

// Claim: a share of a margin weighs its windows exactly as normal_mixture would at that margin.
TEST(MarginShare, OfMeansIsTheNormalMixtureAtThatMargin) {
  const std::vector<double> shares{0.0, 0.35, 1.0, 1.6};
  for (const GateSpec& spec :
       {means(Relation::ratio, 1.2), means(Relation::ratio, 1.2, true),
        means(Relation::difference, 0.05), means(Relation::ratio, 0.7, false, Direction::down),
        means(Relation::ratio, 0.7, true, Direction::down)}) {
    const auto share = share_of(spec, shares);
    std::vector<double> slots(share->slots());
    std::vector<MarginShare::LogE> at(shares.size());
    EXPECT_FALSE(share->log_e(slots, at));
    for (const Samples& window : drifting_windows()) share->update(slots, {.event = window});
    ASSERT_TRUE(share->log_e(slots, at));
    for (std::size_t i = 0; i < shares.size(); ++i) {
      GateSpec moved = spec;
      moved.harm.margin = spec.harm.relation == Relation::ratio
                              ? 1.0 + shares[i] * (spec.harm.margin - 1.0)
                              : shares[i] * spec.harm.margin;
      Diagnostics problems;
      const NormalMixture test(moved.harm, difference_settings(moved, problems));
      std::vector<double> of_test(test.slots());
      for (const Samples& window : drifting_windows()) test.update(of_test, {.event = window});
      const NormalMixture::LogE expected = test.log_e(of_test, kBudget);
      ASSERT_TRUE(expected.enough);
      const double rounding = 1e-9 * (1.0 + std::abs(expected.harm) + std::abs(expected.safety));
      EXPECT_NEAR(at[i].harm, expected.harm, rounding) << shares[i];
      EXPECT_NEAR(at[i].safety, expected.safety, rounding) << shares[i];
    }
  }
}

// Claim: given how many events a window has, the e-value at an edge has mean exactly 1 there (the
// candidate's count is binomial, Przyborowski and Wilenski 1940); beyond either side of it the mean of
// that side's falls below 1.
TEST(MarginShare, OfRatesHasMeanOneAtTheEdgeGivenTheEvents) {
  const std::vector<double> shares{0.0, 0.5, 1.0, 1.5};
  const auto share = share_of(rates(1.5), shares);
  constexpr double kCandidate = 3'000, kBaseline = 20'000;
  for (const std::uint64_t total : {1U, 7U, 60U})
    for (std::size_t i = 0; i < shares.size(); ++i)
      for (const double off : {0.8, 1.0, 1.25}) {
        const double ratio = off * (1.0 + 0.5 * shares[i]);
        const double pi = ratio * kCandidate / (ratio * kCandidate + kBaseline);
        const boost::math::binomial_distribution<double> law(static_cast<double>(total), pi);
        double harm_mean = 0.0, safety_mean = 0.0;
        for (std::uint64_t k = 0; k <= total; ++k) {
          std::vector<double> slots(share->slots());
          share->update(slots, {.event = samples(events(total - k, 20'000), events(k, 3'000))});
          std::vector<MarginShare::LogE> at(shares.size());
          ASSERT_TRUE(share->log_e(slots, at));
          const double p = boost::math::pdf(law, static_cast<double>(k));
          harm_mean += p * std::exp(at[i].harm);
          safety_mean += p * std::exp(at[i].safety);
        }
        if (off == 1.0) {
          EXPECT_NEAR(harm_mean, 1.0, 1e-9);
          EXPECT_NEAR(safety_mean, 1.0, 1e-9);
        } else {
          EXPECT_LT(off < 1.0 ? harm_mean : safety_mean, 1.0);
        }
      }
}

// Claim: with many events it comes to what beta_binomial_mixture says, whose prior is another one: the
// logarithms differ by less than those of the priors do (4) where they are 30 and more.
TEST(MarginShare, OfRatesAgreesWithTheMixtureThatKnowsOneEdge) {
  const std::vector<double> shares{0.0, 1.0};
  const auto share = share_of(rates(1.5), shares);
  std::vector<double> slots(share->slots());
  const BetaBinomialMixture test(harm(Relation::ratio, 1.5), {});
  std::vector<double> of_test(test.slots());
  for (int w = 0; w < 40; ++w) {
    const Observation window{.event = samples(events(20, 2'000), events(5 + (w & 1), 200))};
    share->update(slots, window);
    test.update(of_test, window);
  }
  std::vector<MarginShare::LogE> at(2);
  ASSERT_TRUE(share->log_e(slots, at));
  ASSERT_GT(test.log_e(of_test).harm, 20.0);
  EXPECT_NEAR(at[1].harm, test.log_e(of_test).harm, 4.0);
}

TEST(MarginShare, SaysWhatItCannotAddUp) {
  const std::vector<double> shares{0.0, 1.0};
  const auto problem = [&](const GateSpec& spec) {
    Diagnostics problems;
    EXPECT_EQ(make_margin_share(spec, shares, kBudget, problems), nullptr);
    return problems.empty() ? std::string() : problems.front().path;
  };
  EXPECT_EQ(problem(gate("cost", harm(Relation::ratio, 1.2), "welch_t")), "test");
  EXPECT_EQ(problem(gate("error", harm(Relation::absolute, 0.02), "beta_binomial_mixture")),
            "harm");
  EXPECT_EQ(problem(gate("cost", harm(Relation::ratio, 1.0), "normal_mixture")), "harm");
}

// ---- the least mean ----

// Claim: the least mean is the smallest of the means over every split, one by one.
TEST(LeastMean, IsThatOfTheBestSplitForTheDefence) {
  Random random(5, 0);
  constexpr std::size_t kTotal = 9;
  for (int trial = 0; trial < 40; ++trial) {
    const std::size_t parts = 2 + static_cast<std::size_t>(trial % 3);
    std::vector<double> log_e;
    for (std::size_t i = 0; i < parts * (kTotal + 1); ++i) log_e.push_back(3.0 * random.normal());
    double least = std::numeric_limits<double>::infinity();
    const std::function<void(std::size_t, std::size_t, double)> split =
        [&](std::size_t part, std::size_t left, double sum) {
          const auto e = [&](std::size_t k) { return std::exp(log_e[part * (kTotal + 1) + k]); };
          if (part + 1 == parts) {
            least = std::min(least, (sum + e(left)) / static_cast<double>(parts));
            return;
          }
          for (std::size_t k = 0; k <= left; ++k) split(part + 1, left - k, sum + e(k));
        };
    split(0, kTotal, 0.0);
    EXPECT_NEAR(log_least_mean(log_e, kTotal), std::log(least), 1e-12);
  }
}

TEST(LeastMean, IsANumberWhereverEValuesEnd) {
  const std::vector<double> vast(2 * 10, 1e9);
  EXPECT_DOUBLE_EQ(log_least_mean(vast, 9), 600.0);
  const std::vector<double> none(2 * 10, -std::numeric_limits<double>::infinity());
  EXPECT_EQ(log_least_mean(none, 9), -std::numeric_limits<double>::infinity());
}

// ---- several metrics together ----

/// Three metrics of the same requests: a cost (log-normal), a quality and an event whose noise is
/// shared in part, `uses` of their margins of 20%, 0.05 and 1.5x used up.
class ThreeMetrics {
 public:
  explicit ThreeMetrics(double margins_used) {
    specs_ = {means(Relation::ratio, 1.2, true),
              means(Relation::difference, -0.05, false, Direction::down), rates(1.5)};
    const std::vector<double> shares = CombinedMargins::shares(margins_used, 3);
    std::vector<std::unique_ptr<MarginShare>> parts;
    for (const GateSpec& spec : specs_) parts.push_back(share_of(spec, shares));
    test_ = std::make_unique<CombinedMargins>(std::move(parts));
  }

  struct Ends {
    bool harm = false, safety = false;
    std::array<bool, 3> alone{};  ///< the gates by themselves, each at a third of the error
  };

  /// Whether evidence reaches 1 within `windows` looks. Costs and qualities correlate by 0.9.
  [[nodiscard]] Ends play(const std::array<double, 3>& uses, int windows, Random random) const {
    Ends ends;
    std::vector<double> slots(test_->slots());
    std::vector<std::unique_ptr<GateTest>> single;
    std::vector<std::vector<double>> of_single;
    for (const GateSpec& spec : specs_) {
      Diagnostics problems;
      single.push_back(find_gate_test(spec.test.name)->make(spec, problems));
      of_single.emplace_back(single.back()->slots());
    }
    for (int w = 0; w < windows; ++w) {
      const auto drawn = window(uses, random);
      for (std::size_t j = 0; j < 3; ++j) {
        const Observation observation{.event = drawn[j]};
        test_->update(slots, j, observation);
        single[j]->update(of_single[j], observation);
        const Evidence alone =
            single[j]->evidence(of_single[j], {.false_alarm = kBudget.false_alarm / 3.0});
        ends.alone[j] |= alone.harm >= 1.0;
      }
      const Evidence together = test_->evidence(slots, kBudget);
      ends.harm |= together.harm >= 1.0;
      ends.safety |= together.safety >= 1.0;
    }
    return ends;
  }

 private:
  /// Sums of normal numbers are normal, so a window is drawn by its sums.
  [[nodiscard]] static std::array<Samples, 3> window(const std::array<double, 3>& uses,
                                                     Random& random) {
    constexpr std::uint64_t kRequests = 120;
    constexpr double kRoot = 10.954451150103322;  // of kRequests
    constexpr double kTogether = 0.9;
    std::array<Summary, 2> cost, quality, events_of;
    for (const std::size_t arm : {0U, 1U}) {
      const double is_candidate = arm == 1 ? 1.0 : 0.0;
      const double z = random.normal();
      const double own = kTogether * z + std::sqrt(1.0 - kTogether * kTogether) * random.normal();
      const double rise = std::log(1.0 + is_candidate * 0.2 * uses[0]);
      cost[arm] = numbers(-7.0 + rise + 0.8 * z / kRoot, 0.8, kRequests);
      quality[arm] =
          numbers(0.78 - is_candidate * 0.05 * uses[1] - 0.19 * own / kRoot, 0.19, kRequests);
      events_of[arm] = events(
          random.binomial(kRequests, 0.05 * (1.0 + is_candidate * 0.5 * uses[2])), kRequests);
    }
    return {samples(cost[0], cost[1]), samples(quality[0], quality[1]),
            samples(events_of[0], events_of[1])};
  }

  std::array<GateSpec, 3> specs_;
  std::unique_ptr<CombinedMargins> test_;
};

// Claim: where exactly 1.5 margins are used, however they are divided and although two of the metrics
// move together, at most 5% of 300 rollouts of 60 looks alarm (99% Clopper-Pearson), and at most 5%
// call it safe; likewise where metrics that got better would pay for it.
TEST(CombinedMargins, KeepTheirPromiseAtTheEdge) {
  const ThreeMetrics metrics(1.5);
  for (const std::array<double, 3>& uses :
       {std::array{0.5, 0.5, 0.5}, std::array{1.5, 0.0, 0.0}, std::array{0.75, 0.75, 0.0},
        std::array{1.5, -2.0, -1.0}}) {
    std::uint64_t harm = 0, safety = 0;
    constexpr std::uint64_t kRuns = 300;
    for (std::uint64_t run = 0; run < kRuns; ++run) {
      const ThreeMetrics::Ends ends = metrics.play(uses, 60, Random(17, run));
      harm += ends.harm ? 1 : 0;
      safety += ends.safety ? 1 : 0;
    }
    EXPECT_LE(clopper_pearson(harm, kRuns, 0.99).lower, 0.05) << uses[0] << ' ' << uses[1];
    EXPECT_LE(clopper_pearson(safety, kRuns, 0.99).lower, 0.05) << uses[0] << ' ' << uses[1];
  }
}

// Claim: a candidate that uses 0.85 of each margin passes every gate and fails the sum, in at least 95%
// of rollouts of 400 looks (99% Clopper-Pearson, 60 rollouts); one that uses a quarter of each is
// called safe as often.
TEST(CombinedMargins, AddUpWhatNoGateSeesAlone) {
  const ThreeMetrics metrics(1.5);
  std::uint64_t by_sum = 0, by_any = 0, safe = 0;
  constexpr std::uint64_t kRuns = 60;
  for (std::uint64_t run = 0; run < kRuns; ++run) {
    const ThreeMetrics::Ends ends = metrics.play({0.85, 0.85, 0.85}, 400, Random(18, run));
    by_sum += ends.harm ? 1 : 0;
    by_any += std::ranges::count(ends.alone, true) > 0 ? 1 : 0;
    safe += metrics.play({0.25, 0.25, 0.25}, 400, Random(19, run)).safety ? 1 : 0;
  }
  EXPECT_GE(clopper_pearson(by_sum, kRuns, 0.99).upper, 0.95) << by_sum;
  EXPECT_LE(clopper_pearson(by_any, kRuns, 0.99).lower, 0.05) << by_any;
  EXPECT_GE(clopper_pearson(safe, kRuns, 0.99).upper, 0.95) << safe;
}

// Claim: worse samples of any metric never lower the evidence of harm nor raise that of safety.
TEST(CombinedMargins, AreMonotoneInEveryMetric) {
  const std::vector<double> shares = CombinedMargins::shares(1.25, 2);
  std::vector<std::unique_ptr<MarginShare>> parts;
  parts.push_back(share_of(means(Relation::difference, 0.05), shares));
  parts.push_back(share_of(rates(2.0), shares));
  const CombinedMargins test(std::move(parts));
  Evidence before{.harm = 0.0, .safety = 1e9};
  for (int worse = 0; worse <= 30; ++worse) {
    std::vector<double> slots(test.slots());
    for (int w = 0; w < 30; ++w) {
      const auto seen = static_cast<std::uint64_t>(worse);
      test.update(
          slots, 0,
          {.event = samples(numbers(0.5, 0.2, 300), numbers(0.48 + 0.004 * worse, 0.2, 300))});
      test.update(slots, 1, {.event = samples(events(9, 300), events(4 + seen, 300))});
    }
    const Evidence now = test.evidence(slots, kBudget);
    EXPECT_TRUE(now.enough);
    EXPECT_GE(now.harm, before.harm);
    EXPECT_LE(now.safety, before.safety);
    before = now;
  }
  EXPECT_GT(before.harm, 1.0);
}

}  // namespace
}  // namespace gatewright::testing
