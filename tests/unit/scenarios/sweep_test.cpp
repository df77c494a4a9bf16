// The cells of a grid, and which of them share worlds.
#include <gtest/gtest.h>

#include "scenarios/sweep.h"

namespace gatewright::scenarios {
namespace {

SweepGrid grid() {
  return SweepGrid({{"traffic.users.count", {"100", "200"}},
                    {"candidate.effects.cost.multiply", {"1.1", "1.2"}},
                    {"policy.gates.cost.harm.rises_by", {"5%", "10%", "15%"}}});
}

TEST(SweepGrid, TheLastAxisMovesFastest) {
  const SweepGrid cells = grid();
  EXPECT_EQ(cells.cells(), 12U);
  EXPECT_EQ(cells.choice(0), (SweepChoice{0, 0, 0}));
  EXPECT_EQ(cells.choice(1), (SweepChoice{0, 0, 1}));
  EXPECT_EQ(cells.choice(3), (SweepChoice{0, 1, 0}));
  EXPECT_EQ(cells.choice(11), (SweepChoice{1, 1, 2}));
  EXPECT_EQ(cells.settings(4).at(1).first, "candidate.effects.cost.multiply");
  EXPECT_EQ(cells.settings(4).at(1).second, "1.2");
  EXPECT_EQ(cells.settings(4).at(2).second, "10%");
}

TEST(SweepGrid, CellsOfOneWorldDifferInTheirPoliciesAlone) {
  const SweepGrid cells = grid();
  EXPECT_EQ(cells.world_of(0), cells.world_of(2));
  EXPECT_NE(cells.world_of(0), cells.world_of(3));
}

TEST(SweepGrid, EffectsLeaveTheHealthyTwinAsItIs) {
  const SweepGrid cells = grid();
  EXPECT_EQ(cells.twin_of(0), cells.twin_of(3));
  EXPECT_NE(cells.twin_of(0), cells.twin_of(6));
}

}  // namespace
}  // namespace gatewright::scenarios
