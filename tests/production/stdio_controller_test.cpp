// The product's promise: a production driver that links policies alone answers a journal's
// observations with that journal, byte for byte.
#include <cstdio>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <sstream>
#include <string>

#include <gtest/gtest.h>
#include <sys/wait.h>

#include "policies/encoding.h"
#include "policies/plan_encoding.h"
#include "tests/unit/policies/fakes.h"

namespace gatewright {
namespace {

using namespace testing;

struct Answer {
  int status = 0;
  std::string output;
};

class StdioController : public ::testing::Test {
 protected:
  void SetUp() override {
    folder_ = ::testing::TempDir() + "stdio_controller_" +
              ::testing::UnitTest::GetInstance()->current_test_info()->name();
    std::filesystem::create_directories(folder_);
  }
  void TearDown() override { std::filesystem::remove_all(folder_); }

  std::string write(const std::string& name, const std::string& text) {
    const std::string file = folder_ + '/' + name;
    std::ofstream(file) << text;
    return file;
  }

  Answer run(const std::string& arguments, const std::string& input) {
    const std::string command = std::string(STDIO_CONTROLLER) + ' ' + arguments + " < " +
                                write("input", input) + " > " + folder_ + "/output 2> /dev/null";
    const int status = std::system(command.c_str());
    std::stringstream output;
    output << std::ifstream(folder_ + "/output").rdbuf();
    return {WEXITSTATUS(status), output.str()};
  }

 private:
  std::string folder_;
};

/// A rollout of the example plan, played in this process.
Driver played() {
  Driver driver(*compile(example_plan()).engine, at(17s));
  driver.tick(17s);
  for (std::uint64_t window = 0; window < 60; ++window) {
    const Duration when = 17s + 5min * (window + 1);
    driver.tell(at(when), samples(0, window, -60.0, -61.0));
    driver.tell(at(when), samples(1, window, 0.0, 1.0));
    const std::vector<HistogramBin> bins{{2'600, 90}, {2'650, 9}, {2'700, 1}};
    driver.tell(at(when),
                Distributions{
                    .probe = ProbeIndex{2}, .window = window, .baseline = bins, .candidate = bins});
    driver.tell(at(when), Readings{.probe = ProbeIndex{3},
                                   .window = window,
                                   .candidate = {.value = 0.4, .status = ReadingStatus::ok}});
    if (driver.state.applied != driver.state.target) driver.confirm(when + 3s);
    driver.tick(when + 1min);
  }
  return driver;
}

std::string observations_of(const Journal& journal, std::size_t from = 0) {
  std::string text;
  for (std::size_t i = from; i < journal.entries().size(); ++i)
    text += encode(journal.entries()[i].observation) + '\n';
  return text;
}

std::string lines_of(const Journal& journal, std::size_t from = 0) {
  std::string text;
  for (std::size_t i = from; i < journal.entries().size(); ++i)
    text += encode(journal.entries()[i]) + '\n';
  return text;
}

TEST_F(StdioController, AnswersAJournalsObservationsWithThatJournal) {
  const Driver driver = played();
  ASSERT_NE(driver.state.stage, StageIndex{0}) << "the journal should have an advance in it";
  const std::string plan = write("plan.json", encode(example_plan()));
  const Answer answer = run(plan, observations_of(driver.journal));
  EXPECT_EQ(answer.status, 0);
  EXPECT_EQ(answer.output, lines_of(driver.journal));

  Journal read;
  std::stringstream lines(answer.output);
  for (std::string line; std::getline(lines, line);)
    ASSERT_FALSE(decode_entry(line, read).has_value());
  EXPECT_FALSE(replay(driver.engine, read).has_value());
}

TEST_F(StdioController, GoesOnFromASnapshot) {
  const Driver driver = played();
  constexpr std::size_t kCut = 100;
  RolloutState state = driver.engine.initial_state(at(17s));
  for (std::size_t i = 0; i < kCut; ++i)
    std::ignore = driver.engine.step(state, driver.journal.entries()[i].observation);
  const std::string plan = write("plan.json", encode(example_plan()));
  const std::string snapshot = write("state.json", encode(state));
  const Answer answer = run(plan + ' ' + snapshot, observations_of(driver.journal, kCut));
  EXPECT_EQ(answer.status, 0);
  EXPECT_EQ(answer.output, lines_of(driver.journal, kCut));
}

TEST_F(StdioController, RefusesWrongFilesAndAnotherPlansState) {
  const std::string plan = write("plan.json", encode(example_plan()));
  EXPECT_EQ(run("", "").status, 2);
  EXPECT_EQ(run(plan + ".absent", "").status, 2);
  EXPECT_EQ(run(write("empty.json", encode(PlanSpec{})), "").status, 2);
  PlanSpec other = example_plan();
  other.gates.pop_back();
  const std::string state =
      write("state.json", encode(compile(other).engine->initial_state(at(0s))));
  EXPECT_EQ(run(plan + ' ' + state, "").status, 2);
  EXPECT_EQ(run(plan, "").status, 0);
}

TEST_F(StdioController, ALineThatIsNoObservationIsLostAndToldAtTheEnd) {
  const std::string plan = write("plan.json", encode(example_plan()));
  const std::string tick = encode(Observation{.sequence = 1, .event = Tick{}}) + '\n';
  const Answer answer = run(plan, "nonsense\n" + tick);
  EXPECT_EQ(answer.status, 2);
  EXPECT_EQ(answer.output, run(plan, tick).output);
}

}  // namespace
}  // namespace gatewright
