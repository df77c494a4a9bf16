// A bootstrapped trace keeps the rate and the tokens of the recording.
#include <filesystem>
#include <fstream>
#include <string>
#include <vector>

#include <gtest/gtest.h>

#include "sim/traffic/arrivals.h"
#include "sim/traffic/trace.h"
#include "tests/statistical/traffic/intervals.h"
#include "tests/support/arrivals.h"

namespace gatewright::sim {
namespace {

using namespace gatewright::testing;
using std::chrono::hours;
using std::chrono::minutes;

/// A recording whose rate and tokens drift over its hour, so that stretches of it differ.
class DriftingTrace {
 public:
  DriftingTrace()
      : path_(std::filesystem::path(::testing::TempDir()) / "gatewright_drifting_trace.csv") {
    std::ofstream file(path_);
    file << "at_seconds,input_tokens,output_tokens\n";
    double at = 0.0;
    for (int i = 0; i < 5000; ++i) {
      file << at << ',' << 100 + i / 5 << ',' << 1000 - i / 10 << '\n';
      at += 0.3 + 0.0002 * i;
    }
  }
  ~DriftingTrace() { std::filesystem::remove(path_); }
  DriftingTrace(const DriftingTrace&) = delete;
  DriftingTrace& operator=(const DriftingTrace&) = delete;
  [[nodiscard]] std::string path() const { return path_.string(); }

 private:
  std::filesystem::path path_;
};

/// Over many replications of six hours: counts, and sums of tokens, against the recording's.
void expect_rate_and_tokens(const std::string& path, TraceFormat format, std::uint64_t seed) {
  constexpr std::uint64_t kReplications = 400;
  const Trace trace = read_trace(path, format).trace;
  ASSERT_FALSE(trace.rows.empty());
  double input = 0.0;
  double output = 0.0;
  for (const TraceRow& row : trace.rows) {
    input += static_cast<double>(row.input_tokens);
    output += static_cast<double>(row.output_tokens);
  }

  Scenario scenario;
  scenario.traffic.arrivals = TraceArrivals{.file = path, .format = format};
  const MadeArrivals made = make_arrivals(scenario);
  ASSERT_NE(made.process, nullptr);
  std::vector<double> counts;
  std::vector<double> inputs;
  std::vector<double> outputs;
  sim::testing::ArrivalPlayer player(*made.process, {seed, 0}, hours(1));
  for (std::uint64_t replication = 0; replication < kReplications; ++replication) {
    counts.push_back(0.0);
    inputs.push_back(0.0);
    outputs.push_back(0.0);
    player.start({seed, replication});
    for (std::uint64_t window = 0; window < 6; ++window) {
      const ArrivalColumns& columns = player.next();
      counts.back() += static_cast<double>(columns.at_seconds.size());
      for (const float tokens : columns.input_tokens) inputs.back() += static_cast<double>(tokens);
      for (const float tokens : columns.output_tokens)
        outputs.back() += static_cast<double>(tokens);
    }
  }
  // A uniform start on a circle shows every row equally often: these means are exact.
  const double spans = 6.0 * 3600.0 / trace.span_seconds;
  const auto rows = static_cast<double>(trace.rows.size());
  EXPECT_TRUE(mean_interval(counts).contains(rows * spans)) << mean_interval(counts);
  EXPECT_TRUE(mean_interval(inputs).contains(input * spans)) << mean_interval(inputs);
  EXPECT_TRUE(mean_interval(outputs).contains(output * spans)) << mean_interval(outputs);
  EXPECT_GT(moments(counts).variance, 0.0) << "replications differ";
}

TEST(BootstrappedTrace, KeepsRateAndTokens) {
  // Claim: mean count, input and output of six hours are the recording's; 99.9% each (Student); 400
  // replications.
  const DriftingTrace trace;
  expect_rate_and_tokens(trace.path(), TraceFormat::csv, 61);
}

TEST(BootstrappedTrace, KeepsRateAndTokensOfAzureConversations) {
  // Claim: as above on the public trace; 99.9% each (Student); 400 replications.
  const auto path =
      std::filesystem::path(GATEWRIGHT_SHARED_DATA) / "azure-llm-2023" / "conv_first40min.csv.gz";
  if (!std::filesystem::exists(path)) GTEST_SKIP() << path << " is not at hand";
  expect_rate_and_tokens(path.string(), TraceFormat::azure, 62);
}

TEST(BootstrappedTrace, BlocksStartEvenlyInTheRecording) {
  // Claim: the first row of a block is any row with the probability of the gap before it: chi-square
  // in 50 cells of rows; 99.9%; 20,000 blocks.
  const DriftingTrace file;
  const Trace trace = read_trace(file.path(), TraceFormat::csv).trace;
  Scenario scenario;
  scenario.traffic.arrivals = TraceArrivals{.file = file.path()};
  const auto process = make_arrivals(scenario).process;
  ASSERT_NE(process, nullptr);
  constexpr std::size_t kBlocks = 20'000;
  constexpr std::size_t kCells = 50;  // of 100 rows; input tokens are 100 + row / 5
  std::vector<double> observed(kCells);
  sim::testing::ArrivalPlayer player(*process, {63, 0}, minutes(5));
  for (std::uint64_t block = 0; block < kBlocks; ++block) {
    const ArrivalColumns& columns = player.next();
    ASSERT_FALSE(columns.input_tokens.empty());
    const auto row = (static_cast<std::size_t>(columns.input_tokens.front()) - 100) * 5;
    ++observed[row / 100];
  }
  std::vector<double> expected;
  for (std::size_t cell = 0; cell < kCells; ++cell) {
    // Starts after the last row of the cell before and up to the last of this one; the first cell
    // also has those after the very last row.
    const double last = trace.rows[100 * cell + 99].at_seconds;
    const double from = cell == 0 ? trace.rows.back().at_seconds - trace.span_seconds
                                  : trace.rows[100 * cell - 1].at_seconds;
    expected.push_back(static_cast<double>(kBlocks) * (last - from) / trace.span_seconds);
  }
  EXPECT_TRUE(chi_square_interval(kCells - 1).contains(chi_square(observed, expected)))
      << chi_square(observed, expected);
}

}  // namespace
}  // namespace gatewright::sim
