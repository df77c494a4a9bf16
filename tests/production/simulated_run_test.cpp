// The product's promise, in full: what the simulator rehearsed, a production driver that links
// policies alone decides again, byte for byte.
#include <gtest/gtest.h>
#include <sys/wait.h>

#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <sstream>
#include <string>

#include "policies/encoding.h"
#include "policies/plan_encoding.h"
#include "tests/support/worlds.h"

namespace gatewright::sim {
namespace {

using namespace testing;

TEST(SimulatedRun, AProductionControllerDecidesTheSame) {
  const std::string folder = ::testing::TempDir() + "simulated_run";
  std::filesystem::create_directories(folder);
  const PlanSpec plan = five_gates();
  std::ofstream(folder + "/plan.json") << encode(plan);

  for (const bool harmful : {false, true}) {
    Scenario scenario = quiet_world();
    scenario.telemetry.delay = {DelayLaw::Kind::lognormal, 20.0, 0.7};
    if (harmful) scenario.effects = {effect("cost", 1.3)};
    RunTrace trace;
    const RunRecord record = play(contender(plan), scenario, {7, 3}, &trace);
    EXPECT_EQ(record.outcome, harmful ? Outcome::halted : Outcome::completed);

    std::ofstream observations(folder + "/observations");
    std::string journal;
    for (const JournalEntry& entry : trace.journal.entries()) {
      observations << encode(entry.observation) << '\n';
      journal += encode(entry) + '\n';
    }
    observations.close();
    const std::string command = std::string(STDIO_CONTROLLER) + ' ' + folder + "/plan.json < " +
                                folder + "/observations > " + folder + "/journal 2> /dev/null";
    EXPECT_EQ(WEXITSTATUS(std::system(command.c_str())), 0);
    std::stringstream answered;
    answered << std::ifstream(folder + "/journal").rdbuf();
    EXPECT_EQ(answered.str(), journal);
  }
  std::filesystem::remove_all(folder);
}

}  // namespace
}  // namespace gatewright::sim
