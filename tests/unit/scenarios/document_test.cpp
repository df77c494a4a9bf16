// Trees: places, limits, paths, writing. Refusals, word by word, are in tests/tables/bad_input.
#include "scenarios/document.h"

#include <gtest/gtest.h>
#include <rapidcheck.h>

#include <filesystem>

namespace gatewright::scenarios {
namespace {

Document parsed(std::string_view text) {
  ReadDocument read = parse_document(text, "x.yaml");
  EXPECT_TRUE(read.diagnostics.empty()) << text << "\n" << read.diagnostics.front().message;
  return std::move(read.document);
}

/// Equal but for places and for quotes around a text.
bool same(const Node& a, const Node& b) {
  if (a.kind != b.kind || a.scalar != b.scalar || a.items.size() != b.items.size() ||
      a.fields.size() != b.fields.size())
    return false;
  for (std::size_t i = 0; i < a.items.size(); ++i)
    if (!same(a.items[i], b.items[i])) return false;
  for (std::size_t i = 0; i < a.fields.size(); ++i)
    if (a.fields[i].first != b.fields[i].first || !same(a.fields[i].second, b.fields[i].second))
      return false;
  return true;
}

TEST(Document, KeysAndValuesKnowTheirPlaces) {
  const Document document = parsed("a: 1\nlist:\n  - {b: two}\n  - \"three\"\n");
  const Node& root = document.root;
  EXPECT_EQ(root.field_marks[1].line, 2);
  EXPECT_EQ(root.find("a")->mark.column, 4);
  const Node& list = *root.find("list");
  EXPECT_EQ(list.items[0].find("b")->mark.line, 3);
  EXPECT_EQ(list.items[0].find("b")->mark.column, 9);
  EXPECT_TRUE(list.items[1].quoted);
  EXPECT_EQ(list.items[1].mark.file, "x.yaml");
}

TEST(Document, ByteOrderMarkAndCarriageReturnsDoNotMovePlaces) {
  const Document document = parsed("\xEF\xBB\xBFé: x\r\nname: y\r\n");
  EXPECT_EQ(document.root.fields[0].first, "é");
  EXPECT_EQ(document.root.find("é")->mark.column, 4);
  EXPECT_EQ(document.root.find("name")->mark.line, 2);
  EXPECT_EQ(document.root.find("name")->scalar, "y");
}

TEST(Document, SixtyFourLevelsAreReadAndOneMoreIsNot) {
  const auto nested = [](std::size_t levels) {
    return std::string(levels, '[') + "x" + std::string(levels, ']');
  };
  EXPECT_TRUE(parse_document(nested(64), "x").diagnostics.empty());
  EXPECT_FALSE(parse_document(nested(65), "x").diagnostics.empty());
}

TEST(Document, NullsAreTheWordsOfYaml) {
  const Document document = parsed("{a: , b: ~, c: null, d: \"null\", e: \"\"}");
  for (const char* key : {"a", "b", "c"})
    EXPECT_EQ(document.root.find(key)->kind, Node::Kind::null);
  for (const char* key : {"d", "e"}) EXPECT_EQ(document.root.find(key)->kind, Node::Kind::scalar);
}

constexpr std::string_view kPlan =
    "stages:\n"
    "  - {mirrored: 5%, dwell: 1h}\n"
    "  - {exposure: 0.5%, dwell: 1h}\n"
    "  - {name: half, exposure: 50%, dwell: 1h}\n"
    "gates:\n"
    "  - \"mean(cost) <= 1.2x baseline\"\n"
    "  - \"p99(cost) <= 2x baseline\"\n"
    "  - {metric: latency, harm: {p95_above: 2x}}\n"
    "  - {expr: \"p50(latency) <= 5s\"}\n"
    "  - \"nonsense\"\n"
    "effects:\n"
    "  - {metric: cost, multiply: 1.5}\n"
    "  - {metric: cost, multiply: 2}\n";

TEST(Document, ItemsAreAddressedByWhatTellsThemApart) {
  const Document document = parsed(kPlan);
  using Names = std::vector<std::string>;
  EXPECT_EQ(item_names(*document.root.find("stages")), (Names{"shadow", "0.5%", "half"}));
  EXPECT_EQ(item_names(*document.root.find("gates")),
            (Names{"cost", "cost_p99", "latency", "latency_p50", "4"}));
  EXPECT_EQ(item_names(*document.root.find("effects")), (Names{"cost", "cost_2"}));
}

TEST(Document, ExplicitNamesAreNotTakenByDerivedOnes) {
  const Document document = parsed("[{metric: cost, harm: {}}, {name: cost, metric: latency}]");
  EXPECT_EQ(item_names(document.root), (std::vector<std::string>{"cost_mean", "cost"}));
}

TEST(Document, GetFollowsKeysNamesAndIndices) {
  const Document document = parsed(kPlan);
  EXPECT_EQ(get(document, "stages.0.5%.dwell")->scalar, "1h");
  EXPECT_EQ(get(document, "stages.half.exposure")->scalar, "50%");
  EXPECT_EQ(get(document, "stages.0.mirrored")->scalar, "5%");
  EXPECT_EQ(get(document, "gates.latency.harm.p95_above")->scalar, "2x");
  EXPECT_EQ(get(document, "gates.cost_p99")->scalar, "p99(cost) <= 2x baseline");
  EXPECT_EQ(get(document, "effects.cost_2.multiply")->scalar, "2");
  EXPECT_EQ(get(document, "")->kind, Node::Kind::map);
  for (const char* path :
       {"stages.whole", "stages.half.exposure.x", "gates.99", "x", "stages.", ".", "gates.-1"})
    EXPECT_EQ(get(document, path), nullptr) << path;
}

TEST(Document, SetReplacesAndCreates) {
  Document document = parsed(kPlan);
  EXPECT_FALSE(set(document, "stages.half.exposure", "40%"));
  EXPECT_FALSE(set(document, "gates.latency.test.z_test.alpha", "1%"));
  EXPECT_FALSE(set(document, "gates.cost", "mean(cost) <= 1.3x baseline"));
  EXPECT_FALSE(set(document, "arrivals", "{poisson: {rate: 10/s}}"));
  EXPECT_EQ(get(document, "stages.half.exposure")->scalar, "40%");
  EXPECT_EQ(get(document, "gates.latency.test.z_test.alpha")->scalar, "1%");
  EXPECT_EQ(get(document, "gates.cost")->scalar, "mean(cost) <= 1.3x baseline");
  EXPECT_EQ(get(document, "arrivals.poisson.rate")->scalar, "10/s");
}

TEST(Document, SetSaysWhatItCannotReach) {
  Document document = parsed(kPlan);
  const auto refusal = [&](std::string_view path, std::string_view value = "1") {
    const std::optional<Diagnostic> diagnostic = set(document, path, value);
    return diagnostic ? diagnostic->message : std::string("accepted");
  };
  EXPECT_EQ(refusal("stages.hulf.exposure"), "`stages` has no item `hulf`; did you mean `half`?");
  EXPECT_EQ(refusal("gates.cost.harm"),
            "`gates.cost` is the value mean(cost) <= 1.2x baseline, which has no key `harm`");
  EXPECT_EQ(refusal(""), "expected a path such as traffic.users.count");
  EXPECT_EQ(refusal("a."), "expected a path such as traffic.users.count");
  EXPECT_EQ(refusal("a..b"), "an empty name between two dots");
  EXPECT_EQ(refusal("x", "{a: b"),
            "a key must be a name, not a list or map; is a bracket left open?");
}

TEST(Document, LocateFindsTheDeepestPlaceThatWasWritten) {
  const Document document = parsed(
      "gates:\n  - {metric: cost, test: {z_test: {alpha: 5%}}}\n  - \"mean(latency) <= 1.2x "
      "baseline\"\n");
  const Place alpha = locate(document.root, "gates.cost.test.alpha");
  EXPECT_EQ(alpha.path, "gates.cost.test.z_test.alpha");
  EXPECT_EQ(alpha.mark.column, 43);
  const Place test = locate(document.root, "gates.cost.test.sides");
  EXPECT_EQ(test.path, "gates.cost.test.sides");
  EXPECT_EQ(test.mark.line, 2);
  const Place harm = locate(document.root, "gates.latency.harm");
  EXPECT_EQ(harm.mark.line, 3);
  const Place missing = locate(document.root, "false_alarm_budget");
  EXPECT_EQ(missing.mark.line, 1);
}

TEST(Document, IncludesAreRelativeToTheFileThatNamesThem) {
  ReadDocument read =
      read_document(GATEWRIGHT_SOURCE_DIR "/scenarios/catalog/cost_regression.yaml");
  ASSERT_TRUE(read.diagnostics.empty());
  resolve_includes(read.document, read.diagnostics);
  ASSERT_TRUE(read.diagnostics.empty());
  EXPECT_EQ(get(read.document, "policy.gates.cost.harm.rises_by")->scalar, "20%");
  EXPECT_FALSE(set(read.document, "policy.gates.cost.harm.rises_by", "5%"));
  EXPECT_EQ(get(read.document, "policy.gates.cost.harm.rises_by")->scalar, "5%");
}

// ------------------------------------------------------------------------------------------ writing

Node arbitrary_node(int depth, int least_kind = 0) {
  Node node;
  const int kind = *rc::gen::inRange(least_kind, depth > 0 ? 4 : 2);
  node.kind = static_cast<Node::Kind>(kind);
  const auto any_text = [] {
    const auto characters =
        rc::gen::elementOf(std::string("ab 12:#-,[]{}'\"\\\n\t%$&*!?|>@`~=.\x01"));
    return *rc::gen::container<std::string>(characters);
  };
  if (node.kind == Node::Kind::scalar) node.scalar = any_text();
  const int size = depth > 0 ? *rc::gen::inRange(0, 4) : 0;
  for (int i = 0; i < size && node.kind == Node::Kind::list; ++i)
    node.items.push_back(arbitrary_node(depth - 1));
  for (int i = 0; i < size && node.kind == Node::Kind::map; ++i)
    node.fields.emplace_back(std::to_string(i) + any_text(), arbitrary_node(depth - 1));
  return node;
}

TEST(Document, WhatIsWrittenParsesBackToAnEqualTree) {
  const bool holds = rc::check("write, then parse", [] {
    const Node node = arbitrary_node(4, 2);
    const std::string text = write(node);
    RC_LOG() << text;
    const ReadDocument read = parse_document(text, "x");
    if (!read.diagnostics.empty()) RC_LOG() << read.diagnostics.front().message;
    RC_ASSERT(read.diagnostics.empty());
    RC_ASSERT(same(read.document.root, node));
  });
  EXPECT_TRUE(holds);
}

TEST(Document, ParagraphsAreFoldedAndReadBack) {
  std::string text;
  for (int i = 0; i < 60; ++i) text += "word" + std::to_string(i) + " ";
  for (const std::string ending : {"end", "end\n", "# end", "  end", "x\ny", "end\n\n"}) {
    Node about;
    about.kind = Node::Kind::scalar;
    about.scalar = text + ending;
    Node node;
    node.kind = Node::Kind::map;
    node.fields.emplace_back("about", about);
    const std::string written = write(node);
    EXPECT_EQ(get(parsed(written), "about")->scalar, text + ending) << written;
  }
}

TEST(Document, JsonKeepsNumbersAndQuotesText) {
  const Document document = parsed("{a: 1.5, b: \"1.5\", c: [true, x, ~], d: {}, e: []}");
  EXPECT_EQ(
      write_json(document.root),
      "{\n  \"a\": 1.5,\n  \"b\": \"1.5\",\n  \"c\": [\n    true,\n    \"x\",\n    null\n  ],\n"
      "  \"d\": {},\n  \"e\": []\n}\n");
}

}  // namespace
}  // namespace gatewright::scenarios
