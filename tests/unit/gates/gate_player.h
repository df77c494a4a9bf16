// A gate made through the catalogue, with its slots, and short ways to write what it is shown.
// Used by tests of gate tests.
// Never looks inside a test: evidence comes from the same calls that the staged policy makes.
#pragma once

#include <cstdint>
#include <map>
#include <memory>
#include <stdexcept>
#include <string>
#include <utility>
#include <vector>

#include <gtest/gtest.h>

#include "policies/gates/catalogue.h"

namespace gatewright::testing {

using Relation = HarmSpec::Relation;

/// Events among requests, as a Summary.
inline Summary events(std::uint64_t events, std::uint64_t count) {
  return {.count = count,
          .sum = static_cast<double>(events),
          .sum_of_squares = static_cast<double>(events)};
}

/// `count` numbers of this mean and standard deviation (divisor n - 1).
inline Summary numbers(double mean, double sd, std::uint64_t count) {
  const double n = static_cast<double>(count);
  return {.count = count, .sum = n * mean, .sum_of_squares = n * mean * mean + (n - 1.0) * sd * sd};
}

inline Samples samples(const Summary& baseline, const Summary& candidate) {
  return {.baseline = baseline, .candidate = candidate};
}

inline HarmSpec harm(Relation relation, double margin, Direction direction = Direction::up) {
  return {.relation = relation, .direction = direction, .margin = margin};
}

inline HarmSpec quantile_harm(double probability, Relation relation, double margin) {
  return {.kind = HarmSpec::Kind::quantile,
          .probability = probability,
          .relation = relation,
          .margin = margin};
}

inline HarmSpec shift_harm(double margin) {
  return {.kind = HarmSpec::Kind::distribution, .relation = Relation::difference, .margin = margin};
}

inline Statistic statistic(Statistic::Kind kind, double probability = 0.0) {
  Statistic statistic;
  statistic.kind = kind;
  statistic.probability = probability;
  return statistic;
}

inline GateSpec gate(std::string metric, const HarmSpec& harm, std::string test,
                     std::map<std::string, TestValue> parameters = {},
                     std::uint64_t min_samples = 0) {
  GateSpec gate;
  gate.name = metric;
  gate.metric = std::move(metric);
  gate.harm = harm;
  gate.test = {.name = std::move(test), .parameters = std::move(parameters)};
  gate.min_samples = min_samples;
  return gate;
}

/// What make() reports; empty if it made a test.
inline Diagnostics problems_of(const GateSpec& gate) {
  Diagnostics diagnostics;
  const GateTestInfo* info = find_gate_test(gate.test.name);
  if (info == nullptr) return {{.path = "test", .message = "no such test", .file = {}}};
  const auto made = info->make(gate, diagnostics);
  EXPECT_EQ(made == nullptr, has_errors(diagnostics));
  return diagnostics;
}

class GatePlayer {
 public:
  explicit GatePlayer(const GateSpec& gate, Budget budget = {}) : budget_(budget) {
    Diagnostics diagnostics;
    test_ = find_gate_test(gate.test.name)->make(gate, diagnostics);
    for (const Diagnostic& diagnostic : diagnostics)
      if (diagnostic.severity == Severity::error)
        ADD_FAILURE() << diagnostic.path << ": " << diagnostic.message;
    if (test_ == nullptr) throw std::runtime_error("the gate could not be made");
    test_->prepare(budget_);
    slots_.assign(test_->slots(), 0.0);
  }

  /// Takes a window in; asks for no evidence, which some tests take long to weigh.
  void hear(const Event& window) {
    observation_.event = window;
    test_->update(slots_, observation_);
  }
  Evidence look(const Event& window) {
    hear(window);
    return evidence();
  }
  Evidence look(const Summary& baseline, const Summary& candidate) {
    return look(samples(baseline, candidate));
  }
  [[nodiscard]] Evidence evidence() const { return test_->evidence(slots_, budget_); }
  void forget() { slots_.assign(slots_.size(), 0.0); }

  [[nodiscard]] const GateTest& test() const { return *test_; }
  [[nodiscard]] const std::vector<double>& slots() const { return slots_; }
  [[nodiscard]] const Budget& budget() const { return budget_; }

 private:
  std::unique_ptr<GateTest> test_;
  std::vector<double> slots_;
  Budget budget_;
  Observation observation_;
};

}  // namespace gatewright::testing
