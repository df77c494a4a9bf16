#include "analysis/report.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <nlohmann/json.hpp>

#include <algorithm>
#include <sstream>

#include "analysis/layout.h"
#include "tests/unit/analysis/records.h"

namespace gatewright::analysis {
namespace {

using ::testing::HasSubstr;
using ::testing::Not;
using testing::paper_contender;
using testing::PaperRuns;

ReportContext context() {
  return {.scenario = "paper_world",
          .sentence = "A candidate with cost +25% meets 40 requests/s from 20,000 users.",
          .notes = {"trace: 14,176 rows over 40 min, looped"},
          .fidelity = "requests",
          .seed = 7,
          .repro = "gatewright run paper.yaml --seed 7 --runs 10",
          .colour = false,
          .unicode = true};
}

std::vector<OperatingCharacteristics> results() {
  const PaperRuns runs;
  return {operating_characteristics(
      {.as_written = runs.as_written, .healthy_twin = runs.healthy_twin}, paper_contender(), 0.95)};
}

std::vector<std::string> lines_of(const std::string& text) {
  std::vector<std::string> lines;
  std::istringstream in(text);
  for (std::string line; std::getline(in, line);) lines.push_back(line);
  return lines;
}

TEST(TextReport, FitsThePage) {
  for (const std::string& line : lines_of(text(context(), results()))) {
    EXPECT_LE(width(line), kPageWidth) << line;
    EXPECT_FALSE(line.ends_with(' ')) << line;
  }
}

TEST(TextReport, SaysEverythingThatIsPromised) {
  const std::string page = text(context(), results());
  for (const char* part : {"paper_world",
                           "cost +25%",
                           "looped",
                           "detection probability",
                           "80.0%",
                           "halted at shadow",
                           "halted at 1%",
                           "cost, latency",
                           "false-alarm rate",
                           "10.0%",
                           "completed",
                           "unfinished",
                           "detection delay, median",
                           "of 8 halts",
                           "95th percentile",
                           "time to complete, median",
                           "user-impact minutes",
                           "bad user-minutes",
                           "impacted requests",
                           "excess cost",
                           "shadow cost",
                           "95% interval",
                           "10 runs",
                           "seed 7",
                           "fidelity requests",
                           "fingerprint",
                           "repro: gatewright"})
    EXPECT_THAT(page, HasSubstr(part));
}

TEST(TextReport, StagesInWhichNothingHappenedAreLeftOut) {
  EXPECT_THAT(text(context(), results()), Not(HasSubstr("halted at 100%")));
}

TEST(TextReport, AHealthyScenarioHasNoDetection) {
  const PaperRuns runs;
  const std::string page =
      text(context(), {operating_characteristics(
                          {.as_written = runs.healthy_twin, .healthy_twin = {}, .harmful = false},
                          paper_contender(), 0.95)});
  EXPECT_THAT(page, Not(HasSubstr("detection")));
  EXPECT_THAT(page, Not(HasSubstr("user-impact")));
  EXPECT_THAT(page, HasSubstr("false-alarm rate"));
}

TEST(TextReport, PlainTerminalsGetPlainText) {
  ReportContext plain = context();
  plain.unicode = false;
  const std::string page = text(plain, results());
  EXPECT_TRUE(std::ranges::all_of(page, [](char c) { return c == '\n' || (c >= ' ' && c < 127); }));
  ReportContext colourful = context();
  colourful.colour = true;
  EXPECT_THAT(text(colourful, results()), HasSubstr("\x1b["));
}

TEST(TextReport, BrokenInvariantsAreLoud) {
  auto broken = results();
  broken.front().violations = 3;
  EXPECT_THAT(text(context(), broken), HasSubstr("3 broken invariants"));
}

TEST(TextReport, LongNamesDoNotBreakThePage) {
  PaperRuns runs;
  auto contender = paper_contender({"a_gate_whose_name_is_longer_than_its_column", "b"});
  contender.name = std::string(200, 'x');
  const auto found = operating_characteristics(
      {.as_written = runs.as_written, .healthy_twin = runs.healthy_twin}, contender, 0.95);
  for (const std::string& line : lines_of(text(context(), {found})))
    EXPECT_LE(width(line), kPageWidth) << line;
}

TEST(JsonReport, NamesAreColumns) {
  const auto whole = nlohmann::json::parse(json(context(), results()));
  EXPECT_EQ(whole["scenario"], "paper_world");
  EXPECT_EQ(whole["seed"], 7);
  const auto& columns = whole["policies"][0]["columns"];
  EXPECT_DOUBLE_EQ(columns["detection_probability"]["value"], 0.8);
  EXPECT_EQ(columns["detection_probability"]["method"], "clopper_pearson");
  EXPECT_EQ(columns["halted_at_stage.1%"]["runs"], 10);
  EXPECT_EQ(columns.size(), results().front().columns.size());
}

TEST(JsonReport, WhatIsNoNumberIsNull) {
  const auto found = operating_characteristics({}, paper_contender(), 0.95);
  const auto whole = nlohmann::json::parse(json(context(), {found}));
  const auto& delay = whole["policies"][0]["columns"]["detection_delay_minutes_p95"];
  EXPECT_TRUE(delay["value"].is_null());
  EXPECT_TRUE(delay["upper"].is_null());
}

TEST(JsonReport, NumbersKeepEveryBit) {
  const auto found = results().front();
  const auto whole = nlohmann::json::parse(json(context(), {found}));
  for (const Column& column : found.columns)
    if (column.estimate.runs > 1) {
      EXPECT_EQ(whole["policies"][0]["columns"][column.name]["value"].get<double>(),
                column.estimate.value)
          << column.name;
    }
}

/// Fields of one line without quotes in it.
std::vector<std::string> fields_of(const std::string& line) {
  std::vector<std::string> fields(1);
  for (const char c : line)
    if (c == ',')
      fields.emplace_back();
    else
      fields.back() += c;
  return fields;
}

TEST(CsvReport, HasOneRowPerPolicyAndLimitsBesideEachColumn) {
  auto two = results();
  two.push_back(two.front());
  two.back().policy = "says \"no\", often";
  const auto lines = lines_of(csv(context(), two));
  ASSERT_EQ(lines.size(), 3U);
  const auto head = fields_of(lines[0]);
  const auto row = fields_of(lines[1]);
  ASSERT_EQ(head.size(), row.size());
  const auto place = std::ranges::find(head, "detection_probability") - head.begin();
  EXPECT_EQ(head.at(static_cast<std::size_t>(place) + 1), "detection_probability_lower");
  EXPECT_EQ(row.at(static_cast<std::size_t>(place)), "0.8");
  EXPECT_THAT(lines[2], HasSubstr("\"says \"\"no\"\", often\""));
}

TEST(CsvReport, PoliciesWithOtherGatesLeaveColumnsEmpty) {
  const PaperRuns runs;
  auto both = results();
  both.push_back(
      operating_characteristics({.as_written = runs.as_written, .healthy_twin = runs.healthy_twin},
                                paper_contender({"cost", "quality"}), 0.95));
  const auto lines = lines_of(csv(context(), both));
  const auto head = fields_of(lines[0]);
  const auto place =
      static_cast<std::size_t>(std::ranges::find(head, "halted_by_gate.quality") - head.begin());
  EXPECT_EQ(fields_of(lines[1]).at(place), "");
  EXPECT_NE(fields_of(lines[2]).at(place), "");
}

JudgedExpectation judged(Judgement judgement) {
  JudgedExpectation one;
  one.policy = "paper";
  one.expectation.path = "expect.as_written.detection_probability";
  one.expectation.column = "detection_probability";
  one.expectation.at_least = 0.98;
  one.expectation.unit = "%";
  one.expectation.file = "paper.yaml";
  one.expectation.line = 42;
  one.estimate = share(390, 400, 0.99);
  one.judgement = judgement;
  return one;
}

TEST(Junit, CountsAndEscapes) {
  const CheckedScenario played{.file = "a&b.yaml",
                               .name = "less < more",
                               .seconds = 1.5,
                               .seed = 7,
                               .runs = 400,
                               .judged = {judged(Judgement::holds), judged(Judgement::violated),
                                          judged(Judgement::undecided)},
                               .error = "",
                               .skipped = ""};
  const CheckedScenario broken{.file = "b.yaml", .name = "b", .error = "line 1: \x01 <bad>"};
  const std::string xml = junit({played, broken});
  EXPECT_THAT(xml,
              HasSubstr("tests=\"4\" failures=\"1\" errors=\"1\" skipped=\"1\" time=\"1.500\""));
  EXPECT_THAT(xml, HasSubstr("name=\"less &lt; more\""));
  EXPECT_THAT(xml, HasSubstr("file=\"a&amp;b.yaml\""));
  EXPECT_THAT(xml, HasSubstr("line 1: ? &lt;bad"));
  EXPECT_THAT(xml,
              HasSubstr("<failure type=\"violated\" message=\"expected detection_probability at "
                        "least 98%, got 97.5% ["));
  EXPECT_THAT(xml, HasSubstr("line=\"42\""));
}

TEST(ClaimText, ReadsLikeASentence) {
  Expectation delay;
  delay.column = "detection_delay_minutes";
  delay.quantile = 0.95;
  delay.at_most = 80.0;
  delay.unit = "min";
  EXPECT_EQ(claim_text(delay), "detection_delay_minutes (95%) at most 80 min");
  Expectation stage;
  stage.column = "halted_at_stage";
  stage.sum_of = {"shadow", "1%", "10%"};
  stage.at_least = 0.98;
  stage.at_most = 0.999;
  stage.unit = "%";
  EXPECT_EQ(claim_text(stage), "halted_at_stage up to 10% at least 98% and at most 99.9%");
  EXPECT_EQ(finding_text({.policy = {}, .expectation = stage, .estimate = {}}),
            "no run bears on it");
}

}  // namespace
}  // namespace gatewright::analysis
