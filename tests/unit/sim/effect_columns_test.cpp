// A chunk's effects at once are those of its requests one by one, to the bit.
#include <algorithm>
#include <array>
#include <memory>
#include <vector>

#include <gtest/gtest.h>

#include "sim/effects/effect_table.h"
#include "sim/streams.h"
#include "tests/support/worlds.h"

namespace gatewright::sim {
namespace {

using namespace testing;

const std::vector<Segment>& segments() {
  static const std::vector<Segment> kSegments{{"free", 0.8}, {"premium", 0.2}};
  return kSegments;
}

Duration some_time(Stream& stream, double most_seconds) {
  return std::chrono::round<Duration>(
      std::chrono::duration<double>(most_seconds * stream.uniform()));
}

/// Of any shape, clock, arms and conditions, on one of two metrics; often within the first minutes.
Effect some_effect(Stream& stream) {
  const auto maybe = [&stream](double probability) { return stream.uniform() < probability; };
  Effect effect = testing::effect(maybe(0.5) ? "latency" : "error", 3.0 * stream.uniform(),
                                  stream.uniform() - 0.5);
  effect.from = some_time(stream, 200.0);
  if (maybe(0.5)) effect.ramp_in = some_time(stream, 200.0);
  effect.grows_on = maybe(0.3);
  if (maybe(0.5)) effect.lasts = some_time(stream, 100.0);
  if (effect.lasts && maybe(0.5)) effect.fade = some_time(stream, 100.0);
  if (maybe(0.3)) effect.periodic = {.period = 7s, .on = some_time(stream, 6.0)};
  if (maybe(0.3)) effect.since = EffectClock::first_exposure;
  if (effect.since == EffectClock::start && maybe(0.3)) {
    effect.since = EffectClock::served;
    effect.since_served = 0.05;
  }
  if (maybe(0.2)) effect.above_served = 0.5;
  if (maybe(0.3)) effect.segment = "premium";
  if (maybe(0.2)) effect.tenant = 2;
  if (maybe(0.2)) effect.above_input_tokens = 400.0;
  if (maybe(0.3)) effect.arms = EffectArms::both;
  return effect;
}

ExposureSegment exposed_from(Duration from, std::uint16_t served) {
  return {Instant{} + from, std::chrono::duration<double>(from).count(), {.served = served}};
}

TEST(EffectColumns, HoldTheMapOfEachRequestToTheBit) {
  // 400 tables of up to four random effects, each over a chunk of random times of some length; steps,
  // ramps and changes of exposure fall into about half of them.
  const std::vector<ExposureSegment> ramp = {exposed_from(0s, 0), exposed_from(40s, 500),
                                             exposed_from(90s, 6'000), exposed_from(130s, 1'000)};
  const ExposureHistory history(ramp);
  Stream stream({1, 0, "test.effects", 0});
  const auto columns = std::make_unique<Columns>();
  const auto maps = std::make_unique<AffineColumns>();
  std::size_t alike = 0;
  std::size_t varying = 0;
  for (int table = 0; table < 400; ++table) {
    std::vector<Effect> effects;
    do effects.push_back(some_effect(stream));
    while (effects.size() < 4 && stream.uniform() < 0.6);
    const EffectTable made(effects, segments());

    std::vector<double> times(1 + static_cast<std::size_t>(stream.uniform() * 300.0));
    const double from = 300.0 * stream.uniform();
    const double lasts = 60.0 * stream.uniform();
    for (double& at : times) at = from + lasts * stream.uniform();
    std::ranges::sort(times);
    columns->size = times.size();
    columns->at_seconds = times.data();
    for (std::size_t i = 0; i < times.size(); ++i) {
      columns->segment[i] = stream.uniform() < 0.8 ? 0 : 1;
      columns->tenant[i] = stream.uniform() < 0.5 ? 1 : 2;
      columns->input_tokens[i] = static_cast<float>(800.0 * stream.uniform());
    }
    Column<Conditions> holding{};
    made.find_conditions(*columns, holding);
    const EffectRows rows{times, holding.data()};

    for (const std::size_t arm : {kBaselineArm, kCandidateArm})
      for (const WorldMetric metric : {WorldMetric::latency, WorldMetric::error}) {
        made.fill(arm, metric, rows, history, *maps);
        const bool is_alike = made.is_alike(arm, metric, times.front(), times.back(), history);
        ++(is_alike ? alike : varying);
        for (std::size_t i = 0; i < times.size(); ++i) {
          ASSERT_EQ((*maps)[i], made.at(arm, metric, times[i], holding[i], history)) << table;
          ASSERT_TRUE(!is_alike || (*maps)[i] == (*maps)[0]) << table;
        }
      }
    Column<std::uint8_t> harmed;
    made.fill_harms(rows, history, harmed.data());
    for (std::size_t i = 0; i < times.size(); ++i)
      ASSERT_EQ(harmed[i] != 0, made.harms(times[i], holding[i], history)) << table;
  }
  EXPECT_GT(alike, 200U);
  EXPECT_GT(varying, 200U);
}

TEST(EffectColumns, ConditionsHoldWhereTheRequestIsAsTheySay) {
  std::vector<Effect> effects(3, effect("latency", 2.0));
  effects[0].segment = "premium";
  effects[1].segment = "premium";
  effects[1].tenant = 2;
  effects[2].above_input_tokens = 100.0;
  const EffectTable table(effects, segments());
  const auto columns = std::make_unique<Columns>();
  columns->size = 4;
  columns->segment = {1, 1, 0, 1};
  columns->tenant = {1, 2, 2, 2};
  columns->input_tokens = {99.0F, 100.0F, 101.0F, 5.0F};
  Column<Conditions> holding{};
  table.find_conditions(*columns, holding);
  EXPECT_EQ(holding[0], 0b001U);
  EXPECT_EQ(holding[1], 0b111U);
  EXPECT_EQ(holding[2], 0b100U);
  EXPECT_EQ(holding[3], 0b011U);
}

}  // namespace
}  // namespace gatewright::sim
