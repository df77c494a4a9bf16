// The gate tests of means and rates: what each refuses, by path and with a way out, and what each
// finds in one obvious case. Their numbers are in tests/independent.
#include <string>

#include "policies/gates/asymptotic_sequence.h"
#include "tests/unit/gates/gate_player.h"

namespace gatewright::testing {
namespace {

std::string refusal(const GateSpec& spec) {
  const Diagnostics found = problems_of(spec);
  return found.empty() ? "nothing" : found[0].path + ": " + found[0].message;
}

void expect_refusal(const GateSpec& spec, const std::string& path, const std::string& way_out) {
  const std::string said = refusal(spec);
  EXPECT_EQ(said.substr(0, said.find(':')), path) << said;
  EXPECT_NE(said.find(way_out), std::string::npos) << said;
}

TEST(MeansAndRates, RefuseWhatTheyCannotWeighAndNameWhoCan) {
  const HarmSpec ratio = harm(Relation::ratio, 1.5), difference = harm(Relation::difference, 0.02),
                 absolute = harm(Relation::absolute, 0.05);
  for (const char* test : {"two_sample_rate", "detected_rate", "clustered_rate"})
    expect_refusal(gate("cost", ratio, test), "test", "use normal_mixture");
  for (const char* test : {"two_proportion_z", "wilson"})
    expect_refusal(gate("cost", difference, test), "test", "use welch_t");
  expect_refusal(gate("error", ratio, "welch_t"), "test", "use two_proportion_z");
  expect_refusal(gate("error", ratio, "delta_ratio"), "test", "use beta_binomial_mixture");
  expect_refusal(gate("cost", difference, "delta_ratio"), "harm", "use normal_mixture");
  expect_refusal(gate("error", difference, "sprt"), "harm", "use two_sample_rate");
  expect_refusal(gate("error", absolute, "two_sample_rate"), "harm", "use beta_binomial_mixture");
  expect_refusal(gate("error", absolute, "two_proportion_z"), "harm", "use wilson");
  expect_refusal(gate("error", ratio, "wilson"), "harm", "use two_proportion_z");
  expect_refusal(gate("error", ratio, "poisson_max_sprt"), "harm", "use beta_binomial_mixture");
  expect_refusal(
      gate("thumbs_up", harm(Relation::absolute, 0.05, Direction::down), "poisson_max_sprt"),
      "harm", "too many, not too few");
  expect_refusal(gate("error", harm(Relation::difference, 1.0), "two_sample_rate"), "harm",
                 "below 100%");
  for (const char* test : {"asymptotic_sequence", "welch_t", "sprt", "delta_ratio"})
    expect_refusal(gate("cpu", ratio, test), "test", "use fixed_threshold");
}

TEST(MeansAndRates, RefuseParametersThatMeanNothingHere) {
  const HarmSpec ratio = harm(Relation::ratio, 1.5);
  expect_refusal(gate("error", ratio, "sprt", {{"sds", 0.1}}), "test.sds", "by odds_ratio");
  expect_refusal(gate("cost", ratio, "sprt", {{"odds_ratio", 3.0}}), "test.odds_ratio", "by sds");
  expect_refusal(
      gate("cost", harm(Relation::difference, 0.1), "welch_t", {{"scale", std::string("log")}}),
      "test.scale", "use scale linear");
  for (const char* test : {"two_proportion_z", "asymptotic_sequence"})
    expect_refusal(gate("error", ratio, test, {{"sides", std::string("two")}}), "test.sides",
                   "use sides one");
  EXPECT_EQ(refusal(gate("error", harm(Relation::ratio, 1.0), "two_proportion_z",
                         {{"sides", std::string("two")}})),
            "nothing");
}

// A doubling of 2% in twenty windows of 1,000 requests per arm, and half of it.
TEST(MeansAndRates, EventTestsSeeADoublingAndItsOpposite) {
  for (const char* test :
       {"sprt", "two_sample_rate", "detected_rate", "two_proportion_z", "asymptotic_sequence"}) {
    GatePlayer player(gate("error", harm(Relation::ratio, 1.0), test));
    for (int window = 0; window < 20; ++window) player.look(events(20, 1000), events(40, 1000));
    EXPECT_GE(player.evidence().harm, 1.0) << test;
    EXPECT_EQ(player.evidence().safety, 0.0) << test;
    player.forget();
    for (int window = 0; window < 20; ++window) player.look(events(20, 1000), events(10, 1000));
    EXPECT_EQ(player.evidence().harm, 0.0) << test;
    EXPECT_GE(player.evidence().safety, 1.0) << test;
  }
}

TEST(MeansAndRates, NumberTestsSeeAHalfMoreAndItsOpposite) {
  for (const char* test : {"sprt", "welch_t", "delta_ratio", "asymptotic_sequence"}) {
    GatePlayer player(gate("cost", harm(Relation::ratio, 1.2), test));
    for (int window = 0; window < 20; ++window)
      player.look(numbers(1.0, 0.8, 200), numbers(1.5, 1.2, 200));
    EXPECT_GE(player.evidence().harm, 1.0) << test;
    EXPECT_EQ(player.evidence().safety, 0.0) << test;
    player.forget();
    for (int window = 0; window < 20; ++window)
      player.look(numbers(1.0, 0.8, 200), numbers(1.0, 0.8, 200));
    EXPECT_EQ(player.evidence().harm, 0.0) << test;
    EXPECT_GE(player.evidence().safety, 1.0) << test;
  }
}

// What GrowthBook's sequences would decide after 12 events of an arm is not
// said here, because the lift of rates errs too often there.
TEST(AsymptoticSequence, WaitsForEvents) {
  GatePlayer player(gate("error", harm(Relation::ratio, 1.0), "asymptotic_sequence"));
  EXPECT_FALSE(player.look(events(99, 1000), events(300, 1000)).enough);
  EXPECT_FALSE(player.look(events(0, 100), events(0, 100)).enough);
  EXPECT_TRUE(player.look(events(99, 1000), events(300, 1000)).enough);
}

}  // namespace
}  // namespace gatewright::testing
