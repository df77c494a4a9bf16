#include "analysis/sentence.h"

#include <gtest/gtest.h>

namespace gatewright::analysis {
namespace {

using namespace std::chrono_literals;

sim::Scenario world() {
  sim::Scenario scenario;
  scenario.traffic.arrivals = sim::PoissonArrivals{40.0};
  scenario.horizon = 12h;
  return scenario;
}

sim::Effect effect(std::string metric, double multiply, double shift = 0.0) {
  sim::Effect made;
  made.metric = std::move(metric);
  made.multiply = multiply;
  made.shift = shift;
  return made;
}

TEST(Sentence, NamesEffectsTrafficUsersAndHorizon) {
  sim::Scenario scenario = world();
  scenario.effects = {effect("cost", 1.25)};
  EXPECT_EQ(sentence(scenario),
            "A candidate with cost +25% meets 40 requests/s from 20,000 users, for at most 12h.");
}

TEST(Sentence, AHealthyCandidateEqualsTheBaseline) {
  EXPECT_EQ(sentence(world()),
            "A candidate equal to the baseline meets 40 requests/s from 20,000 users, for at most "
            "12h.");
}

TEST(Sentence, EffectsHaveTheirUnitsAndTimes) {
  sim::Scenario scenario = world();
  scenario.effects = {effect("latency", 3.0), effect("refusal", 1.0, 0.05),
                      effect("quality", 1.0, -0.05)};
  scenario.effects[1].from = 2h;
  scenario.effects[2].ramp_in = 30min;
  EXPECT_TRUE(
      sentence(scenario).starts_with("A candidate with latency x3, refusal +5 pp from 2h and "
                                     "quality -0.05 growing over 30m meets "))
      << sentence(scenario);
}

TEST(Sentence, ShapesAndConditionsOfEffectsAreSaid) {
  const auto said = [](const sim::Effect& effect) {
    sim::Scenario scenario = world();
    scenario.effects = {effect};
    const std::string text = sentence(scenario);
    return text.substr(17, text.find(" meets ") - 17);
  };
  sim::Effect late = effect("latency", 2.0);
  late.since = sim::EffectClock::served;
  late.since_served = 0.5;
  EXPECT_EQ(said(late), "latency x2 after 50% were served");
  late.from = 48h;
  EXPECT_EQ(said(late), "latency x2 from 48h after 50% were served");
  sim::Effect leak = effect("latency", 1.5);
  leak.since = sim::EffectClock::first_exposure;
  leak.ramp_in = 24h;
  leak.grows_on = true;
  EXPECT_EQ(said(leak), "latency +50% after first exposure and as much again every 24h");
  sim::Effect part = effect("error", 1.0, 0.01);
  part.segment = "premium";
  part.tenant = 3;
  part.above_input_tokens = 2'000.0;
  part.above_served = 0.25;
  part.lasts = 45min;
  part.periodic = {.period = 24h, .on = 2h};
  EXPECT_EQ(said(part),
            "error +1 pp for premium for tenant 3 on prompts of 2,000 tokens or more while 25% are "
            "served lasting 45m for 2h of every 24h");
}

TEST(Sentence, WhatBothArmsSeeIsNotSaidOfTheCandidate) {
  sim::Scenario scenario = world();
  scenario.effects = {effect("error", 1.0, 0.2), effect("latency", 2.0)};
  scenario.effects[0].arms = sim::EffectArms::both;
  scenario.effects[1].arms = sim::EffectArms::baseline;
  EXPECT_EQ(sentence(scenario),
            "A candidate equal to the baseline meets 40 requests/s from 20,000 users, for at most "
            "12h. The baseline has latency x2. Both arms have error +20 pp.");
}

TEST(Sentence, RatesStandInTheUnitInWhichTheyAreWhole) {
  sim::Scenario scenario = world();
  const auto with_rate = [&](double per_second) {
    scenario.traffic.arrivals = sim::PoissonArrivals{per_second};
    return sentence(scenario);
  };
  EXPECT_NE(with_rate(100.0 / 60.0).find(" 100 requests/min "), std::string::npos);
  EXPECT_NE(with_rate(10.0 / 3600.0).find(" 10 requests/h "), std::string::npos);
  EXPECT_NE(with_rate(1e6).find(" 1,000,000 requests/s "), std::string::npos);
  EXPECT_NE(with_rate(0.123456789).find(" 0.123 requests/s "), std::string::npos);
}

TEST(Sentence, ARecordingIsNamed) {
  sim::Scenario scenario = world();
  sim::TraceArrivals trace;
  trace.file = "../data/conv.csv.gz";
  scenario.traffic.arrivals = trace;
  EXPECT_NE(sentence(scenario).find("recorded traffic (conv.csv.gz)"), std::string::npos);
}

}  // namespace
}  // namespace gatewright::analysis
