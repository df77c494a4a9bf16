// Events in bursts (Gilbert, Bell System Technical Journal 39 (1960) 1253; Elliott, 42 (1963) 1977):
// what they do to tests that suppose independent events, and to clustered_rate.
//
// Claim: with errors of 1% that come in bursts of 20 requests on average, in both arms alike,
// clustered_rate alarms at the edge in at most 5% of rollouts of 500 looks (99% Clopper-Pearson, 400
// rollouts, fixed seeds), while beta_binomial_mixture and normal_mixture exceed it.
#include <cmath>
#include <cstdio>

#include <gtest/gtest.h>

#include "tests/independent/exact.h"
#include "tests/independent/random_worlds.h"
#include "tests/unit/gates/gate_player.h"

namespace gatewright::testing {
namespace {

/// A channel that is good (error rate 0.4%) or, for 20 requests on average, bad (error rate 40%): the
/// stationary rate is `rate`.
class GilbertElliott {
 public:
  explicit GilbertElliott(double rate) {
    const double share_bad = (rate - kGood) / (kBad - kGood);
    to_bad_ = kToGood * share_bad / (1.0 - share_bad);
  }

  /// Errors among the next `requests`; sojourns are geometric, errors within them binomial.
  std::uint64_t errors(std::uint64_t requests, Random& random) {
    std::uint64_t errors = 0;
    while (requests > 0) {
      if (left_ == 0) {
        is_bad_ = !is_bad_;
        left_ = 1 + static_cast<std::uint64_t>(std::log(random.uniform()) /
                                               std::log1p(-(is_bad_ ? kToGood : to_bad_)));
      }
      const std::uint64_t now = std::min(left_, requests);
      errors += random.binomial(now, is_bad_ ? kBad : kGood);
      left_ -= now;
      requests -= now;
    }
    return errors;
  }

 private:
  static constexpr double kGood = 0.004, kBad = 0.4, kToGood = 0.05;
  double to_bad_;
  bool is_bad_ = true;  // so that the first sojourn is good
  std::uint64_t left_ = 0;
};

struct Rates {
  double harm, safety;
};

Rates alarm_rates(const GateSpec& spec, double rate_b, double rate_c, std::uint64_t seed,
                  std::uint64_t rollouts) {
  GatePlayer player(spec);
  std::uint64_t alarms = 0, safe = 0;
  for (std::uint64_t rollout = 0; rollout < rollouts; ++rollout) {
    Random random(seed, rollout);
    GilbertElliott baseline(rate_b), candidate(rate_c);
    player.forget();
    bool alarmed = false, is_safe = false;
    for (int look = 0; look < 500; ++look) {
      const Evidence evidence = player.look(events(baseline.errors(900, random), 900),
                                            events(candidate.errors(300, random), 300));
      alarmed = alarmed || evidence.harm >= 1.0;
      is_safe = is_safe || evidence.safety >= 1.0;
    }
    alarms += alarmed ? 1U : 0U;
    safe += is_safe ? 1U : 0U;
  }
  std::printf("bursts, %s: harm %.4f, safety %.4f\n", spec.test.name.c_str(),
              static_cast<double>(alarms) / static_cast<double>(rollouts),
              static_cast<double>(safe) / static_cast<double>(rollouts));
  return {.harm = clopper_pearson(alarms, rollouts, 0.99).lower,
          .safety = clopper_pearson(safe, rollouts, 0.99).lower};
}

TEST(Bursts, BreakTheTestsThatSupposeIndependentEvents) {
  EXPECT_GT(alarm_rates(gate("error", harm(Relation::ratio, 1.0), "beta_binomial_mixture"), 0.01,
                        0.01, 91, 200)
                .harm,
            0.05);
  EXPECT_GT(
      alarm_rates(gate("error", harm(Relation::ratio, 1.0), "normal_mixture"), 0.01, 0.01, 91, 200)
          .harm,
      0.05);
}

TEST(Bursts, AreWithinTheBudgetOfClusteredRate) {
  for (const double ratio : {1.0, 1.5}) {
    const Rates rates = alarm_rates(gate("error", harm(Relation::ratio, ratio), "clustered_rate"),
                                    0.01, ratio * 0.01, 92, 400);
    EXPECT_LT(rates.harm, 0.05);
    EXPECT_LT(rates.safety, 0.05);
  }
  // Against a stated rate, few bursts make the rate and its variance small together: the hard case.
  for (const double rate : {0.006, 0.01, 0.03}) {
    const Rates absolute = alarm_rates(
        gate("error", harm(Relation::absolute, rate), "clustered_rate"), 0.01, rate, 93, 400);
    EXPECT_LT(absolute.harm, 0.05);
    EXPECT_LT(absolute.safety, 0.05);
  }
}

TEST(Bursts, DoNotHideADoubling) {
  EXPECT_GT(
      alarm_rates(gate("error", harm(Relation::ratio, 1.0), "clustered_rate"), 0.01, 0.02, 94, 200)
          .harm,
      0.8);
}

// Without bursts 40 windows' worth of variance are about 120 windows; a doubling, long found by the test
// that may suppose independence, is shown as soon as evidence is believed at all.
TEST(Bursts, AskForWindowsEvenWhereThereAreNone) {
  GatePlayer clustered(gate("error", harm(Relation::ratio, 1.0), "clustered_rate"));
  GatePlayer independent(gate("error", harm(Relation::ratio, 1.0), "normal_mixture"));
  Random random(95, 0);
  int of_clustered = 0, of_independent = 0;
  for (int look = 1; look <= 500; ++look) {
    const Samples window =
        samples(events(random.binomial(900, 0.01), 900), events(random.binomial(300, 0.02), 300));
    if (clustered.look(window).harm >= 1.0 && of_clustered == 0) of_clustered = look;
    if (independent.look(window).harm >= 1.0 && of_independent == 0) of_independent = look;
  }
  std::printf(
      "a doubling without bursts: clustered_rate after %d windows, normal_mixture after %d\n",
      of_clustered, of_independent);
  EXPECT_GT(of_independent, 0);
  EXPECT_GE(of_clustered, 40);
  EXPECT_LE(of_clustered, 150);
}

}  // namespace
}  // namespace gatewright::testing
