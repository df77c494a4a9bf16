// Every file of this folder is broken in one way, and expected.txt says in which words it is refused.
// Used as the contract for messages: file, line, column, path, what would be right.
// Never compares parts of a message; GATEWRIGHT_REGENERATE=1 writes the table anew, for review.
#include <gtest/gtest.h>

#include <chrono>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <functional>
#include <map>
#include <sstream>
#include <string>
#include <vector>

#include "scenarios/load.h"
#include "scenarios/places.h"
#include "scenarios/plan_yaml.h"
#include "sim/run.h"

namespace gatewright::scenarios {
namespace {

namespace fs = std::filesystem;

const fs::path kFolder = fs::path(GATEWRIGHT_SOURCE_DIR) / "tests" / "tables" / "bad_input";
const fs::path kTable = kFolder / "expected.txt";

/// What a person would be told of a file: errors only, one a line.
std::string errors_of(const Diagnostics& diagnostics) {
  std::string text;
  for (const Diagnostic& diagnostic : diagnostics)
    if (diagnostic.severity == Severity::error) text += format(diagnostic) + "\n";
  return text;
}

std::string refusal_of_scenario(const std::string& file) {
  LoadedStudy loaded = load(file);
  EXPECT_EQ(loaded.study.has_value(), !has_errors(loaded.diagnostics)) << file;
  if (!loaded.study) return errors_of(loaded.diagnostics);
  // What only reading the trace can show.
  const sim::Prepared prepared = sim::prepare(loaded.study->scenario);
  Diagnostics diagnostics = prepared.diagnostics;
  put_in_place(diagnostics, read_document(file).document.root, {});
  return errors_of(diagnostics);
}

std::string refusal_of_plan(const std::string& file) {
  const LoadedPlan loaded = load_plan(file);
  EXPECT_EQ(loaded.plan.has_value(), !has_errors(loaded.diagnostics)) << file;
  return errors_of(loaded.diagnostics);
}

std::string repeated(const std::string& text, std::size_t times) {
  std::string result;
  result.reserve(text.size() * times);
  for (std::size_t i = 0; i < times; ++i) result += text;
  return result;
}

/// Inputs too large, or too odd, to keep as files.
std::map<std::string, std::string> generated() {
  std::map<std::string, std::string> texts;
  texts["ten_megabytes_of_nesting"] = "a: " + repeated("[", 10U << 20U);
  texts["four_megabytes_of_nesting"] = "a: " + repeated("[", (4U << 20U) - 10);
  texts["nesting_behind_a_quoted_hash"] = "a: [' #', " + repeated("[", 4000);
  texts["nested_lists_on_one_line"] = repeated("- ", 100'000);
  texts["nested_maps_by_indentation"] = [] {
    std::string text;
    for (std::size_t i = 0; i < 2000; ++i) text += std::string(i, ' ') + "a:\n";
    return text;
  }();
  texts["nested_explicit_keys"] = repeated("? ", 100'000);
  texts["two_million_items"] = "a: [" + repeated("1,", 2'000'000) + "1]";
  texts["two_million_lines"] = repeated("\n", 2'000'000);
  texts["two_million_keys"] = repeated("a: 1\n", 800'000);
  texts["one_long_name"] = "name: " + repeated("x", 1'000'000);
  texts["one_long_key"] = repeated("k", 1'000'000) + ": 1\n";
  texts["one_long_number"] = "every: " + repeated("9", 100'000) + "m\n";
  texts["quotes_without_end"] = repeated("\"a\\", 100'000);
  texts["random_bytes"] = [] {
    std::string text;
    unsigned state = 1;
    for (int i = 0; i < 1000; ++i)
      text += static_cast<char>((state = state * 1664525U + 1013904223U) >> 24U);
    return text;
  }();
  texts["gzip"] = std::string("\x1f\x8b\x08\x00\x00\x00\x00\x00", 8);
  return texts;
}

/// All refusals by the name of their input, in order.
std::map<std::string, std::string> refusals() {
  std::map<std::string, std::string> found;
  const fs::path before = fs::current_path();
  fs::current_path(kFolder);  // messages name files as they were given
  for (const char* kind : {"policies", "scenarios"})
    for (const fs::directory_entry& entry : fs::directory_iterator(kind)) {
      if (entry.path().extension() != ".yaml") continue;
      const std::string file = entry.path().generic_string();
      found[file] =
          kind == std::string("policies") ? refusal_of_plan(file) : refusal_of_scenario(file);
    }
  found["scenarios/nowhere.yaml"] = refusal_of_scenario("scenarios/nowhere.yaml");
  found["scenarios"] = refusal_of_scenario("scenarios");
  fs::current_path(before);
  for (const auto& [name, text] : generated()) {
    const auto start = std::chrono::steady_clock::now();
    const std::string file = "generated/" + name;
    ReadDocument read = parse_document(text, file);
    Diagnostics diagnostics = read.diagnostics;
    if (read.document.root.kind != Node::Kind::null)
      for (const Diagnostic& diagnostic : plan_from(read.document.root, {}).diagnostics)
        diagnostics.push_back(diagnostic);
    found[file] = errors_of(diagnostics);
    EXPECT_LT(std::chrono::steady_clock::now() - start, std::chrono::seconds(20)) << file;
  }
  return found;
}

/// The table: a line "== NAME" before the lines of each refusal.
std::map<std::string, std::string> table() {
  std::map<std::string, std::string> expected;
  std::ifstream stream(kTable);
  std::string line;
  std::string name;
  while (std::getline(stream, line)) {
    if (line.starts_with("== ")) {
      name = line.substr(3);
      expected[name];
    } else {
      expected[name] += line + "\n";
    }
  }
  return expected;
}

TEST(BadInput, IsRefusedInTheWordsOfTheTable) {
  const std::map<std::string, std::string> found = refusals();
  if (std::getenv("GATEWRIGHT_REGENERATE") != nullptr) {
    std::ofstream stream(kTable);
    for (const auto& [name, text] : found) stream << "== " << name << "\n" << text;
  }
  const std::map<std::string, std::string> expected = table();
  for (const auto& [name, text] : found) {
    EXPECT_FALSE(text.empty()) << name << " is accepted";
    const auto row = expected.find(name);
    if (row == expected.end()) {
      ADD_FAILURE() << name << " is not in the table; it is refused so:\n" << text;
    } else {
      EXPECT_EQ(text, row->second) << name;
    }
  }
  for (const auto& [name, text] : expected)
    EXPECT_TRUE(found.contains(name)) << name << " is in the table but nowhere else";
  EXPECT_GE(found.size(), 150U);
}

}  // namespace
}  // namespace gatewright::scenarios
