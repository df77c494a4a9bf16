// Claims about both arms' answers to one mirrored prompt, each at 4.5 standard errors on one
// replication of 288,000 requests, half of them mirrored, with a fixed seed.
#include <gtest/gtest.h>

#include <cmath>
#include <tuple>
#include <variant>
#include <vector>

#include "tests/statistical/arms/measured.h"

namespace gatewright::sim {
namespace {

using namespace testing;

constexpr double kErrors = 4.5;
constexpr Exposure kShadow{.mirrored = 5'000};

Scenario world() {
  Scenario scenario = quiet_world();
  scenario.baseline.error_probability = 0.1;
  scenario.same_prompt.agreement = 0.92;
  scenario.same_prompt.similarity = {0.7, 0.05};  // never clipped
  return scenario;
}

TEST(Pairs, AgreeAndResembleAsTheScenarioSays) {
  const auto all = measured({"agreement", "similarity", "cost"}, world(), kShadow);
  EXPECT_NEAR(mean(all[0].candidate), 0.92, kErrors * standard_error(all[0].candidate));
  EXPECT_NEAR(mean(all[1].candidate), 0.7, kErrors * standard_error(all[1].candidate));
  for (const std::size_t i : {0U, 1U}) {
    // The baseline agrees with itself, on the same requests.
    EXPECT_EQ(all[i].baseline.count, all[i].candidate.count);
    EXPECT_EQ(mean(all[i].baseline), 1.0);
    EXPECT_EQ(all[i].baseline.sum_of_squares, all[i].baseline.sum);
  }
  // Both arms answered: (1 - .1)^2 of what was mirrored, a binomial share.
  const auto mirrored = static_cast<double>(all[2].candidate.count);
  EXPECT_NEAR(static_cast<double>(all[0].candidate.count), 0.81 * mirrored,
              kErrors * std::sqrt(0.81 * 0.19 * mirrored));
}

TEST(Pairs, EffectsMoveThem) {
  Scenario scenario = world();
  scenario.effects = {effect("agreement", 1.0, -0.2), effect("similarity", 0.5)};
  const auto all = measured({"agreement", "similarity"}, scenario, kShadow);
  EXPECT_NEAR(mean(all[0].candidate), 0.72, kErrors * standard_error(all[0].candidate));
  EXPECT_NEAR(mean(all[1].candidate), 0.35, kErrors * standard_error(all[1].candidate));
}

TEST(Pairs, AreSaidToBePairedAndNeedMirroredTraffic) {
  Script script;
  script.stages = {{"all", kShadow}};
  script.probes = {probe("agreement", Statistic::Kind::mean), probe("cost", Statistic::Kind::mean)};
  RunTrace trace;
  static_cast<void>(play(scripted(script), world(), {17, 0}, &trace));
  std::size_t seen = 0;
  for (const JournalEntry& entry : trace.journal.entries())
    if (const auto* samples = std::get_if<Samples>(&entry.observation.event)) {
      EXPECT_EQ(samples->paired, samples->probe == ProbeIndex{0});
      ++seen;
    }
  EXPECT_GT(seen, 100U);
  const auto served = measured({"agreement"}, world(), kHalf);
  EXPECT_EQ(served[0].candidate.count, 0U);
}

TEST(Pairs, AnAbsoluteThresholdWorksInTheShadowStage) {
  const auto outcome = [](double agreement) {
    Scenario scenario = world();
    scenario.same_prompt.agreement = agreement;
    PlanSpec plan = five_gates();
    plan.gates = {gate("agreement", "agreement", "fixed_threshold",
                       {.relation = HarmSpec::Relation::absolute, .margin = 0.85})};
    plan.gates[0].harm.direction = Direction::down;
    plan.gates[0].silence = 24h;
    return play(contender(plan), scenario).outcome;
  };
  EXPECT_EQ(outcome(0.70), Outcome::halted);
  EXPECT_EQ(outcome(0.92), Outcome::completed);
}

// ---- sums of two numbers ----

Probe paired_probe(const char* metric, Statistic::Kind kind) {
  Probe asked = probe(metric, kind);
  asked.statistic.pairs = true;
  return asked;
}

/// The windows that reached the engine, added up.
Samples added_up(const RunTrace& trace, std::uint16_t index) {
  Samples all;
  for (const JournalEntry& entry : trace.journal.entries()) {
    const auto* samples = std::get_if<Samples>(&entry.observation.event);
    if (samples == nullptr || samples->probe != ProbeIndex{index}) continue;
    all.paired = samples->paired;
    all.baseline += samples->baseline;
    all.candidate += samples->candidate;
    if (samples->covariates) {
      if (!all.covariates) all.covariates.emplace();
      all.covariates->baseline += samples->covariates->baseline;
      all.covariates->candidate += samples->covariates->candidate;
    }
    if (samples->sum_of_products)
      all.sum_of_products = all.sum_of_products.value_or(0.0) + *samples->sum_of_products;
  }
  return all;
}

std::vector<Samples> asked(const std::vector<Probe>& probes, const Scenario& scenario,
                           Exposure exposure, std::uint64_t& faults) {
  Script script;
  script.stages = {{"all", exposure}};
  script.probes = probes;
  RunTrace trace;
  faults = play(scripted(script, {.by = AssignmentUnit::request, .hash = AssignmentHash::md5}),
                scenario, {17, 0}, &trace)
               .faults;
  std::vector<Samples> all;
  for (std::size_t i = 0; i < probes.size(); ++i)
    all.push_back(added_up(trace, static_cast<std::uint16_t>(i)));
  return all;
}

struct Moments {
  double variance_b, variance_c, covariance;
  [[nodiscard]] double correlation() const {
    return covariance / std::sqrt(variance_b * variance_c);
  }
};
Moments moments(const Samples& pairs) {
  const double n = static_cast<double>(pairs.candidate.count);
  const auto about = [n](double products, double x, double y) {
    return products / n - x / n * y / n;
  };
  const auto& [b, c] = std::tie(pairs.baseline, pairs.candidate);
  return {about(b.sum_of_squares, b.sum, b.sum), about(c.sum_of_squares, c.sum, c.sum),
          about(*pairs.sum_of_products, b.sum, c.sum)};
}

// Qualities of one prompt correlate by same_prompt_correlation; a correlation of n pairs has the
// standard error (1 - rho^2) / sqrt(n). Errors of the arms are independent.
TEST(Pairs, TellWhatTheTwoAnswersToAPromptHaveInCommon) {
  Scenario scenario = world();
  scenario.same_prompt.correlation = 0.6;
  scenario.baseline.quality = {0.5, 0.05};  // never clipped
  std::uint64_t faults = 0;
  const auto all = asked(
      {paired_probe("quality", Statistic::Kind::mean), paired_probe("error", Statistic::Kind::rate),
       paired_probe("cost", Statistic::Kind::mean),
       paired_probe("output_tokens", Statistic::Kind::mean_log),
       probe("cost", Statistic::Kind::mean)},
      scenario, kShadow, faults);
  EXPECT_EQ(faults, 0U);
  for (std::size_t i = 0; i < 4; ++i) {
    EXPECT_TRUE(all[i].paired);
    EXPECT_EQ(all[i].baseline.count, all[i].candidate.count);
  }
  const auto standard_error = [](const Samples& pairs, double rho) {
    return (1.0 - rho * rho) / std::sqrt(static_cast<double>(pairs.candidate.count));
  };
  EXPECT_NEAR(moments(all[0]).correlation(), 0.6, kErrors * standard_error(all[0], 0.6));
  EXPECT_NEAR(moments(all[1]).correlation(), 0.0, kErrors * standard_error(all[1], 0.0));
  EXPECT_NEAR(moments(all[3]).correlation(), 0.6, kErrors * standard_error(all[3], 0.6));
  // Every mirrored request is a pair of costs; of answers, those that neither arm failed.
  EXPECT_EQ(all[2].candidate.count, all[4].candidate.count);
  EXPECT_GT(all[4].baseline.count, all[2].baseline.count);
  const double mirrored = static_cast<double>(all[2].candidate.count);
  EXPECT_NEAR(static_cast<double>(all[0].candidate.count), 0.81 * mirrored,
              kErrors * std::sqrt(0.81 * 0.19 * mirrored));
  EXPECT_FALSE(all[4].sum_of_products.has_value());
}

// Prompts and answers correlate by token_correlation on the log scale. Both arms' prompts are the same
// prompts, so their means differ by chance alone.
TEST(Pairs, ACovariateIsTheArmsOwnAndKnowsNothingOfTheArm) {
  Scenario scenario = world();
  scenario.traffic.token_correlation = 0.7;
  scenario.effects = {effect("output_tokens", 1.4)};
  std::vector<Probe> probes{probe("output_tokens", Statistic::Kind::mean_log),
                            probe("latency", Statistic::Kind::mean),
                            probe("latency", Statistic::Kind::mean)};
  probes[0].statistic.covariate = "input_tokens";
  probes[1].statistic.covariate = "output_tokens";
  std::uint64_t faults = 0;
  const auto all = asked(probes, scenario, kHalf, faults);
  EXPECT_EQ(faults, 0U);
  const auto correlation = [](const Summary& y, const Covariate& x) {
    const double n = static_cast<double>(y.count);
    const auto about = [n](double products, double a, double b) { return products - a * (b / n); };
    return about(x.sum_of_products, x.sum, y.sum) /
           std::sqrt(about(y.sum_of_squares, y.sum, y.sum) * about(x.sum_of_squares, x.sum, x.sum));
  };
  const double n = static_cast<double>(all[0].candidate.count);
  const auto& [b, c] = *all[0].covariates;
  // Whole tokens and the least length of 1 cost the correlation a little: below half a percent.
  EXPECT_NEAR(correlation(all[0].candidate, c), 0.7, 0.0035 + kErrors * 0.51 / std::sqrt(n));
  EXPECT_NEAR(correlation(all[0].baseline, b), 0.7, 0.0035 + kErrors * 0.51 / std::sqrt(n));
  const double n_b = static_cast<double>(all[0].baseline.count);
  EXPECT_NEAR(c.sum / n, b.sum / n_b, kErrors * 0.8 * std::sqrt(1.0 / n + 1.0 / n_b));
  // Latency with output tokens: answered requests, whose tokens the candidate has more of.
  EXPECT_EQ(all[1].candidate.count, all[0].candidate.count);
  EXPECT_LT(all[1].candidate.count, all[2].candidate.count);
  const auto& [tokens_b, tokens_c] = *all[1].covariates;
  EXPECT_NEAR(tokens_c.sum / n / (tokens_b.sum / n_b), 1.4, 0.02);
}

}  // namespace
}  // namespace gatewright::sim
