// Counting rules: text, and which looks make a gate fail.
#include "policies/gates/counting_rule.h"

#include <array>
#include <string_view>
#include <vector>

#include <gtest/gtest.h>

namespace gatewright {
namespace {

/// Shares of the rule after each look of `looks` ('F' fails, 'S' passes).
std::vector<double> shares(std::string_view rule, std::string_view looks) {
  const auto parsed = parse_counting_rule(rule);
  EXPECT_TRUE(parsed) << rule;
  std::array<double, CountingRule::kSlots> slots{};
  std::vector<double> result;
  for (const char look : looks) {
    parsed->count(slots, look == 'F');
    result.push_back(parsed->share(slots));
  }
  return result;
}

/// Number of looks until the rule is fulfilled; 0 if it never is.
std::size_t fails_at(std::string_view rule, std::string_view looks) {
  const auto after_each = shares(rule, looks);
  for (std::size_t i = 0; i < after_each.size(); ++i)
    if (after_each[i] >= 1.0) return i + 1;
  return 0;
}

TEST(CountingRule, ReadsTheThreeForms) {
  using Kind = CountingRule::Kind;
  EXPECT_EQ(parse_counting_rule("2 consecutive"), (CountingRule{Kind::consecutive, 2, 1}));
  EXPECT_EQ(parse_counting_rule("3 of 5"), (CountingRule{Kind::of_last, 3, 5}));
  EXPECT_EQ(parse_counting_rule("64 of 64"), (CountingRule{Kind::of_last, 64, 64}));
  EXPECT_EQ(parse_counting_rule("4 cumulative"), (CountingRule{Kind::cumulative, 4, 1}));
  EXPECT_EQ(parse_counting_rule("  1   consecutive "), CountingRule{});
}

TEST(CountingRule, RefusesEverythingElse) {
  for (const char* text : {"",
                           "2",
                           "consecutive",
                           "0 consecutive",
                           "0 of 5",
                           "6 of 5",
                           "3 of 65",
                           "3 of",
                           "3 of 0",
                           "-1 of 5",
                           "2.5 of 5",
                           "3 of 5 looks",
                           "2 consecutive looks",
                           "two consecutive",
                           "2consecutive",
                           "2 Consecutive",
                           "99999999999 cumulative",
                           "1000001 cumulative",
                           "3 in 5",
                           "3 / 5"})
    EXPECT_FALSE(parse_counting_rule(text)) << text;
}

TEST(CountingRule, ConsecutiveStartsAgainAfterAPass) {
  EXPECT_EQ(shares("2 consecutive", "FSFF"), (std::vector{0.5, 0.0, 0.5, 1.0}));
  EXPECT_EQ(fails_at("3 consecutive", "FFSFFSFFF"), 9U);
  EXPECT_EQ(fails_at("1 consecutive", "SSF"), 3U);
}

TEST(CountingRule, KOfNForgetsWhatIsOlderThanN) {
  EXPECT_EQ(fails_at("3 of 5", "FSSSFSFSF"), 9U);
  EXPECT_EQ(fails_at("2 of 3", "FSSFSSFSS"), 0U);
  EXPECT_EQ(shares("2 of 3", "FSSF"), (std::vector{0.5, 0.5, 0.5, 0.5}));
  EXPECT_EQ(fails_at("2 of 64", "F" + std::string(63, 'S') + "F"), 0U);
  EXPECT_EQ(fails_at("2 of 64", "F" + std::string(62, 'S') + "F"), 64U);
}

TEST(CountingRule, SixtyFourFailingLooksFillBothWords) {
  EXPECT_EQ(fails_at("64 of 64", std::string(80, 'F')), 64U);
  EXPECT_EQ(fails_at("64 of 64", std::string(40, 'F') + "S" + std::string(63, 'F')), 0U);
  EXPECT_EQ(fails_at("64 of 64", std::string(40, 'F') + "S" + std::string(64, 'F')), 105U);
}

// Argo Rollouts, utils/analysis and analysis_test.go: failed when failed > failureLimit,
// cumulative, never forgiven. With failureLimit 3 the series F S F S F S F is failed at the 7th
// measurement.
TEST(CountingRule, CumulativeIsArgosFailureLimitPlusOne) {
  EXPECT_EQ(fails_at("4 cumulative", "FSFSFSFS"), 7U);
  EXPECT_EQ(fails_at("4 cumulative", "FFFF"), 4U);
  EXPECT_EQ(fails_at("4 cumulative", "FFFSSSSSSS"), 0U);
}

TEST(CountingRule, ShareNeverExceedsOne) {
  for (const char* rule : {"2 consecutive", "2 of 3", "2 cumulative"})
    EXPECT_EQ(shares(rule, "FFFF").back(), 1.0) << rule;
}

}  // namespace
}  // namespace gatewright
