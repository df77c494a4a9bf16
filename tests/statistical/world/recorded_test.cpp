// Claims about worlds whose traffic is a recording; one small recording, written by the test itself.
#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <cstdio>
#include <fstream>
#include <memory>
#include <string>
#include <vector>

#include "sim/world.h"
#include "tests/support/worlds.h"

namespace gatewright::sim {
namespace {

using namespace testing;

class Recorded : public ::testing::Test {
 protected:
  void SetUp() override {
    file_ = ::testing::TempDir() + "recorded_test.csv";
    std::ofstream csv(file_);
    csv << "at_seconds,input_tokens,output_tokens\n";
    std::uint64_t hash = 1;
    for (int i = 0; i < 6'000; ++i) {
      hash = hash * 6364136223846793005ULL + 1442695040888963407ULL;
      const auto output = static_cast<int>(hash >> 59) == 0 ? 5 : 20 + static_cast<int>(hash >> 57);
      lengths_.push_back(static_cast<float>(output));
      csv << 0.1 * i << ',' << 100 + i % 700 << ',' << output << '\n';
    }
    csv.close();
    std::sort(lengths_.begin(), lengths_.end());
  }
  void TearDown() override { std::remove(file_.c_str()); }

  Scenario scenario(TraceRepeat repeat) const {
    Scenario scenario = quiet_world();
    scenario.traffic.arrivals =
        TraceArrivals{.file = file_, .format = TraceFormat::csv, .repeat = repeat, .block = 1min};
    scenario.same_prompt.correlation = 0.7;
    return scenario;
  }

  std::string file_;
  std::vector<float> lengths_;
};

TEST_F(Recorded, TheCandidateAnswersWithRecordedLengthsCorrelatedWithTheBaselines) {
  const auto ready = prepared(scenario(TraceRepeat::loop));
  const auto world = std::make_unique<World>(*ready);
  world->start({1, 0});
  std::vector<float> baseline, candidate;
  double n = 0, sum = 0;
  const RecordedLengths& recorded = ready->tables().recorded;
  for (int window = 0; window < 30; ++window) {
    world->advance();
    for (std::size_t chunk = 0; chunk < world->chunks(); ++chunk) {
      const Columns& c = world->fill(chunk, want(0, kCosts) | want(1, kCosts));
      for (std::size_t i = 0; i < c.size; ++i) {
        baseline.push_back(c.arm[0].output_tokens[i]);
        candidate.push_back(c.arm[1].output_tokens[i]);
        // The middle of a tie stands for its score: nearly all of the correlation is left.
        sum += recorded.score(baseline.back(), 0.5) * recorded.score(candidate.back(), 0.5);
        ++n;
      }
    }
  }
  ASSERT_GT(n, 15'000.0);
  // Three times through the recording: the baseline's lengths are the recording's.
  std::sort(baseline.begin(), baseline.end());
  std::sort(candidate.begin(), candidate.end());
  const auto quantile = [](const std::vector<float>& sorted, double p) {
    return sorted[static_cast<std::size_t>(p * static_cast<double>(sorted.size()))];
  };
  for (const double p : {0.05, 0.25, 0.5, 0.75, 0.95}) {
    EXPECT_NEAR(quantile(baseline, p), quantile(lengths_, p), 1.0) << p;
    EXPECT_NEAR(quantile(candidate, p), quantile(lengths_, p), 3.0) << p;
  }
  EXPECT_NEAR(sum / n, 0.7, 0.03);
}

TEST_F(Recorded, ALoopIsTheSameInEveryReplicationAndABootstrapIsNot) {
  const Contender one = contender(five_gates());
  const auto requests = [&](TraceRepeat repeat, std::uint64_t replication) {
    return play(one, scenario(repeat), {1, replication}).requests;
  };
  EXPECT_EQ(requests(TraceRepeat::loop, 0), requests(TraceRepeat::loop, 1));
  EXPECT_GT(requests(TraceRepeat::bootstrap, 0), 10'000U);
}

}  // namespace
}  // namespace gatewright::sim
