#include "sim/event_queue.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <array>
#include <cstdint>
#include <vector>

namespace gatewright::sim {
namespace {

constexpr std::array kPhases = {EventPhase::telemetry, EventPhase::operators, EventPhase::engine,
                                EventPhase::actuation};

ScheduledEvent event(std::int64_t nanoseconds, EventPhase phase) {
  return {.at = Instant(Duration(nanoseconds)), .phase = phase};
}

TEST(EventQueue, AtOneInstantEveryPairOfPhasesComesInTheOrderOfPhases) {
  for (std::size_t a = 0; a < kPhases.size(); ++a) {
    for (std::size_t b = 0; b < kPhases.size(); ++b) {
      EventQueue queue;
      queue.push(event(5, kPhases[a]));
      queue.push(event(5, kPhases[b]));
      const EventPhase first = queue.pop().phase;
      EXPECT_EQ(first, kPhases[std::min(a, b)]) << a << " " << b;
      EXPECT_EQ(queue.pop().phase, kPhases[std::max(a, b)]) << a << " " << b;
    }
  }
}

TEST(EventQueue, TimeGoesBeforePhaseAndPhaseBeforeSequence) {
  EXPECT_TRUE(earlier(event(4, EventPhase::actuation), event(5, EventPhase::telemetry)));
  ScheduledEvent late = event(5, EventPhase::engine);
  ScheduledEvent soon = event(5, EventPhase::telemetry);
  late.sequence = 1;
  soon.sequence = 2;
  EXPECT_TRUE(earlier(soon, late));
  late.phase = EventPhase::telemetry;
  EXPECT_TRUE(earlier(late, soon));
  EXPECT_FALSE(earlier(late, late));
}

TEST(EventQueue, PopsAnyMixtureInOrderAndEqualOnesAsTheyWerePushed) {
  EventQueue queue;
  std::vector<ScheduledEvent> pushed;
  std::uint64_t hash = 1;
  for (std::uint64_t i = 0; i < 2'000; ++i) {
    hash = hash * 6364136223846793005ULL + 1442695040888963407ULL;
    ScheduledEvent one =
        event(static_cast<std::int64_t>(hash >> 60), kPhases[(hash >> 40) % kPhases.size()]);
    one.number = i;
    queue.push(one);
    one.sequence = i;
    pushed.push_back(one);
  }
  std::sort(pushed.begin(), pushed.end(), earlier);
  for (const ScheduledEvent& expected : pushed) {
    EXPECT_EQ(queue.front().number, expected.number);
    EXPECT_EQ(queue.pop().number, expected.number);
  }
  EXPECT_TRUE(queue.empty());
}

}  // namespace
}  // namespace gatewright::sim
