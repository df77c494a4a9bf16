// Studies from YAML: what each key means, claims tied to their policy, defaults written out.
#include "scenarios/load.h"

#include <gtest/gtest.h>

#include <cmath>
#include <filesystem>
#include <fstream>

#include "policies/plan_encoding.h"
#include "scenarios/places.h"
#include "scenarios/plan_table.h"
#include "sim/traffic/profiles.h"

namespace gatewright::scenarios {
namespace {

using namespace std::chrono_literals;
namespace fs = std::filesystem;

const std::string kCatalog = GATEWRIGHT_SOURCE_DIR "/scenarios/catalog";

std::string all(const Diagnostics& diagnostics) {
  std::string text;
  for (const Diagnostic& diagnostic : diagnostics) text += format(diagnostic) + "\n";
  return text;
}

Study study_of(const LoadedStudy& loaded) {
  EXPECT_TRUE(loaded.study) << all(loaded.diagnostics);
  return loaded.study.value_or(Study{});
}

Study study_of(const std::string& text) {
  return study_of(load(parse_document(text, kCatalog + "/text.yaml").document));
}

const std::string kWorld =
    "gatewright: 1\nname: world\n"
    "baseline: {price: {input: $0.15/Mtok, output: $0.60/Mtok}}\n"
    "policy:\n"
    "  name: plan\n"
    "  stages: [{exposure: 10%, dwell: 30m}, {exposure: 50%, dwell: 30m}, {exposure: 100%, dwell: "
    "30m}]\n"
    "  gates: [\"mean(cost) <= 1.2x baseline\"]\n";

TEST(Load, ReadsTheWorldInSiUnits) {
  const Study study = study_of(
      "gatewright: 1\nname: world\nabout: all\nseed: 18446744073709551615\nhorizon: 36h\n"
      "traffic:\n"
      "  profile: code\n"
      "  arrivals: {diurnal: {rate: 354/min, amplitude: 30%, second_harmonic: 10%, peak: 15h, "
      "start_of_day: 8h}}\n"
      "  users: {count: 500, activity: {zipf: 0.9}}\n"
      "tokens:\n"
      "  input: {lognormal: {median: 800 tokens, sigma: 1.1, clip: 9000 tokens}}\n"
      "  output: {quantiles: {0%: 1 token, 50%: 120 tokens, 100%: 900 tokens}}\n"
      "  correlation: -0.2\n"
      "baseline:\n"
      "  price: {model: m, input: $1.25/Mtok, output: $10/Mtok}\n"
      "  latency: {ttft: {lognormal: {median: 350ms, sigma: 0.2}}, per_output_token: 15ms, "
      "timeout: 2m}\n"
      "  error: {bernoulli: {p: 1.5%}, failed_latency_ratio: 0.4}\n"
      "  refusal: {bernoulli: {p: 0.3%}}\n"
      "  thumbs: {down: 3%, up: 6%, rate_given: 5%}\n"
      "  quality: {normal: {mean: 0.8, sd: 0.1}}\n"
      "  same_prompt_correlation: 0.5\n"
      "candidate:\n"
      "  like: baseline\n"
      "  effects:\n"
      "    - {metric: cost, multiply: 1.25, from: 30m, ramp_in: 10m}\n"
      "    - {metric: refusal, shift: 0.3pp}\n"
      "    - {metric: latency, shift: 50ms, multiply: 2x, harmful: false}\n"
      "    - {metric: quality, shift: -3pp}\n"
      "noise:\n"
      "  deployment: {quality: 1pp, latency: 2%}\n"
      "  window: {latency: {cv: 5%, correlation_time: 7m}}\n"
      "telemetry: {window: 30s, delay: {lognormal: {median: 20s, p95: 70s}}}\n"
      "rollback: {actuation: custom, delay: {uniform: {from: 1s, to: 3m}}}\n"
      "objectives: {latency: 9s, quality: 0.3}\n"
      "policy: ../policies/instant.yaml\n");
  const sim::Scenario& world = study.scenario;
  EXPECT_EQ(world.seed, 18446744073709551615U);
  EXPECT_EQ(world.horizon, 36h);
  EXPECT_EQ(world.directory, kCatalog);
  const auto& diurnal = std::get<sim::DiurnalArrivals>(world.traffic.arrivals);
  EXPECT_EQ(diurnal.rate_per_second, 5.9);
  EXPECT_EQ(diurnal.amplitude, 0.3);
  EXPECT_EQ(diurnal.start_of_day, 8h);
  EXPECT_EQ(world.traffic.users.count, 500U);
  EXPECT_EQ(world.traffic.users.zipf, 0.9);
  EXPECT_EQ(std::get<sim::Lognormal>(*world.traffic.input_tokens).clip, 9000.0);
  EXPECT_EQ(std::get<sim::QuantileGrid>(*world.traffic.output_tokens).probabilities[1], 0.5);
  EXPECT_EQ(world.traffic.token_correlation, -0.2);
  EXPECT_EQ(world.baseline.price.input_usd_per_token, 1.25e-6);
  EXPECT_EQ(world.baseline.latency.ttft.median, 0.35);
  EXPECT_EQ(world.baseline.latency.timeout_seconds, 120.0);
  EXPECT_EQ(world.baseline.error_probability, 0.015);
  EXPECT_EQ(world.baseline.failed_latency_ratio, 0.4);
  EXPECT_EQ(world.baseline.refusal_probability, 0.003);
  EXPECT_EQ(world.same_prompt.correlation, 0.5);
  ASSERT_EQ(world.effects.size(), 4U);
  EXPECT_EQ(world.effects[0].from, 30min);
  EXPECT_EQ(world.effects[0].ramp_in, 10min);
  EXPECT_EQ(world.effects[1].shift, 0.003);
  EXPECT_EQ(world.effects[2].shift, 0.05);
  EXPECT_EQ(world.effects[2].multiply, 2.0);
  EXPECT_EQ(world.effects[2].harmful, false);
  EXPECT_EQ(world.effects[3].shift, -0.03);
  EXPECT_EQ(world.noise.deployment.at("quality"), 0.01);
  EXPECT_EQ(world.noise.deployment.at("latency"), 0.02);
  EXPECT_EQ(world.noise.window.at("latency").correlation_time, 7min);
  EXPECT_EQ(world.telemetry.window, 30s);
  EXPECT_EQ(world.telemetry.delay.kind, sim::DelayLaw::Kind::lognormal);
  EXPECT_NEAR(std::exp(std::log(20.0) + 1.6448536269514722 * world.telemetry.delay.b), 70.0, 1e-9);
  EXPECT_EQ(world.rollback.actuation, sim::Actuation::custom);
  EXPECT_EQ(world.rollback.delay.b, 180.0);
  EXPECT_EQ(world.objectives.latency_seconds, 9.0);
}

TEST(Load, ArrivalsComeFromTheProfileWhereTheyAreNotWritten) {
  const Study study = study_of(kWorld);
  EXPECT_EQ(std::get<sim::PoissonArrivals>(study.scenario.traffic.arrivals).rate_per_second,
            sim::find_profile("chat")->rate_per_second());
}

TEST(Load, ClaimsNameColumnsAndStages) {
  const Study study = study_of(kWorld +
                               "candidate: {effects: [{metric: cost, multiply: 1.5}]}\n"
                               "expect:\n"
                               "  confidence: 95%\n"
                               "  runs: 50\n"
                               "  as_written:\n"
                               "    detection_probability: {at_least: 98%}\n"
                               "    detection_delay: {quantile: 95%, at_most: 1.5h}\n"
                               "    halt_stage: {at_or_before: 50%, in: 90%}\n"
                               "    halted_by: {gate: cost, in: 80%}\n"
                               "    user_impact_minutes: {at_most: 1000}\n"
                               "    completion: {at_most: 2%}\n"
                               "  healthy_twin:\n"
                               "    false_alarm_rate: {at_most: 5%, at_least: 0.1%}\n"
                               "    completion_time: {quantile: 50%, at_most: 90m}\n"
                               "    completion: {at_least: 95%}\n"
                               "  also_under:\n"
                               "    - policy: ../policies/instant.yaml\n"
                               "      as_written: {completion: {at_least: 99%}}\n");
  const analysis::Expectations& expected = study.expectations;
  EXPECT_EQ(expected.confidence, 0.95);
  EXPECT_EQ(expected.runs, 50U);
  ASSERT_EQ(expected.sets.size(), 2U);
  const auto find = [](const analysis::ExpectationSet& set, std::string_view path) {
    for (const analysis::Expectation& claim : set.expectations)
      if (claim.path == path) return claim;
    ADD_FAILURE() << path;
    return analysis::Expectation{};
  };
  const analysis::ExpectationSet& own = expected.sets[0];
  EXPECT_EQ(own.policy, "");
  EXPECT_EQ(own.expectations.size(), 9U);
  EXPECT_EQ(find(own, "expect.as_written.detection_probability").at_least, 0.98);
  const auto delay = find(own, "expect.as_written.detection_delay");
  EXPECT_EQ(delay.column, "detection_delay_minutes");
  EXPECT_EQ(delay.quantile, 0.95);
  EXPECT_EQ(delay.at_most, 90.0);
  EXPECT_EQ(delay.unit, "min");
  const auto stage = find(own, "expect.as_written.halt_stage");
  EXPECT_EQ(stage.column, "halted_at_stage");
  EXPECT_EQ(stage.sum_of, (std::vector<std::string>{"10%", "50%"}));
  EXPECT_EQ(stage.at_least, 0.9);
  EXPECT_EQ(find(own, "expect.as_written.halted_by").column, "halted_by_gate.cost");
  EXPECT_EQ(find(own, "expect.as_written.completion").column, "missed_rate");
  EXPECT_EQ(find(own, "expect.healthy_twin.completion").column, "completion_rate");
  const auto time = find(own, "expect.healthy_twin.completion_time");
  EXPECT_EQ(time.column, "time_to_complete_hours");
  EXPECT_EQ(time.at_most, 1.5);
  EXPECT_GT(time.line, 0);
  EXPECT_EQ(expected.sets[1].policy, "instant");
  ASSERT_EQ(study.other_plans.size(), 1U);
  EXPECT_EQ(study.other_plans[0].name, "instant");
  find(expected.sets[1], "expect.also_under.instant.as_written.completion");
}

TEST(Load, CompletionOfAHarmlessWorldIsNoMissedHarm) {
  const Study study = study_of(
      kWorld +
      "candidate: {effects: [{metric: cost, multiply: 1.1, harmful: false}]}\n"
      "expect: {as_written: {completion: {at_least: 95%}, false_alarm_rate: {at_most: 5%}}}\n");
  EXPECT_EQ(study.expectations.sets[0].expectations[0].column, "false_alarm_rate");
  EXPECT_EQ(study.expectations.sets[0].expectations[1].column, "completion_rate");
}

TEST(Load, SettingsReachTheWorldAndThePolicy) {
  ReadDocument read = read_document(kCatalog + "/cost_regression.yaml");
  resolve_includes(read.document, read.diagnostics);
  ASSERT_TRUE(read.diagnostics.empty()) << all(read.diagnostics);
  EXPECT_FALSE(set(read.document, "policy.gates.cost.harm.rises_by", "5%"));
  EXPECT_FALSE(set(read.document, "candidate.effects.cost.multiply", "1.1"));
  EXPECT_FALSE(set(read.document, "traffic.arrivals.poisson.rate", "1000/s"));
  const Study study = study_of(load(read.document));
  EXPECT_EQ(study.plan.gates[1].harm.margin, 1.05);
  EXPECT_EQ(study.scenario.effects[0].multiply, 1.1);
  EXPECT_EQ(std::get<sim::PoissonArrivals>(study.scenario.traffic.arrivals).rate_per_second,
            1000.0);

  EXPECT_FALSE(set(read.document, "traffic.arivals", "1"));
  const LoadedStudy refused = load(read.document);
  ASSERT_FALSE(refused.study);
  EXPECT_EQ(format(refused.diagnostics.front()),
            "--set: traffic: unknown key `arivals`; did you mean `arrivals`?");
}

TEST(Load, WarningsDoNotStandInTheWay) {
  const LoadedStudy loaded = load(kCatalog + "/latency_silent.yaml");
  EXPECT_TRUE(loaded.study);
  bool warned = false;
  for (const Diagnostic& diagnostic : loaded.diagnostics)
    warned |= diagnostic.severity == Severity::warning;
  EXPECT_TRUE(warned);
}

TEST(Load, EveryCatalogueFileLoadsAndIsNamedAfterItself) {
  std::size_t count = 0;
  for (const fs::directory_entry& entry : fs::directory_iterator(kCatalog)) {
    const LoadedStudy loaded = load(entry.path().string());
    ASSERT_TRUE(loaded.study) << all(loaded.diagnostics);
    EXPECT_EQ(loaded.study->scenario.name, entry.path().stem().string());
    EXPECT_FALSE(loaded.study->scenario.about.empty());
    EXPECT_FALSE(loaded.study->expectations.sets[0].expectations.empty()) << entry.path();
    EXPECT_EQ(loaded.study->expectations.confidence, 0.99);
    ++count;
  }
  EXPECT_GE(count, 10U);
}

TEST(Load, EffectiveIsTheStudyWithEveryDefaultAndLoadsToItself) {
  for (const fs::directory_entry& entry : fs::directory_iterator(kCatalog)) {
    const Study study = study_of(load(entry.path().string()));
    const std::string text = effective(study);
    const LoadedStudy again = load(parse_document(text, entry.path().string()).document);
    ASSERT_TRUE(again.study) << entry.path() << "\n" << all(again.diagnostics) << text;
    // Everything the tables know stands in the text, to the last bit.
    EXPECT_EQ(effective(*again.study), text);
    EXPECT_EQ(encode(again.study->plan), encode(with_defaults(study.plan)));
    EXPECT_EQ(again.study->scenario.directory, study.scenario.directory);
    EXPECT_EQ(again.study->expectations.sets.size(), study.expectations.sets.size());
    for (std::size_t i = 0; i < study.expectations.sets.size(); ++i) {
      const auto& before = study.expectations.sets[i].expectations;
      const auto& after = again.study->expectations.sets[i].expectations;
      ASSERT_EQ(before.size(), after.size());
      for (std::size_t k = 0; k < before.size(); ++k) {
        EXPECT_EQ(before[k].path, after[k].path);
        EXPECT_EQ(before[k].column, after[k].column);
        EXPECT_EQ(before[k].sum_of, after[k].sum_of);
        EXPECT_EQ(before[k].at_least, after[k].at_least);
        EXPECT_EQ(before[k].at_most, after[k].at_most);
        EXPECT_EQ(before[k].quantile, after[k].quantile);
      }
    }
  }
}

}  // namespace
}  // namespace gatewright::scenarios
