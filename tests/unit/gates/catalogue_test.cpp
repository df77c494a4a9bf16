// The catalogue: names, texts, defaults.
#include "policies/gates/catalogue.h"

#include <algorithm>
#include <set>

#include "policies/gates/counting_rule.h"
#include "tests/support/gate_conformance.h"

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
    const std::vector<GateSpec> gates = gates_of(info);
    ASSERT_FALSE(gates.empty()) << info.name;
    const GatePlayer player(gates.front());
    EXPECT_EQ(player.test().name(), info.name);
    EXPECT_EQ(player.test().guarantee(), info.guarantee);
    EXPECT_EQ(player.evidence().harm, 0.0);
    EXPECT_EQ(player.evidence().safety, 0.0);
    EXPECT_FALSE(player.evidence().enough);
  }
}

}  // namespace
}  // namespace gatewright::testing
