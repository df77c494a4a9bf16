// Arrivals window by window: keyed, in order, inside their window; traces looped and bootstrapped.
#include "sim/traffic/arrivals.h"

#include <algorithm>
#include <string>
#include <vector>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "tests/support/arrivals.h"
#include "tests/unit/sim_traffic/trace_files.h"

namespace gatewright::sim {
namespace {

using gatewright::testing::TemporaryFile;
using std::chrono::hours;
using std::chrono::milliseconds;
using std::chrono::minutes;
using std::chrono::seconds;
using ::testing::ElementsAre;

Scenario scenario_with(Arrivals arrivals) {
  Scenario scenario;
  scenario.traffic.arrivals = std::move(arrivals);
  return scenario;
}

std::unique_ptr<const ArrivalProcess> made(const Scenario& scenario) {
  MadeArrivals result = make_arrivals(scenario);
  EXPECT_TRUE(result.diagnostics.empty());
  return std::move(result.process);
}

ArrivalColumns filled(const ArrivalProcess& process, RunKey key, std::uint64_t window,
                      Duration length = minutes(1)) {
  return testing::ArrivalPlayer(process, key, length).window(window);
}

/// Five rows at 0, 10, 20, 30 and 40 s: a span of 50 s. Tokens tell them apart.
constexpr const char* kFiveRows =
    "at_seconds,input_tokens,output_tokens\n"
    "100,1,11\n110,2,15\n120,3,13\n130,4,12\n140,5,14\n";

std::vector<Arrivals> every_kind(const std::string& trace_file) {
  return {
      PoissonArrivals{3.0}, DiurnalArrivals{.rate_per_second = 3.0},
      TraceArrivals{.file = trace_file, .repeat = TraceRepeat::loop},
      TraceArrivals{.file = trace_file, .repeat = TraceRepeat::bootstrap, .block = seconds(17)}};
}

TEST(Arrivals, StayInTheirWindowAndInOrder) {
  const TemporaryFile file(kFiveRows);
  for (const Arrivals& arrivals : every_kind(file.path())) {
    const auto process = made(scenario_with(arrivals));
    ASSERT_NE(process, nullptr);
    for (const Duration length : {Duration(seconds(1)), Duration(minutes(1)), Duration(hours(1)),
                                  Duration(milliseconds(1234))}) {
      testing::ArrivalPlayer player(*process, {1, 2}, length);
      for (std::uint64_t window = 0; window < 50; ++window) {
        const ArrivalColumns& columns = player.next();
        const double from =
            static_cast<double>(window) * std::chrono::duration<double>(length).count();
        const double to = from + std::chrono::duration<double>(length).count();
        ASSERT_TRUE(std::is_sorted(columns.at_seconds.begin(), columns.at_seconds.end()));
        if (columns.at_seconds.empty()) continue;
        ASSERT_GE(columns.at_seconds.front(), from);
        ASSERT_LT(columns.at_seconds.back(), to);
      }
    }
  }
}

TEST(Arrivals, OfTenantsAndSessionsStayInTheirWindowAndInOrder) {
  // Windows from a second, which the times to think exceed many times, to an hour; the second playing
  // starts in a used cursor.
  for (const bool tenants : {false, true})
    for (const bool sessions : {false, true}) {
      if (!tenants && !sessions) continue;
      Scenario scenario = scenario_with(DiurnalArrivals{.rate_per_second = 5.0});
      Traffic& traffic = scenario.traffic;
      traffic.users.count = 1'000;
      if (tenants) {
        traffic.tenants.count = 10;
        traffic.tenants.burstiness.emplace();
      }
      if (sessions) traffic.users.sessions.requests = 5.0;
      traffic.changes = {{.from = seconds(20), .lasts = seconds(20), .factor = 0.5}};
      const auto process = made(scenario);
      for (const Duration length : {Duration(seconds(1)), Duration(minutes(1)), Duration(hours(1)),
                                    Duration(milliseconds(1234))}) {
        const double length_seconds = std::chrono::duration<double>(length).count();
        testing::ArrivalPlayer player(*process, {1, 2}, length, traffic);
        testing::ArrivalPlayer again(*process, {1, 3}, length, traffic);
        again.window(7);
        again.start({1, 2});
        for (std::uint64_t window = 0; window < 100; ++window) {
          const ArrivalColumns& columns = player.next();
          const ArrivalColumns& repeated = again.next();
          ASSERT_EQ(columns.at_seconds, repeated.at_seconds);
          ASSERT_EQ(columns.user, repeated.user);
          ASSERT_EQ(columns.session, repeated.session);
          ASSERT_EQ(columns.tenant, repeated.tenant);
          ASSERT_EQ(columns.draws, repeated.draws);
          ASSERT_EQ(columns.user.size(), sessions ? columns.at_seconds.size() : 0);
          ASSERT_EQ(columns.tenant.size(), sessions ? 0 : columns.at_seconds.size());
          ASSERT_TRUE(std::is_sorted(columns.at_seconds.begin(), columns.at_seconds.end()));
          if (columns.at_seconds.empty()) continue;
          ASSERT_GE(columns.at_seconds.front(), static_cast<double>(window) * length_seconds);
          ASSERT_LT(columns.at_seconds.back(), static_cast<double>(window + 1) * length_seconds);
        }
      }
    }
}

TEST(Arrivals, DependOnTheKeyAndTheWindowAlone) {
  const TemporaryFile file(kFiveRows);
  for (const Arrivals& arrivals : every_kind(file.path())) {
    const auto process = made(scenario_with(arrivals));
    ASSERT_NE(process, nullptr);
    testing::ArrivalPlayer player(*process, {8, 1}, minutes(1));
    for (const std::uint64_t window : {5ULL, 2ULL, 9ULL}) {
      player.start({1, 2});
      const ArrivalColumns& reused = player.window(window);
      const ArrivalColumns fresh = filled(*process, {1, 2}, window);
      EXPECT_EQ(reused.at_seconds, fresh.at_seconds);
      EXPECT_EQ(reused.input_tokens, fresh.input_tokens);
      EXPECT_EQ(reused.output_tokens, fresh.output_tokens);
      EXPECT_EQ(reused.draws, fresh.draws);
    }
    const bool random = !std::holds_alternative<TraceArrivals>(arrivals) ||
                        std::get<TraceArrivals>(arrivals).repeat == TraceRepeat::bootstrap;
    const ArrivalColumns one = filled(*process, {1, 2}, 4);
    EXPECT_EQ(one.at_seconds != filled(*process, {1, 3}, 4).at_seconds, random);
    EXPECT_EQ(one.at_seconds != filled(*process, {2, 2}, 4).at_seconds, random);
    EXPECT_EQ(one.draws > 0, random);
  }
}

TEST(Arrivals, SyntheticOnesHaveNoTokens) {
  const auto process = made(scenario_with(PoissonArrivals{3.0}));
  const ArrivalColumns columns = filled(*process, {1, 2}, 0);
  EXPECT_FALSE(columns.at_seconds.empty());
  EXPECT_TRUE(columns.input_tokens.empty());
  EXPECT_TRUE(columns.output_tokens.empty());
  EXPECT_TRUE(process->sorted_output_tokens().empty());
  EXPECT_EQ(process->mean_rate_per_second(), 3.0);
}

TEST(Arrivals, ALoopRepeatsTheRecording) {
  const TemporaryFile file(kFiveRows);
  const auto process =
      made(scenario_with(TraceArrivals{.file = file.path(), .repeat = TraceRepeat::loop}));
  ASSERT_NE(process, nullptr);
  EXPECT_DOUBLE_EQ(process->mean_rate_per_second(), 0.1);
  EXPECT_THAT(process->sorted_output_tokens(), ElementsAre(11.0F, 12.0F, 13.0F, 14.0F, 15.0F));

  const ArrivalColumns first = filled(*process, {1, 0}, 0);
  EXPECT_THAT(first.at_seconds, ElementsAre(0, 10, 20, 30, 40, 50));
  EXPECT_THAT(first.input_tokens, ElementsAre(1, 2, 3, 4, 5, 1));
  EXPECT_THAT(first.output_tokens, ElementsAre(11, 15, 13, 12, 14, 11));
  const ArrivalColumns second = filled(*process, {1, 0}, 1);
  EXPECT_THAT(second.at_seconds, ElementsAre(60, 70, 80, 90, 100, 110));
  EXPECT_THAT(second.input_tokens, ElementsAre(2, 3, 4, 5, 1, 2));
  // A window longer than the recording holds several rounds of it.
  EXPECT_EQ(filled(*process, {1, 0}, 3, minutes(10)).at_seconds.size(), 60U);
}

TEST(Arrivals, ABootstrapPlaysStretchesOfTheRecording) {
  const TemporaryFile file(kFiveRows);
  const auto process = made(scenario_with(
      TraceArrivals{.file = file.path(), .repeat = TraceRepeat::bootstrap, .block = seconds(30)}));
  ASSERT_NE(process, nullptr);
  // In a block of 30 s there are three rows, 10 s apart, whose tokens follow one another.
  testing::ArrivalPlayer player(*process, {1, 0}, seconds(30));
  for (std::uint64_t block = 0; block < 200; ++block) {
    const ArrivalColumns& columns = player.next();
    ASSERT_EQ(columns.at_seconds.size(), 3U);
    EXPECT_EQ(columns.draws, 1U);
    for (std::size_t i = 1; i < 3; ++i) {
      EXPECT_NEAR(columns.at_seconds[i] - columns.at_seconds[i - 1], 10.0, 1e-6);
      EXPECT_EQ(static_cast<int>(columns.input_tokens[i]),
                static_cast<int>(columns.input_tokens[i - 1]) % 5 + 1);
    }
  }
}

TEST(Arrivals, BootstrapBlocksDoNotKnowTheWindows) {
  const TemporaryFile file(kFiveRows);
  const auto process = made(scenario_with(
      TraceArrivals{.file = file.path(), .repeat = TraceRepeat::bootstrap, .block = seconds(25)}));
  ASSERT_NE(process, nullptr);
  const ArrivalColumns whole = filled(*process, {1, 0}, 0, hours(1));
  for (const Duration length :
       {Duration(seconds(1)), Duration(seconds(36)), Duration(minutes(4))}) {
    ArrivalColumns pieces;
    testing::ArrivalPlayer player(*process, {1, 0}, length);
    for (std::uint64_t window = 0; window < static_cast<std::uint64_t>(hours(1) / length);
         ++window) {
      const ArrivalColumns& piece = player.next();
      pieces.at_seconds.insert(pieces.at_seconds.end(), piece.at_seconds.begin(),
                               piece.at_seconds.end());
      pieces.input_tokens.insert(pieces.input_tokens.end(), piece.input_tokens.begin(),
                                 piece.input_tokens.end());
    }
    EXPECT_EQ(pieces.at_seconds, whole.at_seconds);
    EXPECT_EQ(pieces.input_tokens, whole.input_tokens);
  }
}

TEST(Arrivals, SayWhatBecomesOfATrace) {
  const TemporaryFile file(
      "at_seconds,input_tokens,output_tokens\n"
      "0,1,1\n90,0,1\n91,0,1\n100,1,1\n237,1,1\n305.5,1,0\n400.25,1,1\n");
  const std::string name = "trace " + file.name() + ": ";
  Scenario scenario = scenario_with(TraceArrivals{.file = file.path()});
  EXPECT_THAT(make_arrivals(scenario).notes,
              ElementsAre(name + "4 rows over 8.89 min (0.0075/s), 3 dropped; 5 min blocks drawn "
                                 "anew in each replication to cover 12 h",
                          name + "dropped 2 rows, the first in line 3: input_tokens is 0",
                          name + "dropped 1 row, the first in line 7: output_tokens is 0"));
  std::get<TraceArrivals>(scenario.traffic.arrivals).repeat = TraceRepeat::loop;
  EXPECT_EQ(make_arrivals(scenario).notes.front(),
            name +
                "4 rows over 8.89 min (0.0075/s), 3 dropped; looped to cover 12 h, the same in "
                "every replication");
  scenario.horizon = minutes(8);
  EXPECT_EQ(make_arrivals(scenario).notes.front(),
            name +
                "4 rows over 8.89 min (0.0075/s), 3 dropped; as long as the horizon of 8 min, so "
                "played once, the same in every replication");
  scenario.horizon = hours(72);
  std::get<TraceArrivals>(scenario.traffic.arrivals) =
      TraceArrivals{.file = file.path(), .repeat = TraceRepeat::bootstrap, .block = hours(1)};
  EXPECT_THAT(make_arrivals(scenario).notes,
              ::testing::Contains(name + "blocks are cut to the length of the recording"));
}

TEST(Arrivals, SayWhenAClockIsCoarse) {
  const TemporaryFile file(
      "at_seconds,input_tokens,output_tokens\n0,1,1\n3,1,1\n3,1,1\n9,1,1\n12,1,1\n");
  const MadeArrivals result = make_arrivals(scenario_with(TraceArrivals{.file = file.path()}));
  EXPECT_THAT(result.notes, ::testing::Contains("trace " + file.name() +
                                                ": times come in ticks of 3 s: bursts below a few "
                                                "ticks are those of the clock"));
}

TEST(Arrivals, FindTracesBesideTheScenario) {
  const TemporaryFile file(kFiveRows);
  Scenario scenario = scenario_with(TraceArrivals{.file = file.name()});
  scenario.directory = file.folder();
  EXPECT_NE(make_arrivals(scenario).process, nullptr);
  scenario.directory = "/no/such/folder";
  EXPECT_EQ(make_arrivals(scenario).process, nullptr);
  std::get<TraceArrivals>(scenario.traffic.arrivals).file = file.path();
  EXPECT_NE(make_arrivals(scenario).process, nullptr) << "an absolute path stays what it is";
}

TEST(Arrivals, ReportABadTrace) {
  const MadeArrivals result =
      make_arrivals(scenario_with(TraceArrivals{.file = "/no/such/trace.csv"}));
  EXPECT_EQ(result.process, nullptr);
  ASSERT_EQ(result.diagnostics.size(), 1U);
  EXPECT_EQ(result.diagnostics[0].path, "traffic.arrivals.trace.file");
  EXPECT_EQ(result.diagnostics[0].file, "/no/such/trace.csv");
  EXPECT_EQ(result.diagnostics[0].message, "no such file");
}

TEST(Arrivals, RefuseBlocksBelowASecond) {
  const TemporaryFile file(kFiveRows);
  const MadeArrivals result =
      make_arrivals(scenario_with(TraceArrivals{.file = file.path(), .block = milliseconds(1)}));
  EXPECT_EQ(result.process, nullptr);
  ASSERT_EQ(result.diagnostics.size(), 1U);
  EXPECT_EQ(result.diagnostics[0].path, "traffic.arrivals.trace.block");
}

}  // namespace
}  // namespace gatewright::sim
