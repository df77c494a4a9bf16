// Effects and noise from YAML: every key is read, written back, and reached by its path.
#include <gtest/gtest.h>

#include "scenarios/document.h"
#include "scenarios/load.h"
#include "scenarios/places.h"

namespace gatewright::scenarios {
namespace {

using namespace std::chrono_literals;

const std::string kFile = GATEWRIGHT_SOURCE_DIR "/scenarios/catalog/text.yaml";

const std::string kWorld =
    "gatewright: 1\nname: world\n"
    "baseline: {price: {input: $0.15/Mtok, output: $0.60/Mtok}}\n"
    "policy: ../policies/instant.yaml\n"
    "candidate:\n"
    "  effects:\n"
    "    - {metric: latency, multiply: 1.5, since: first_exposure, ramp_in: 24h, grows_on: true}\n"
    "    - {metric: latency, shift: 150ms, since: {served: 50%}, from: 48h}\n"
    "    - {name: overload, metric: latency, multiply: 2, above_served: 25%}\n"
    "    - {metric: error, shift: 20pp, from: 90m, lasts: 45m, fade: 10m, arms: both}\n"
    "    - {metric: refusal, shift: 1pp, periodic: {period: 24h, on: 2h}, above_input_tokens: 2000 "
    "tokens}\n"
    "    - {metric: input_tokens, multiply: 1.6, arms: both}\n"
    "noise:\n"
    "  prompts: {quality: {flipping: 30%}, error: {flipping: 8%}}\n"
    "  window:\n"
    "    latency: {cv: 10%, correlation_time: 3m, separate: true}\n"
    "    error: {sd: 0.3pp}\n";

LoadedStudy load_text(const std::string& text) {
  return load(parse_document(text, kFile).document);
}

void expect_meaning(const sim::Scenario& world) {
  using sim::EffectArms;
  using sim::EffectClock;
  ASSERT_EQ(world.effects.size(), 6U);
  const sim::Effect& leak = world.effects[0];
  const sim::Effect& late = world.effects[1];
  const sim::Effect& overload = world.effects[2];
  const sim::Effect& incident = world.effects[3];
  const sim::Effect& nightly = world.effects[4];
  const sim::Effect& drift = world.effects[5];
  EXPECT_EQ(leak.since, EffectClock::first_exposure);
  EXPECT_TRUE(leak.grows_on);
  EXPECT_EQ(late.since, EffectClock::served);
  EXPECT_EQ(late.since_served, 0.5);
  EXPECT_EQ(late.from, 48h);
  EXPECT_EQ(overload.name, "overload");
  EXPECT_EQ(overload.since, EffectClock::start);
  EXPECT_EQ(overload.above_served, 0.25);
  EXPECT_EQ(incident.lasts, Duration(45min));
  EXPECT_EQ(incident.fade, 10min);
  EXPECT_EQ(incident.arms, EffectArms::both);
  EXPECT_EQ(nightly.periodic->period, 24h);
  EXPECT_EQ(nightly.periodic->on, 2h);
  EXPECT_EQ(nightly.above_input_tokens, 2'000.0);
  EXPECT_EQ(nightly.arms, EffectArms::candidate);
  EXPECT_EQ(drift.metric, "input_tokens");
  EXPECT_EQ(world.noise.prompts.at("quality"), 0.3);
  EXPECT_EQ(world.noise.prompts.at("error"), 0.08);
  EXPECT_TRUE(world.noise.window.at("latency").separate);
  EXPECT_EQ(world.noise.window.at("latency").size, 0.1);
  EXPECT_EQ(world.noise.window.at("error").size, 0.003);
  EXPECT_FALSE(world.noise.window.at("error").separate);
}

TEST(EffectsAndNoise, EveryKeyIsReadAndWrittenBack) {
  const LoadedStudy read = load_text(kWorld);
  ASSERT_TRUE(read.study);
  expect_meaning(read.study->scenario);
  const LoadedStudy again = load_text(effective(*read.study));
  ASSERT_TRUE(again.study) << effective(*read.study);
  expect_meaning(again.study->scenario);
}

TEST(EffectsAndNoise, EffectsOnOneMetricAreSetByTheirOwnPaths) {
  Document document = parse_document(kWorld, kFile).document;
  for (const auto& [path, value] :
       {std::pair{"latency.multiply", "1.7"}, std::pair{"latency_2.from", "24h"},
        std::pair{"latency_2.since.served", "25%"}, std::pair{"overload.above_served", "50%"}})
    EXPECT_FALSE(set(document, std::string("candidate.effects.") + path, value)) << path;
  EXPECT_FALSE(set(document, "noise.prompts.quality.flipping", "15%"));
  const LoadedStudy changed = load(document);
  ASSERT_TRUE(changed.study);
  const sim::Scenario& world = changed.study->scenario;
  EXPECT_EQ(world.effects[0].multiply, 1.7);
  EXPECT_EQ(world.effects[1].from, 24h);
  EXPECT_EQ(world.effects[1].since_served, 0.25);
  EXPECT_EQ(world.effects[2].above_served, 0.5);
  EXPECT_EQ(world.noise.prompts.at("quality"), 0.15);
}

}  // namespace
}  // namespace gatewright::scenarios
