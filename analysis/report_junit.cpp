#include <sstream>

#include <fmt/format.h>
#include <pugixml.hpp>

#include "analysis/report.h"

namespace gatewright::analysis {
namespace {

void add_property(pugi::xml_node suite, const char* name, const std::string& value) {
  pugi::xml_node property = suite.append_child("property");
  property.append_attribute("name") = name;
  property.append_attribute("value") = value.c_str();
}

/// XML 1.0 has no control characters, not even escaped.
[[nodiscard]] std::string printable(std::string text) {
  for (char& c : text)
    if (static_cast<unsigned char>(c) < 0x20 && c != '\n' && c != '\t') c = '?';
  return text;
}

pugi::xml_node add_case(pugi::xml_node suite, const CheckedScenario& scenario,
                        const std::string& name) {
  pugi::xml_node test = suite.append_child("testcase");
  test.append_attribute("classname") = printable(scenario.name).c_str();
  test.append_attribute("name") = printable(name).c_str();
  test.append_attribute("file") = printable(scenario.file).c_str();
  return test;
}

void add_outcome(pugi::xml_node test, const char* kind, const std::string& type,
                 const std::string& message) {
  pugi::xml_node outcome = test.append_child(kind);
  outcome.append_attribute("type") = type.c_str();
  outcome.append_attribute("message") = printable(message).c_str();
}

struct Counts {
  unsigned tests = 0, failures = 0, errors = 0, skipped = 0;
  Counts& operator+=(const Counts& other) {
    tests += other.tests;
    failures += other.failures;
    errors += other.errors;
    skipped += other.skipped;
    return *this;
  }
};

void set_counts(pugi::xml_node node, const Counts& counts, double seconds) {
  node.append_attribute("tests") = counts.tests;
  node.append_attribute("failures") = counts.failures;
  node.append_attribute("errors") = counts.errors;
  node.append_attribute("skipped") = counts.skipped;
  node.append_attribute("time") = fmt::format("{:.3f}", seconds).c_str();
}

Counts add_suite(pugi::xml_node root, const CheckedScenario& scenario) {
  pugi::xml_node suite = root.append_child("testsuite");
  suite.append_attribute("name") = printable(scenario.name).c_str();
  pugi::xml_node properties = suite.append_child("properties");
  add_property(properties, "seed", std::to_string(scenario.seed));
  add_property(properties, "runs", std::to_string(scenario.runs));
  Counts counts;
  for (const JudgedExpectation& judged : scenario.judged) {
    const std::string claim = claim_text(judged.expectation);
    pugi::xml_node test = add_case(suite, scenario, judged.policy + ": " + claim);
    test.append_attribute("line") = judged.expectation.line;
    const std::string message = fmt::format("expected {}, got {} over {} runs", claim,
                                            finding_text(judged), judged.estimate.runs);
    ++counts.tests;
    if (judged.judgement == Judgement::violated) {
      ++counts.failures;
      add_outcome(test, "failure", "violated", message);
    } else if (judged.judgement == Judgement::undecided) {
      ++counts.skipped;
      add_outcome(test, "skipped", "undecided", message);
    }
    pugi::xml_node output = test.append_child("system-out");
    output.text() = printable(message).c_str();
  }
  if (!scenario.skipped.empty()) {
    ++counts.tests;
    ++counts.skipped;
    add_outcome(add_case(suite, scenario, "is played"), "skipped", "skipped", scenario.skipped);
  }
  if (!scenario.error.empty()) {
    ++counts.tests;
    ++counts.errors;
    add_outcome(add_case(suite, scenario, "is played"), "error", "error", scenario.error);
  }
  if (scenario.violations > 0) {
    ++counts.tests;
    ++counts.errors;
    add_outcome(add_case(suite, scenario, "keeps the invariants"), "error", "invariant",
                fmt::format("{} broken invariants", scenario.violations));
  }
  set_counts(suite, counts, scenario.seconds);
  return counts;
}

}  // namespace

std::string junit(const std::vector<CheckedScenario>& scenarios) {
  pugi::xml_document document;
  pugi::xml_node declaration = document.append_child(pugi::node_declaration);
  declaration.append_attribute("version") = "1.0";
  declaration.append_attribute("encoding") = "UTF-8";
  pugi::xml_node root = document.append_child("testsuites");
  root.append_attribute("name") = "gatewright check";
  Counts counts;
  double seconds = 0.0;
  for (const CheckedScenario& scenario : scenarios) {
    counts += add_suite(root, scenario);
    seconds += scenario.seconds;
  }
  set_counts(root, counts, seconds);
  std::ostringstream out;
  document.save(out, "  ");
  return out.str();
}

}  // namespace gatewright::analysis
