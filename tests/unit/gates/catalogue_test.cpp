// The catalogue: names, texts, defaults; and what every test in it must withstand.
#include "policies/gates/catalogue.h"

#include <algorithm>
#include <cmath>
#include <set>

#include "policies/gates/counting_rule.h"
#include "tests/unit/gates/gate_player.h"

namespace gatewright::testing {
namespace {

TEST(Catalogue, FindsEveryTestByItsName) {
  std::set<std::string_view> names;
  for (const GateTestInfo& info : gate_tests()) {
    EXPECT_EQ(find_gate_test(info.name), &info);
    EXPECT_TRUE(names.insert(info.name).second);
    EXPECT_FALSE(info.about.empty());
    EXPECT_FALSE(info.source.empty());
  }
  EXPECT_TRUE(names.contains(TestSpec{}.name));
  EXPECT_EQ(find_gate_test("ztest"), nullptr);
}

TEST(Catalogue, DefaultsAreWrittenAsTheirKindIsRead) {
  for (const GateTestInfo& info : gate_tests())
    for (const ParameterInfo& parameter : info.parameters) {
      EXPECT_FALSE(parameter.about.empty());
      EXPECT_EQ(parameter.choices.empty(), parameter.kind != ParameterInfo::Kind::choice);
      if (parameter.kind == ParameterInfo::Kind::choice) {
        EXPECT_EQ(std::ranges::count(parameter.choices, parameter.default_text), 1);
      }
      if (parameter.kind == ParameterInfo::Kind::counting_rule) {
        EXPECT_TRUE(parse_counting_rule(parameter.default_text));
      }
    }
}

TEST(Catalogue, AMadeTestAgreesWithItsEntry) {
  for (const GateTestInfo& info : gate_tests()) {
    const GatePlayer player(gate("error", harm(Relation::ratio, 2.0), std::string(info.name)));
    EXPECT_EQ(player.test().name(), info.name);
    EXPECT_EQ(player.test().guarantee(), info.guarantee);
    EXPECT_EQ(player.evidence().harm, 0.0);
    EXPECT_EQ(player.evidence().safety, 0.0);
    EXPECT_FALSE(player.evidence().enough);
  }
}

/// Every gate that can be made from these metrics, relations, directions, margins and scales.
std::vector<GateSpec> all_gates() {
  std::vector<GateSpec> gates;
  const auto add_if_it_can_be_made = [&](GateSpec spec) {
    if (problems_of(spec).empty()) gates.push_back(std::move(spec));
  };
  for (const GateTestInfo& info : gate_tests())
    for (const char* metric : {"error", "cost", "quality"})
      for (const Relation relation : {Relation::ratio, Relation::difference, Relation::absolute})
        for (const Direction direction : {Direction::up, Direction::down})
          for (const double margin : {0.05, 1.0, 1.5}) {
            GateSpec spec = gate(metric, harm(relation, margin, direction), std::string(info.name));
            add_if_it_can_be_made(spec);
            if (info.name != "normal_mixture") continue;
            spec.test.parameters.emplace("scale", std::string("log"));
            add_if_it_can_be_made(spec);
          }
  return gates;
}

void expect_sane(const Evidence& evidence, const GateSpec& spec) {
  EXPECT_TRUE(std::isfinite(evidence.harm) && evidence.harm >= 0.0) << spec.test.name;
  EXPECT_TRUE(std::isfinite(evidence.safety) && evidence.safety >= 0.0) << spec.test.name;
}

TEST(Catalogue, NoTestReturnsNanHoweverManyOrFewSamples) {
  const std::uint64_t counts[] = {0, 1, 2, 31, 100, 1'000'003, 1'000'000'000'000};
  for (const GateSpec& spec : all_gates()) {
    GatePlayer player(spec, {.false_alarm = 1e-6, .missed_harm = 0.999});
    for (const std::uint64_t n_b : counts)
      for (const std::uint64_t n_c : counts)
        for (const double share : {0.0, 1e-9, 0.3, 1.0}) {
          const auto k_b = static_cast<std::uint64_t>(share * static_cast<double>(n_b));
          const auto k_c = static_cast<std::uint64_t>((1.0 - share) * static_cast<double>(n_c));
          player.forget();
          expect_sane(player.look(events(k_b, n_b), events(k_c, n_c)), spec);
          expect_sane(player.look(events(k_b, n_b), events(k_b, n_b)), spec);
          expect_sane(player.look(events(0, 0), events(k_c, n_c)), spec);
        }
  }
}

TEST(Catalogue, NoTestReturnsNanWhateverTheMagnitude) {
  for (const GateSpec& spec : all_gates()) {
    if (spec.metric == "error") continue;
    GatePlayer player(spec);
    for (const double mean : {0.0, 1e-300, 1e-12, 1.0, 1e12, 1e150})
      for (const double sd : {0.0, 1e-300, 1e-9, 1.0, 1e12, 1e150}) {
        player.forget();
        expect_sane(player.look(numbers(1.0, 1.0, 1000), numbers(mean, sd, 1000)), spec);
        expect_sane(player.look(numbers(mean, sd, 1000), numbers(1.0, 1.0, 1000)), spec);
        expect_sane(player.look(numbers(mean, sd, 1000), numbers(mean, sd, 1000)), spec);
      }
  }
}

TEST(Catalogue, ATrillionHealthyRequestsAreNoHarmAndATrillionBadOnesAre) {
  for (const char* test : {"fixed_threshold", "z_test", "normal_mixture", "beta_binomial_mixture"})
    for (const Relation relation : {Relation::ratio, Relation::absolute}) {
      GatePlayer player(
          gate("error", harm(relation, relation == Relation::ratio ? 2.0 : 0.02), test));
      const std::uint64_t trillion = 1'000'000'000'000;
      const Evidence healthy =
          player.look(events(trillion / 100, trillion), events(trillion / 100, trillion));
      EXPECT_EQ(healthy.harm, 0.0) << test;
      EXPECT_GE(healthy.safety, 1.0) << test;
      player.forget();
      const Evidence harmful =
          player.look(events(trillion / 100, trillion), events(trillion / 40, trillion));
      EXPECT_GE(harmful.harm, 1.0) << test;
      EXPECT_EQ(harmful.safety, 0.0) << test;
    }
}

}  // namespace
}  // namespace gatewright::testing
