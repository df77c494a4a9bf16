// Tokens of a fitted profile have the law of the recording.
#include <algorithm>
#include <cmath>
#include <cstddef>
#include <filesystem>
#include <vector>

#include <gtest/gtest.h>

#include "sim/streams.h"
#include "sim/traffic/fit.h"
#include "sim/traffic/profiles.h"
#include "sim/traffic/trace.h"

namespace gatewright::sim {
namespace {

/// Two-sample statistic of Kolmogorov and Smirnov.
double largest_gap(std::vector<double> a, std::vector<double> b) {
  std::ranges::sort(a);
  std::ranges::sort(b);
  double largest = 0.0;
  for (std::size_t i = 0, j = 0; i < a.size() && j < b.size();) {
    const double at = std::min(a[i], b[j]);
    while (i < a.size() && a[i] == at) ++i;
    while (j < b.size() && b[j] == at) ++j;
    largest = std::max(largest, std::abs(static_cast<double>(i) / static_cast<double>(a.size()) -
                                         static_cast<double>(j) / static_cast<double>(b.size())));
  }
  return largest;
}

struct Recording {
  const char* path;
  TraceFormat format;
};

class FittedTokens : public ::testing::TestWithParam<Recording> {};

TEST_P(FittedTokens, HaveTheLawOfTheRecording) {
  // Claim: their distance is below the 1% critical value of Kolmogorov and Smirnov, 1.6276 sqrt(1/n +
  // 1/m) (Smirnov 1948), which stands above the exact one where values repeat; m = 200,000 draws.
  const auto path = std::filesystem::path(GATEWRIGHT_SHARED_DATA) / GetParam().path;
  if (!std::filesystem::exists(path)) GTEST_SKIP() << path << " is not at hand";
  const Trace trace = read_trace(path.string(), GetParam().format).trace;
  const FittedTraffic fitted = fit_traffic(trace, "chat", 1);
  std::vector<double> scores(200'000);
  Stream({71, 0, "fitted tokens", 0}).fill_normal(scores);
  const double critical = 1.6276 * std::sqrt(1.0 / static_cast<double>(trace.rows.size()) +
                                             1.0 / static_cast<double>(scores.size()));
  for (const bool is_output : {false, true}) {
    const TokenLaw& law = is_output ? *fitted.traffic.output_tokens : *fitted.traffic.input_tokens;
    std::vector<double> recorded;
    for (const TraceRow& row : trace.rows)
      recorded.push_back(static_cast<double>(is_output ? row.output_tokens : row.input_tokens));
    std::vector<double> drawn;
    for (const double score : scores) drawn.push_back(std::round(tokens_at(law, score)));
    EXPECT_LT(largest_gap(recorded, drawn), critical) << (is_output ? "output" : "input");
  }
}

INSTANTIATE_TEST_SUITE_P(
    Recordings, FittedTokens,
    ::testing::Values(
        Recording{"azure-llm-2023/conv_first40min.csv.gz", TraceFormat::azure},
        Recording{"azure-llm-2023/code_first40min.csv.gz", TraceFormat::azure},
        Recording{"mooncake-fast25/conversation_first40min.jsonl.gz", TraceFormat::mooncake},
        Recording{"mooncake-fast25/synthetic_trace.jsonl.gz", TraceFormat::mooncake}));

}  // namespace
}  // namespace gatewright::sim
