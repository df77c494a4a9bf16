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
