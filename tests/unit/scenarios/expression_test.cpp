// The short form of a gate; what it refuses, word by word, is in tests/tables/bad_input.
#include "scenarios/expression.h"

#include <gtest/gtest.h>

namespace gatewright::scenarios {
namespace {

using Kind = HarmSpec::Kind;
using Relation = HarmSpec::Relation;

Expression parsed(std::string_view text) {
  auto result = parse_expression(text);
  if (const auto* error = std::get_if<ExpressionError>(&result)) {
    ADD_FAILURE() << text << ": " << error->message;
    return {};
  }
  return std::get<Expression>(result);
}

struct Case {
  std::string_view text;
  Kind kind;
  double probability;
  Relation relation;
  Direction direction;
  double margin;
};

TEST(Expression, SaysWhichHarmItMeans) {
  const Case cases[] = {
      {"p99(latency) <= 1.5x baseline", Kind::quantile, 0.99, Relation::ratio, Direction::up, 1.5},
      {"mean(cost) <= 1.2x baseline", Kind::mean, 0.0, Relation::ratio, Direction::up, 1.2},
      {"mean(cost)<=1.2x baseline", Kind::mean, 0.0, Relation::ratio, Direction::up, 1.2},
      {"  mean ( cost )  <=  1.2x   baseline ", Kind::mean, 0.0, Relation::ratio, Direction::up,
       1.2},
      {"rate(error) <= 2%", Kind::mean, 0.0, Relation::absolute, Direction::up, 0.02},
      {"p95(latency) <= 5s", Kind::quantile, 0.95, Relation::absolute, Direction::up, 5.0},
      {"p99.9(ttft) <= 350ms", Kind::quantile, 0.999, Relation::absolute, Direction::up, 0.35},
      {"rate(error) <= baseline + 0.5pp", Kind::mean, 0.0, Relation::difference, Direction::up,
       0.005},
      {"mean(quality) >= baseline - 3pp", Kind::mean, 0.0, Relation::difference, Direction::down,
       -0.03},
      {"rate(thumbs_up) >= baseline", Kind::mean, 0.0, Relation::ratio, Direction::down, 1.0},
      {"mean(quality) >= 0.6", Kind::mean, 0.0, Relation::absolute, Direction::down, 0.6},
      {"mean(cost) <= $0.001", Kind::mean, 0.0, Relation::absolute, Direction::up, 0.001},
      {"mean(output_tokens) <= baseline + 20 tokens", Kind::mean, 0.0, Relation::difference,
       Direction::up, 20.0},
      {"p50(output_tokens) >= 0.5x baseline", Kind::quantile, 0.5, Relation::ratio, Direction::down,
       0.5},
  };
  for (const Case& expected : cases) {
    const HarmSpec harm = parsed(expected.text).harm;
    EXPECT_EQ(harm.kind, expected.kind) << expected.text;
    EXPECT_EQ(harm.probability, expected.probability) << expected.text;
    EXPECT_EQ(harm.relation, expected.relation) << expected.text;
    EXPECT_EQ(harm.direction, expected.direction) << expected.text;
    EXPECT_EQ(harm.margin, expected.margin) << expected.text;
  }
}

TEST(Expression, ErrorsPointToTheWordThatIsWrong) {
  const std::pair<std::string_view, std::size_t> cases[] = {
      {"median(cost) <= 1x baseline", 0},
      {"mean cost", 5},
      {"mean(price) <= $1", 5},
      {"mean(cost <= $1", 10},
      {"mean(cost) = $1", 11},
      {"mean(cost) <= ", 14},
      {"mean(cost) <= 1.2x", 14},
      {"mean(cost) <= baseline * 2", 23},
      {"mean(cost) <= baseline + 10", 25},
      {"", 0},
      {"mean", 4},
  };
  for (const auto& [text, offset] : cases) {
    const auto result = parse_expression(text);
    ASSERT_TRUE(std::holds_alternative<ExpressionError>(result)) << text;
    EXPECT_EQ(std::get<ExpressionError>(result).offset, offset)
        << text << ": " << std::get<ExpressionError>(result).message;
  }
}

TEST(Expression, BoundsSurviveWritingAndReading) {
  const MetricInfo& latency = *find_metric("latency");
  for (const Relation relation : {Relation::ratio, Relation::difference, Relation::absolute})
    for (const Direction direction : {Direction::up, Direction::down}) {
      HarmSpec harm{
          .kind = Kind::quantile, .probability = 0.9, .relation = relation, .direction = direction};
      harm.margin = relation == Relation::difference && direction == Direction::down ? -0.2 : 1.75;
      HarmSpec read{.kind = Kind::quantile, .probability = 0.9, .direction = direction};
      const std::string text = format_bound(latency, harm);
      EXPECT_FALSE(parse_bound(text, latency, read)) << text;
      EXPECT_EQ(read.relation, relation) << text;
      EXPECT_EQ(read.margin, harm.margin) << text;
    }
}

TEST(Expression, PercentilesAreWrittenAsPeopleSayThem) {
  EXPECT_EQ(parse_percentile("p50"), 0.5);
  EXPECT_EQ(parse_percentile("p99.9"), 0.999);
  EXPECT_EQ(parse_percentile("p5"), 0.05);
  for (const char* text : {"p0", "p100", "p999", "p", "50", "p-5", "p5e1", "q50", "p50x"})
    EXPECT_FALSE(parse_percentile(text)) << text;
  EXPECT_EQ(format_percentile(0.999), "p99.9");
}

}  // namespace
}  // namespace gatewright::scenarios
