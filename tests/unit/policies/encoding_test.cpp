#include "policies/encoding.h"

#include <algorithm>
#include <bit>
#include <cmath>
#include <limits>

#include <gtest/gtest.h>

#include "policies/plan_encoding.h"
#include "tests/independent/random_worlds.h"
#include "tests/unit/policies/fakes.h"

namespace gatewright {
namespace {

using namespace testing;

constexpr double kNan = std::numeric_limits<double>::quiet_NaN();
constexpr double kInfinity = std::numeric_limits<double>::infinity();
constexpr double kNumbers[] = {0.0,
                               -0.0,
                               1.0,
                               -1.5,
                               0.1,
                               1e300,
                               1e-300,
                               std::numeric_limits<double>::max(),
                               std::numeric_limits<double>::min(),
                               std::numeric_limits<double>::denorm_min(),
                               std::numeric_limits<double>::epsilon(),
                               9007199254740993.0,
                               123456789.123456789,
                               kNan,
                               kInfinity,
                               -kInfinity};

[[nodiscard]] const std::vector<HistogramBin>& bins() {
  static const std::vector<HistogramBin> kBins{
      {0, 1}, {77, std::numeric_limits<std::uint64_t>::max()}, {6401, 3}};
  return kBins;
}

[[nodiscard]] std::vector<Observation> observations() {
  constexpr auto kMost = std::numeric_limits<std::uint64_t>::max();
  std::vector<Event> events{
      Tick{}, ExposureApplied{{.served = 1, .mirrored = 65'535, .interleaved = 10'000}},
      Distributions{.probe = ProbeIndex{1}, .window = 4, .baseline = bins(), .candidate = {}},
      Distributions{.probe = ProbeIndex{1}, .window = 4, .baseline = {}, .candidate = bins()},
      Distributions{.probe = ProbeIndex{1},
                    .window = 4,
                    .baseline = HistogramView(bins()).first(2),
                    .candidate = bins()}};
  for (const auto kind : {OperatorCommand::Kind::pause, OperatorCommand::Kind::resume,
                          OperatorCommand::Kind::halt, OperatorCommand::Kind::approve})
    events.emplace_back(OperatorCommand{kind});
  for (const double number : kNumbers) {
    events.emplace_back(Samples{.probe = ProbeIndex{65'535},
                                .window = kMost,
                                .paired = true,
                                .baseline = {.count = kMost, .sum = number},
                                .candidate = {.sum_of_squares = number}});
    Samples beside{.probe = ProbeIndex{4}, .window = 1};
    beside.covariates = {.baseline = {.sum = number}, .candidate = {.sum_of_products = number}};
    events.emplace_back(beside);
    beside.covariates.reset();
    beside.paired = true;
    beside.sum_of_products = number;
    events.emplace_back(beside);
    events.emplace_back(Readings{.probe = ProbeIndex{2},
                                 .baseline = {.value = number, .status = ReadingStatus::ok},
                                 .candidate = {.value = number, .status = ReadingStatus::error}});
  }
  std::vector<Observation> all;
  for (const Event& event : events)
    for (const Instant when : {Instant{}, Instant::min(), kNever})
      all.push_back({.sequence = kMost - all.size(), .at = when, .event = event});
  return all;
}

[[nodiscard]] Decision extreme_decision() {
  return {.sequence = ~std::uint64_t{0},
          .at = Instant::min(),
          .wake_at = kNever,
          .exposure = {1, 2, 3},
          .action = Action::halt,
          .cause = Cause::stage_timeout,
          .fault = Fault::impossible_proposal,
          .stage = StageIndex{65'535},
          .measure = ~std::uint64_t{0},
          .failing = 1,
          .undecided = 2,
          .silent = std::uint64_t{1} << 63};
}

TEST(Encoding, IsCanonicalJsonWithNamedEnumerators) {
  const Observation observation{
      .sequence = 3,
      .at = at(2s),
      .event = Samples{.probe = ProbeIndex{1},
                       .window = 7,
                       .baseline = {.count = 2, .sum = 0.1, .sum_of_squares = kNan},
                       .candidate = {.count = 1, .sum = -kInfinity, .sum_of_squares = 1e20}}};
  EXPECT_EQ(
      encode(observation),
      R"({"sequence":3,"at":2000000000,"event":{"samples":{"probe":1,"window":7,"paired":false,)"
      R"("baseline":{"count":2,"sum":0.1,"sum_of_squares":"nan"},)"
      R"("candidate":{"count":1,"sum":"-inf","sum_of_squares":1e+20}}}})");
  EXPECT_EQ(encode(Observation{.sequence = 1, .event = Tick{}}),
            R"({"sequence":1,"at":0,"event":{"tick":{}}})");
  EXPECT_EQ(encode(Observation{.event = Distributions{.baseline = HistogramView(bins()).last(1)}}),
            R"({"sequence":0,"at":0,"event":{"distributions":{"probe":0,"window":0,)"
            R"("baseline":[[6401,3]],"candidate":[]}}})");
  EXPECT_EQ(
      encode(Decision{.sequence = 1}),
      R"({"sequence":1,"at":0,"wake_at":9223372036854775807,)"
      R"("exposure":{"served":0,"mirrored":0,"interleaved":0},"action":"hold","cause":"none",)"
      R"("fault":"none","stage":0,"measure":0,"failing":0,"undecided":0,"silent":0})");
}

// A journal of before there were covariates and pairs reads as it always did, and is written so.
TEST(Encoding, WritesTheSumsBesideOnlyWhereThereAreAny) {
  Samples told{.probe = ProbeIndex{1}, .window = 7};
  const std::string bare = encode(Observation{.sequence = 1, .event = told});
  EXPECT_EQ(bare.find("covariates"), std::string::npos);
  EXPECT_EQ(bare.find("sum_of_products"), std::string::npos);
  told.covariates = {.baseline = {1.0, 2.0, 3.0}, .candidate = {4.0, 5.0, 6.0}};
  told.sum_of_products = 0.0;
  const std::string whole = encode(Observation{.sequence = 1, .event = told});
  EXPECT_EQ(whole.substr(bare.size() - 3),
            R"(,"covariates":{"baseline":{"sum":1,"sum_of_squares":2,"sum_of_products":3},)"
            R"("candidate":{"sum":4,"sum_of_squares":5,"sum_of_products":6}},)"
            R"("sum_of_products":0}}})");
}

TEST(Encoding, ObservationsSurviveTheRoundTrip) {
  for (const Observation& observation : observations()) {
    const std::string text = encode(observation);
    auto decoded = decode_observation(text);
    const auto* owned = std::get_if<OwnedObservation>(&decoded);
    ASSERT_NE(owned, nullptr) << text << '\n' << std::get<DecodeError>(decoded).message;
    EXPECT_EQ(encode(owned->observation), text);
    const OwnedObservation moved = std::get<OwnedObservation>(std::move(decoded));
    EXPECT_EQ(encode(moved.observation), text) << "histograms stay in place when moved";
  }
}

TEST(Encoding, NumbersSurviveToTheLastBit) {
  gatewright::testing::Random random(11, 0);
  for (int i = 0; i < 20'000; ++i) {
    const double number = std::bit_cast<double>(random.bits());
    const Observation observation{.event = Readings{.candidate = {.value = number}}};
    const auto decoded = decode_observation(encode(observation));
    const auto& readings =
        std::get<Readings>(std::get<OwnedObservation>(decoded).observation.event);
    if (std::isnan(number))
      EXPECT_TRUE(std::isnan(readings.candidate.value));
    else
      ASSERT_EQ(std::bit_cast<std::uint64_t>(readings.candidate.value),
                std::bit_cast<std::uint64_t>(number));
  }
}

TEST(Encoding, DecisionsSurviveTheRoundTrip) {
  Decision decision = extreme_decision();
  EXPECT_EQ(std::get<Decision>(decode_decision(encode(decision))), decision);
  for (int cause = 0; cause <= static_cast<int>(Cause::rollout_ended); ++cause) {
    decision.cause = static_cast<Cause>(cause);
    EXPECT_EQ(std::get<Decision>(decode_decision(encode(decision))), decision);
  }
  for (int fault = 0; fault <= static_cast<int>(Fault::impossible_proposal); ++fault) {
    decision.fault = static_cast<Fault>(fault);
    EXPECT_EQ(std::get<Decision>(decode_decision(encode(decision))), decision);
  }
}

/// A state in the middle of things.
[[nodiscard]] Driver played() {
  Driver driver(*compile(example_plan()).engine);
  driver.confirm(0s);
  driver.tell(at(5min), samples(0, 0, 0.5, 0.25));
  driver.command(6min, OperatorCommand::Kind::approve);
  return driver;
}

TEST(Encoding, StatesSurviveTheRoundTrip) {
  Driver driver = played();
  for (const double number : kNumbers) {
    driver.state.memory.back() = number;
    const std::string text = encode(driver.state);
    const auto decoded = decode_state(text, driver.engine);
    ASSERT_TRUE(std::holds_alternative<RolloutState>(decoded))
        << std::get<DecodeError>(decoded).message;
    EXPECT_EQ(digest(std::get<RolloutState>(decoded)), digest(driver.state));
    EXPECT_EQ(encode(std::get<RolloutState>(decoded)), text);
  }
}

TEST(Encoding, AStateThatDoesNotFitTheEngineIsRefusedWhereItDoesNotFit) {
  const Driver driver = played();
  const auto refused = [&](std::string_view field, auto change) {
    RolloutState state = driver.state;
    change(state);
    const std::string text = encode(state);
    const auto decoded = decode_state(text, driver.engine);
    ASSERT_TRUE(std::holds_alternative<DecodeError>(decoded)) << field;
    const std::string name = '"' + std::string(field) + "\":";
    EXPECT_EQ(std::get<DecodeError>(decoded).offset, text.find(name) + name.size()) << field;
  };
  refused("plan_digest", [](RolloutState& s) { ++s.plan_digest; });
  refused("stage", [](RolloutState& s) { s.stage = StageIndex{4}; });
  refused("windows", [](RolloutState& s) { s.windows.pop_back(); });
  refused("memory", [](RolloutState& s) { s.memory.push_back(0.0); });
  refused("at", [](RolloutState& s) { s.started_at = after(s.at, 1ns); });
  refused("at", [](RolloutState& s) { s.at = kNever; });
  refused("stage_entered_at", [](RolloutState& s) { s.stage_entered_at = after(s.at, 1ns); });
  refused("applied", [](RolloutState& s) { s.applied.served = 10'001; });
  refused("target", [](RolloutState& s) { s.target.served += 1; });
  refused("target", [](RolloutState& s) { s.phase = Phase::halted; });

  std::string text = encode(driver.state);
  text.replace(0, std::string_view("{\"format\":1").size(), "{\"format\":2");
  const auto decoded = decode_state(text, driver.engine);
  EXPECT_EQ(std::get<DecodeError>(decoded).message, "expected format 1");
  EXPECT_EQ(std::get<DecodeError>(decoded).offset, 10U);
}

TEST(Encoding, PlansSurviveTheRoundTrip) {
  PlanSpec plan = example_plan();
  plan.about = "quotes \" and \\ and\nlines\t\x01 and \xc3\xa9";
  plan.stages[1].timeout = 3h;
  plan.stages[1].advance_when = AdvanceWhen::safety_shown;
  plan.gates[0].window = 7min;
  plan.gates[0].segment = "premium";
  plan.sample_ratio = SampleRatioSpec{.false_alarm = 0.01};
  plan.gates[0].test.parameters = {{"a", true},
                                   {"b", 0.25},
                                   {"c", Duration(5min)},
                                   {"d", std::string("nan")},
                                   {"e", std::vector<double>{0.1, kInfinity}},
                                   {"f", std::vector<double>{}}};
  const std::string text = encode(plan);
  const auto decoded = decode_plan(text);
  ASSERT_TRUE(std::holds_alternative<PlanSpec>(decoded)) << std::get<DecodeError>(decoded).message;
  EXPECT_EQ(encode(std::get<PlanSpec>(decoded)), text);
  EXPECT_EQ(plan_digest(std::get<PlanSpec>(decoded)), plan_digest(plan));
  EXPECT_EQ(std::get<PlanSpec>(decoded).about, plan.about);
  EXPECT_EQ(text.find('\n'), std::string::npos);
}

TEST(Encoding, NothingIsAcceptedThatWouldNotBeWritten) {
  const auto refused = [](std::string_view text) {
    const auto decoded = decode_observation(text);
    EXPECT_TRUE(std::holds_alternative<DecodeError>(decoded)) << text;
  };
  const auto tick = [](std::string_view sequence, std::string_view when) {
    return "{\"sequence\":" + std::string(sequence) + ",\"at\":" + std::string(when) +
           ",\"event\":{\"tick\":{}}}";
  };
  ASSERT_TRUE(std::holds_alternative<OwnedObservation>(decode_observation(tick("1", "-2"))));
  refused("");
  refused("{}");
  refused(tick("01", "0"));
  refused(tick("-1", "0"));
  refused(tick("+1", "0"));
  refused(tick("1.0", "0"));
  refused(tick("1e3", "0"));
  refused(tick("18446744073709551616", "0"));
  refused(tick("1", "-0"));
  refused(tick("1", "9223372036854775808"));
  refused(tick("\"1\"", "0"));
  refused(tick("1", "0") + " ");
  refused(" " + tick("1", "0"));
  refused(R"({"at":0,"sequence":1,"event":{"tick":{}}})");
  refused(R"({"sequence":1,"at":0,"event":{"tock":{}}})");
  refused(R"({"sequence":1,"at":0,"event":{"tick":{},"tick":{}}})");
  refused(R"({"sequence":1,"at":0,"event":{}})");
  refused(R"({"sequence":1,"at":0,"event":{"operator_command":{"kind":"stop"}}})");
  for (const std::string number :
       {"1.0", "0.10", "1e20", "nan", "inf", "\"NaN\"", "1e999", ".5", "0x1p3"})
    refused(
        R"({"sequence":1,"at":0,"event":{"readings":{"probe":0,"window":0,"baseline":{"value":)" +
        number + R"(,"count":0,"status":"ok"},"candidate":{"value":0,"count":0,"status":"ok"}}}})");
}

TEST(Encoding, TextsAreEscapedInOneWayOnly) {
  PlanSpec plan;
  plan.name = "N";
  const std::string text = encode(plan);
  const std::size_t place = text.find("\"N\"");
  const auto accepts = [&](std::string_view name) {
    std::string changed = text;
    changed.replace(place, 3, name);
    const auto decoded = decode_plan(changed);
    const bool accepted = std::holds_alternative<PlanSpec>(decoded);
    if (accepted) {
      EXPECT_EQ(encode(std::get<PlanSpec>(decoded)), changed);
    }
    return accepted;
  };
  EXPECT_TRUE(accepts(R"("\"\\\b\f\n\r\t\u0001\u001f")"));
  for (const char* wrong : {R"("\u0041")", R"("\u000a")", R"("\/")", R"("\u001F")", R"("\x")",
                            R"("\u00)", R"("\)", "\"\n\"", "\"open"})
    EXPECT_FALSE(accepts(wrong)) << wrong;
}

/// Whatever is accepted is what would have been written; nothing crashes.
template <class Decode, class Encode>
void expect_strict(const std::string& text, Decode decode, Encode encode_again) {
  for (std::size_t length = 0; length < text.size(); ++length)
    EXPECT_FALSE(decode(text.substr(0, length)).has_value()) << length;
  gatewright::testing::Random random(5, 0);
  const std::string_view alphabet = "0123456789-+.eE\"{}[]:,\\ntfu \x01\xff";
  for (int round = 0; round < 20'000; ++round) {
    std::string garbled = text;
    for (std::uint64_t edits = random.bits() % 3 + 1; edits > 0; --edits) {
      const std::size_t place = random.bits() % garbled.size();
      switch (random.bits() % 4) {
        case 0:
          garbled[place] = alphabet[random.bits() % alphabet.size()];
          break;
        case 1:
          garbled.erase(place, random.bits() % 4 + 1);
          break;
        case 2:
          garbled.insert(place, 1, alphabet[random.bits() % alphabet.size()]);
          break;
        default:
          garbled.insert(place, garbled.substr(random.bits() % garbled.size(), random.bits() % 9));
          break;
      }
      if (garbled.empty()) garbled += '{';
    }
    if (const auto value = decode(garbled)) {
      EXPECT_EQ(encode_again(*value), garbled);
    }
  }
}

template <class Value>
[[nodiscard]] auto to_optional(std::variant<Value, DecodeError> decoded) {
  auto* value = std::get_if<Value>(&decoded);
  return value != nullptr ? std::optional<Value>(std::move(*value)) : std::nullopt;
}

TEST(Encoding, TruncatedAndGarbledLinesAreRefused) {
  const auto all = observations();
  for (const std::size_t index : {0U, 3U, 12U, 30U, 33U})
    expect_strict(
        encode(all[index]),
        [](std::string_view text) { return to_optional(decode_observation(text)); },
        [](const OwnedObservation& owned) { return encode(owned.observation); });
  expect_strict(
      encode(extreme_decision()),
      [](std::string_view text) { return to_optional(decode_decision(text)); },
      [](const Decision& decision) { return encode(decision); });
  const Driver driver = played();
  expect_strict(
      encode(driver.state),
      [&](std::string_view text) { return to_optional(decode_state(text, driver.engine)); },
      [](const RolloutState& state) { return encode(state); });
  expect_strict(
      encode(example_plan()), [](std::string_view text) { return to_optional(decode_plan(text)); },
      [](const PlanSpec& plan) { return encode(plan); });
}

TEST(Encoding, ErrorsSayWhereAndWhatWasExpected) {
  const auto decoded = decode_observation(R"({"sequence":1,"when":0,"event":{"tick":{}}})");
  const DecodeError& error = std::get<DecodeError>(decoded);
  EXPECT_EQ(error.offset, 15U);
  EXPECT_EQ(error.message, "expected at");
}

}  // namespace
}  // namespace gatewright
