// The edge of a look and of a counting rule, against the test that they stand for.
#include <gtest/gtest.h>

#include <array>
#include <cmath>
#include <limits>
#include <random>
#include <string_view>

#include "policies/gates/counting_rule.h"
#include "policies/gates/threshold_look.h"
#include "sim/threshold_recorder.h"

namespace gatewright {
namespace {

using Relation = HarmSpec::Relation;

HarmSpec harm(Relation relation, Direction direction, double margin) {
  return {.relation = relation, .direction = direction, .margin = margin};
}

/// Exact: 20,000 random looks per relation and direction, most of them at margins where they turn.
TEST(ThresholdLook, TheEdgeSaysExactlyWhichMarginsFail) {
  std::minstd_rand draw(17);
  const auto whole = [&](unsigned most) { return static_cast<double>(draw() % (most + 1)); };
  for (const Relation relation : {Relation::ratio, Relation::difference, Relation::absolute})
    for (const Direction direction : {Direction::up, Direction::down})
      for (int i = 0; i < 20'000; ++i) {
        const ThresholdLook::Seen seen{.baseline = {whole(30), 1.0 + whole(60)},
                                       .candidate = {whole(30), 1.0 + whole(60)}};
        // Fractions of small numbers: often exactly the look's own ratio or difference.
        const double margin = whole(30) / (1.0 + whole(30));
        const ThresholdLook look(harm(relation, direction, margin), 0, 0.0);
        EXPECT_EQ(look.edge(seen) > look.signed_margin(margin), look.is_harmful(seen))
            << seen.baseline.total << "/" << seen.baseline.count << " against "
            << seen.candidate.total << "/" << seen.candidate.count << " at " << margin;
      }
}

/// Exact: the edge itself and its neighbours as margins.
TEST(ThresholdLook, TurnsAtTheVeryNumberOfItsEdge) {
  std::minstd_rand draw(29);
  const auto any = [&] { return 0.1 + static_cast<double>(draw() % 1'000'003) / 7.0; };
  for (const Relation relation : {Relation::ratio, Relation::difference, Relation::absolute})
    for (const Direction direction : {Direction::up, Direction::down})
      for (int i = 0; i < 5'000; ++i) {
        const ThresholdLook::Seen seen{.baseline = {any(), any()}, .candidate = {any(), any()}};
        const ThresholdLook any_margin(harm(relation, direction, 1.0), 0, 0.0);
        const double edge = any_margin.edge(seen);
        const auto is_harmful_at = [&](double level) {
          return ThresholdLook(harm(relation, direction, any_margin.signed_margin(level)), 0, 0.0)
              .is_harmful(seen);
        };
        EXPECT_FALSE(is_harmful_at(edge));
        EXPECT_TRUE(is_harmful_at(std::nextafter(edge, -1e300)));
      }
}

TEST(ThresholdLook, ALookAtItsMarginIsNoHarm) {
  const ThresholdLook look(harm(Relation::absolute, Direction::up, 0.29), 0, 0.0);
  const ThresholdLook::Seen seen{.baseline = {}, .candidate = {29.0, 100.0}};
  EXPECT_FALSE(look.is_harmful(seen));
  EXPECT_LE(look.edge(seen), 0.29);
}

TEST(ThresholdLook, ABaselineOfZeroIsExceededAtEveryMarginOrNone) {
  constexpr double kInfinity = std::numeric_limits<double>::infinity();
  const ThresholdLook look(harm(Relation::ratio, Direction::up, 2.0), 0, 0.0);
  EXPECT_EQ(look.edge({.baseline = {0.0, 50.0}, .candidate = {1.0, 50.0}}), kInfinity);
  EXPECT_EQ(look.edge({.baseline = {0.0, 50.0}, .candidate = {0.0, 50.0}}), -kInfinity);
}

/// Exact: rows of 200 random looks, each with ties, at five margins.
TEST(CountedEdges, AreBeyondAMarginExactlyWhereTheRuleIsFulfilled) {
  std::minstd_rand draw(23);
  for (const std::string_view text : {"1 consecutive", "3 consecutive", "2 of 3", "3 of 5",
                                      "5 of 5", "1 of 64", "4 cumulative"}) {
    const CountingRule rule = *parse_counting_rule(text);
    for (const double margin : {2.0, 3.0, 5.0, 7.0, 8.5}) {
      sim::CountedEdges edges(rule);
      std::array<double, CountingRule::kSlots> slots{};
      for (int look = 0; look < 200; ++look) {
        const auto edge = static_cast<double>(draw() % 10);
        rule.count(slots, edge > margin);
        EXPECT_EQ(edges.add(edge) > margin, rule.share(slots) >= 1.0)
            << text << " at look " << look << ", margin " << margin;
      }
    }
  }
}

}  // namespace
}  // namespace gatewright
