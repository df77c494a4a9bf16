// Claims about errors in bursts, each at 4.5 standard errors of means over 240 replications of 3 hours,
// whose spread is measured; closed forms of the doubly stochastic process, fixed seeds.
#include <gtest/gtest.h>

#include <cmath>
#include <span>
#include <vector>

#include "sim/arms/error_bursts.h"
#include "sim/world.h"
#include "tests/statistical/arms/measured.h"

namespace gatewright::sim {
namespace {

using namespace testing;

constexpr double kErrors = 4.5;

/// The defaults of shared/design/world.md 1.7, fitted on GenTD26 and BurstGPT.
Arm bursty() {
  Arm arm;
  arm.error_bursts = Arm::ErrorBursts{};
  return arm;
}

/// Mean and standard error of one number per replication.
struct Mean {
  double value;
  double error;
};
Mean mean_of(std::span<const double> values) {
  double sum = 0.0;
  double squares = 0.0;
  for (const double value : values) {
    sum += value;
    squares += value * value;
  }
  const auto n = static_cast<double>(values.size());
  const double m = sum / n;
  return {m, std::sqrt(std::max(squares / n - m * m, 0.0) / (n - 1.0))};
}

TEST(Bursts, TakeTheirShareOfTimeInExponentialStretches) {
  const Arm::ErrorBursts law{.burst_share = 0.2, .burst_probability = 0.5, .burst = 30s};
  BurstChain chain(law, 0);
  std::vector<double> shares;
  std::vector<double> lengths;
  std::vector<double> beyond;  // of a stretch beyond its mean: e^-1
  for (std::uint64_t replication = 0; replication < 240; ++replication) {
    chain.start({11, replication});
    double inside = 0.0;
    double stretch = -1.0;  // unknown: it began before the time we look at
    for (int minute = 0; minute < 180; ++minute) {
      chain.advance(60.0 * (minute + 1));
      std::vector<double> at(240);
      for (std::size_t i = 0; i < at.size(); ++i)
        at[i] = 60.0 * minute + 0.25 * static_cast<double>(i);
      std::vector<std::uint8_t> in_burst(at.size());
      chain.fill(at, in_burst);
      for (const std::uint8_t now : in_burst) {
        inside += now;
        if (now != 0) {
          if (stretch >= 0.0) stretch += 0.25;
        } else {
          if (stretch > 0.0) {
            lengths.push_back(stretch);
            beyond.push_back(stretch > 30.0 ? 1.0 : 0.0);
          }
          stretch = 0.0;
        }
      }
    }
    shares.push_back(inside / (180.0 * 240.0));
  }
  const Mean share = mean_of(shares);
  EXPECT_NEAR(share.value, 0.2, kErrors * share.error);
  // Looked at every quarter of a second, a stretch of mean 30 s is seen as ceil(L / .25) quarters but
  // for those too short to be seen and for quiet ones too short: both below half a percent of it.
  const Mean length = mean_of(lengths);
  EXPECT_NEAR(length.value, 30.0, kErrors * length.error + 0.3);
  const Mean tail = mean_of(beyond);
  EXPECT_NEAR(tail.value, std::exp(-1.0), kErrors * tail.error + 0.005);
}

TEST(Bursts, ArmsHaveTheirOwnUnlessTheyShare) {
  const auto agreement = [](bool shared) {
    Arm::ErrorBursts law{.burst_share = 0.5, .burst_probability = 0.1, .burst = 10s};
    law.shared = shared;
    BurstChain chains[2] = {{law, 0}, {law, 1}};
    std::vector<double> at(10'000);
    for (std::size_t i = 0; i < at.size(); ++i) at[i] = static_cast<double>(i);
    std::vector<std::uint8_t> in_burst[2] = {std::vector<std::uint8_t>(at.size()),
                                             std::vector<std::uint8_t>(at.size())};
    for (std::size_t arm = 0; arm < 2; ++arm) {
      chains[arm].start({3, 1});
      chains[arm].advance(10'000.0);
      chains[arm].fill(at, in_burst[arm]);
    }
    double equal = 0.0;
    for (std::size_t i = 0; i < at.size(); ++i) equal += in_burst[0][i] == in_burst[1][i];
    return equal / static_cast<double>(at.size());
  };
  EXPECT_EQ(agreement(true), 1.0);
  // Two chains of relaxation time 5 s agree half of the time, over 10,000 s to 2 sqrt(5/10,000)/2.
  EXPECT_NEAR(agreement(false), 0.5, kErrors * 0.023);
}

TEST(Bursts, AChainIsAFunctionOfItsKeyWhateverTheSteps) {
  const Arm::ErrorBursts law{};
  BurstChain fine(law, 1);
  BurstChain coarse(law, 1);
  fine.start({5, 7});
  coarse.start({5, 7});
  coarse.advance(36'000.0);
  for (int minute = 0; minute < 600; ++minute) {
    fine.advance(60.0 * (minute + 1));
    const double at[2] = {60.0 * minute, 60.0 * minute + 59.9};
    std::uint8_t seen[2];
    std::uint8_t expected[2];
    fine.fill(at, seen);
    coarse.fill(at, expected);
    ASSERT_EQ(seen[0], expected[0]) << minute;
    ASSERT_EQ(seen[1], expected[1]) << minute;
  }
}

/// Requests of the baseline, in order: arrival times and failures.
struct Played {
  std::vector<double> at;
  std::vector<bool> failed;
};
Played play_baseline(const Scenario& scenario, std::uint64_t replication, int windows) {
  const auto ready = prepared(scenario);
  static std::unique_ptr<World> world;
  world = std::make_unique<World>(*ready);
  world->start({23, replication});
  Played played;
  for (int window = 0; window < windows; ++window) {
    world->advance();
    for (std::size_t chunk = 0; chunk < world->chunks(); ++chunk) {
      const Columns& columns = world->fill(chunk, want(kBaselineArm, kAnswers));
      for (std::size_t i = 0; i < columns.size; ++i) {
        played.at.push_back(columns.at_seconds[i]);
        played.failed.push_back((columns.arm[kBaselineArm].events[i] & kError) != 0);
      }
    }
  }
  return played;
}

TEST(Bursts, FailuresFollowFailuresAsTheClosedFormSays) {
  Scenario scenario = quiet_world();
  scenario.baseline.error_bursts = Arm::ErrorBursts{};
  scenario.baseline.latency.timeout_seconds = 1e6;
  const double rate = 2.0;
  scenario.traffic.arrivals = PoissonArrivals{rate};

  const Arm& arm = scenario.baseline;
  const double p = arm.error_probability;
  const double share = arm.error_bursts->burst_share;
  const double step = arm.error_bursts->burst_probability - quiet_error_probability(arm);
  const double variance = share * (1.0 - share) * step * step;  // of the failure probability
  const double relaxation = 1.0 / (60.0 * (1.0 - share));       // per second: both rates together

  // Over a gap T ~ Exp(rate) the two states' correlation e^(-relaxation T) is rate / (rate + it).
  const double after_failure = p + variance / p * rate / (rate + relaxation);
  // Of counts over T: 1 + 2 rate variance / p (x - 1 + e^-x) / (relaxation^2 T), x = relaxation T.
  const double x = relaxation * 3'600.0;
  const double dispersion = 1.0 + 2.0 * rate * variance / p * (x - 1.0 + std::exp(-x)) /
                                      (relaxation * relaxation * 3'600.0);

  std::vector<double> rates;
  std::vector<double> hours;
  double failures = 0.0;
  double pairs = 0.0;
  std::vector<double> excess_pairs;  // per replication: pairs - after_failure x failures
  for (std::uint64_t replication = 0; replication < 240; ++replication) {
    const Played played = play_baseline(scenario, replication, 180);
    std::vector<double> hourly(3);
    double own_failures = 0.0;
    double own_pairs = 0.0;
    for (std::size_t i = 0; i + 1 < played.at.size(); ++i) {
      if (!played.failed[i]) continue;
      ++own_failures;
      own_pairs += played.failed[i + 1];
      ++hourly[static_cast<std::size_t>(played.at[i] / 3'600.0)];
    }
    rates.push_back(own_failures / static_cast<double>(played.at.size()));
    hours.insert(hours.end(), hourly.begin(), hourly.end());
    failures += own_failures;
    pairs += own_pairs;
    excess_pairs.push_back(own_pairs - after_failure * own_failures);
  }
  const Mean overall = mean_of(rates);
  EXPECT_NEAR(overall.value, p, kErrors * overall.error);
  const Mean excess = mean_of(excess_pairs);
  EXPECT_NEAR(excess.value, 0.0, kErrors * excess.error);
  // Alibaba's GenTD26 measured 0.15 to 0.166, eleven times its 1.48% (shared/design/world.md 1.4).
  EXPECT_GT(pairs / failures, 0.145);
  EXPECT_LT(pairs / failures, 0.166);
  EXPECT_GT(pairs / failures / p, 9.5);

  const Mean hourly = mean_of(hours);
  std::vector<double> squares;
  for (const double count : hours)
    squares.push_back((count - hourly.value) * (count - hourly.value));
  const Mean spread = mean_of(squares);
  EXPECT_NEAR(spread.value / hourly.value, dispersion, kErrors * spread.error / hourly.value);
}

TEST(Bursts, EffectsActOnBothStates) {
  Scenario scenario = quiet_world();
  scenario.baseline.latency.timeout_seconds = 1e6;
  scenario.traffic.arrivals = PoissonArrivals{40.0};
  scenario.baseline.error_bursts = Arm::ErrorBursts{};
  scenario.baseline.error_bursts->shared = true;
  scenario.baseline.error_bursts->burst = 1s;  // short ones average out
  scenario.effects = {effect("error", 2.0, 0.01)};
  const Totals error = measured({"error"}, scenario, kHalf)[0];
  // A burst makes each count of a burst more alike: the error of a mean over 57,600 s of which 3.6%
  // are bursts of 1 s is that of independent requests times at most sqrt(1 + 2 x 20 x 0.14).
  const double clustering = std::sqrt(1.0 + 2.0 * 20.0 * 0.14);
  EXPECT_NEAR(mean(error.baseline), 0.015, kErrors * clustering * standard_error(error.baseline));
  EXPECT_NEAR(mean(error.candidate), 2.0 * 0.015 + 0.01,
              kErrors * clustering * standard_error(error.candidate));
}

TEST(Bursts, WithoutThemNoStreamIsOpened) {
  EXPECT_EQ(quiet_error_probability(Arm{}), Arm{}.error_probability);
  const Arm arm = bursty();
  // p_good of generator_defaults.yaml: 0.006, to its printed digit.
  EXPECT_NEAR(quiet_error_probability(arm), 0.006, 0.0005);
  EXPECT_NEAR(0.964 * quiet_error_probability(arm) + 0.036 * 0.25, 0.015, 1e-15);
}

}  // namespace
}  // namespace gatewright::sim
