// The public traces themselves: every row is read, and the clocks are recognised. Skipped where the
// shared data are not at hand.
#include <cmath>
#include <filesystem>
#include <numeric>
#include <string>

#include <gtest/gtest.h>

#include "sim/traffic/arrivals.h"
#include "sim/traffic/trace.h"
#include "tests/support/arrivals.h"
#include "tests/support/worlds.h"

namespace gatewright::sim {
namespace {

struct Recorded {
  const char* file;
  TraceFormat format;
  std::size_t rows;
  double mean_input;  ///< by numpy over the same file
  double mean_output;
  double tick_seconds;
};

constexpr Recorded kRecorded[] = {
    {"azure-llm-2023/conv_first40min.csv.gz", TraceFormat::azure, 14'176, 1195.1429176072236,
     201.4965434537246, 0.0},
    {"azure-llm-2023/code_first40min.csv.gz", TraceFormat::azure, 7'491, 2040.1089307168602,
     27.58323321318916, 0.0},
    {"mooncake-fast25/conversation_first40min.jsonl.gz", TraceFormat::mooncake, 7'851,
     12427.960769328747, 347.0771876194115, 3.0},
    {"mooncake-fast25/synthetic_trace.jsonl.gz", TraceFormat::mooncake, 3'993, 15325.476584022039,
     149.11895817680943, 0.0},
};

class RecordedTraces : public ::testing::TestWithParam<Recorded> {
 protected:
  void SetUp() override {
    path_ = std::filesystem::path(GATEWRIGHT_SHARED_DATA) / GetParam().file;
    if (!std::filesystem::exists(path_)) GTEST_SKIP() << path_ << " is not at hand";
  }
  std::filesystem::path path_;
};

TEST_P(RecordedTraces, AreReadToTheLastRow) {
  const ReadTrace read = read_trace(path_.string(), GetParam().format);
  ASSERT_TRUE(read.diagnostics.empty()) << read.diagnostics.front().message;
  const Trace& trace = read.trace;
  EXPECT_EQ(trace.rows.size(), GetParam().rows);
  EXPECT_TRUE(trace.dropped.empty());
  double input = 0.0;
  double output = 0.0;
  for (const TraceRow& row : trace.rows) {
    input += static_cast<double>(row.input_tokens);
    output += static_cast<double>(row.output_tokens);
  }
  const auto rows = static_cast<double>(trace.rows.size());
  EXPECT_NEAR(input / rows, GetParam().mean_input, 1e-6);
  EXPECT_NEAR(output / rows, GetParam().mean_output, 1e-6);
  EXPECT_NEAR(trace.tick_seconds, GetParam().tick_seconds, 1e-5);
}

TEST_P(RecordedTraces, ALoopPlaysTheirRowsInTheFirstSpan) {
  const Trace trace = read_trace(path_.string(), GetParam().format).trace;
  Scenario scenario;
  scenario.traffic.arrivals = TraceArrivals{
      .file = path_.string(), .format = GetParam().format, .repeat = TraceRepeat::loop};
  const MadeArrivals made = make_arrivals(scenario);
  ASSERT_NE(made.process, nullptr);
  std::size_t row = 0;
  testing::ArrivalPlayer player(*made.process, {1, 0}, std::chrono::minutes(1));
  while (row < trace.rows.size()) {
    const ArrivalColumns& columns = player.next();
    for (std::size_t i = 0; i < columns.at_seconds.size() && row < trace.rows.size(); ++i, ++row) {
      ASSERT_NEAR(columns.at_seconds[i], trace.rows[row].at_seconds, 1e-9) << row;
      ASSERT_EQ(columns.input_tokens[i], trace.rows[row].input_tokens) << row;
      ASSERT_EQ(columns.output_tokens[i], trace.rows[row].output_tokens) << row;
    }
  }
}

TEST_P(RecordedTraces, PlayAsWorldsHealthyAndHarmful) {
  Scenario scenario = testing::quiet_world();
  scenario.horizon = std::chrono::hours(6);
  scenario.traffic.arrivals = TraceArrivals{.file = path_.string(), .format = GetParam().format};
  const Contender contender = testing::contender(testing::five_gates());
  const RunRecord healthy = testing::play(contender, scenario);
  EXPECT_EQ(healthy.outcome, Outcome::completed);
  EXPECT_TRUE(healthy.violations.empty());
  EXPECT_GT(healthy.requests, 10'000U);
  scenario.effects = {testing::effect("cost", 3.0)};
  EXPECT_EQ(testing::play(contender, scenario).outcome, Outcome::halted);
}

INSTANTIATE_TEST_SUITE_P(Files, RecordedTraces, ::testing::ValuesIn(kRecorded),
                         [](const ::testing::TestParamInfo<Recorded>& recorded) {
                           return std::filesystem::path(recorded.param.file).stem().stem().string();
                         });

TEST(RecordedTrace, TheNoteSaysWhatIsPlayed) {
  const auto folder = std::filesystem::path(GATEWRIGHT_SHARED_DATA) / "azure-llm-2023";
  if (!std::filesystem::exists(folder)) GTEST_SKIP() << folder << " is not at hand";
  Scenario scenario;
  scenario.directory = folder.string();
  scenario.traffic.arrivals =
      TraceArrivals{.file = "conv_first40min.csv.gz", .format = TraceFormat::azure};
  const MadeArrivals made = make_arrivals(scenario);
  ASSERT_EQ(made.notes.size(), 1U);
  EXPECT_EQ(
      made.notes[0],
      "trace conv_first40min.csv.gz: 14,176 rows over 40 min (5.91/s), 0 dropped; 5 min blocks "
      "drawn anew in each replication to cover 12 h");
}

}  // namespace
}  // namespace gatewright::sim
