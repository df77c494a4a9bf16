// The conformance kit, over every line of the catalogue.
#include "tests/support/gate_conformance.h"

namespace gatewright::testing {
namespace {

class EveryGateTest : public ::testing::TestWithParam<std::string> {
 protected:
  template <typename Claim>
  void of_all_its_gates(const Claim& claim) {
    ASSERT_FALSE(gates().empty());
    for (const GateSpec& spec : gates()) claim(spec);
  }

 private:
  /// Found once for all claims: to see whether a gate can be made is to make it.
  static const std::vector<GateSpec>& gates() {
    static std::map<std::string, std::vector<GateSpec>> known;
    const auto [line, is_new] = known.try_emplace(GetParam());
    if (is_new) line->second = gates_of(*find_gate_test(GetParam()));
    return line->second;
  }
};

TEST_P(EveryGateTest, SaysNoNanAndNoInfinity) { of_all_its_gates(expect_finite_evidence); }
TEST_P(EveryGateTest, HearsNothingInEmptyWindows) {
  of_all_its_gates(expect_empty_windows_say_nothing);
}
TEST_P(EveryGateTest, IsMonotoneInHarm) { of_all_its_gates(expect_monotone_in_harm); }
TEST_P(EveryGateTest, TakesWindowsInAnyOrderWhereItSaysSo) {
  of_all_its_gates(expect_order_does_not_matter);
}
TEST_P(EveryGateTest, DecidesTheSameOfSummariesMergedInAnyOrder) {
  of_all_its_gates(expect_parts_merge_in_any_order);
}
TEST_P(EveryGateTest, TellsPValuesOf1eMinus300FromEachOther) {
  of_all_its_gates(expect_small_p_values);
}
TEST_P(EveryGateTest, SurvivesTheEncodingOfItsState) {
  of_all_its_gates(expect_state_survives_encoding);
}
TEST_P(EveryGateTest, MakesSenseOfATrillionRequests) {
  of_all_its_gates(expect_sense_of_a_trillion);
}

TEST_P(EveryGateTest, KeepsWhatItPromises) { of_all_its_gates(expect_guarantee_holds); }

// What keeps its budget only when looks are stated is asked again with five of them.
TEST_P(EveryGateTest, KeepsWhatItPromisesOfStatedLooks) {
  const GateTestInfo& info = *find_gate_test(GetParam());
  if (std::ranges::find(info.parameters, "looks", &ParameterInfo::name) == info.parameters.end())
    return;
  of_all_its_gates([](GateSpec spec) {
    spec.test.parameters["looks"] = 5.0;
    spec.min_samples = 1500;
    expect_guarantee_holds(spec);
  });
}

std::vector<std::string> names() {
  std::vector<std::string> names;
  for (const GateTestInfo& info : gate_tests()) names.emplace_back(info.name);
  return names;
}

INSTANTIATE_TEST_SUITE_P(Catalogue, EveryGateTest, ::testing::ValuesIn(names()),
                         [](const auto& line) { return line.param; });

}  // namespace
}  // namespace gatewright::testing
