// No gate test allocates once it is prepared: counted by replacing operator new.
#include "tests/support/count_allocations.h"
#include "tests/support/gate_conformance.h"

namespace gatewright::testing {
namespace {

TEST(EveryGateTest, AllocatesNothingOnceItIsPrepared) {
  std::size_t played = 0;
  for (const GateTestInfo& info : gate_tests())
    for (const GateSpec& spec : gates_of(info)) {
      GateWorld world(spec);
      GatePlayer player(spec);
      std::vector<Event> windows;
      // Views of distributions point into the world, so they show its last window: which is enough.
      for (int window = 0; window < 60; ++window) windows.push_back(world.plain(200, 0.05, window));
      const std::uint64_t before = allocations;
      for (const Event& window : windows) player.look(window);
      EXPECT_EQ(allocations - before, 0U) << describe(spec);
      ++played;
    }
  EXPECT_GE(played, gate_tests().size()) << "at least one gate of each line";
}

}  // namespace
}  // namespace gatewright::testing
