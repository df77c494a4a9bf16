// What every gate test's make() needs: reading parameters and refusing what the test cannot weigh.
// Used by the files of policies/gates/ while a plan is compiled; never at run time.
// Never stops at the first problem: each is reported with its path relative to the gate.
#pragma once

#include <chrono>
#include <string>
#include <string_view>
#include <utility>
#include <variant>

#include "policies/assert.h"
#include "policies/diagnostic.h"
#include "policies/gates/gate_test.h"
#include "policies/metric.h"
#include "policies/plan.h"

namespace gatewright::gates {

inline void report(Diagnostics& diagnostics, std::string path, std::string message) {
  diagnostics.push_back(
      {.path = std::move(path), .message = std::move(message), .file = {}, .line = 0, .column = 0});
}

/// The parameter as written, or the default where it is not.
template <typename Value>
[[nodiscard]] Value parameter(const TestSpec& test, std::string_view name, Value otherwise) {
  const auto found = test.parameters.find(std::string(name));
  if (found == test.parameters.end()) return otherwise;
  const Value* value = std::get_if<Value>(&found->second);
  return value != nullptr ? *value : otherwise;
}

/// The metric, for tests that weigh means and rates of requests. Refuses quantiles and gauges, and
/// margins that leave a ratio or a rate without meaning.
[[nodiscard]] inline const MetricInfo& metric_of_requests(const GateSpec& gate,
                                                          Diagnostics& diagnostics) {
  const MetricInfo* metric = find_metric(gate.metric);
  GATEWRIGHT_ASSERT(metric != nullptr);
  if (metric->kind == MetricKind::gauge)
    report(diagnostics, "test",
           gate.test.name + " weighs numbers per request, and " + gate.metric +
               " is a reading; use fixed_threshold");
  if (gate.harm.kind == HarmSpec::Kind::quantile)
    report(diagnostics, "harm",
           gate.test.name +
               " weighs means and rates, not quantiles; use fixed_threshold, or state "
               "the harm as a change of the mean");
  if (gate.harm.kind == HarmSpec::Kind::distribution)
    report(
        diagnostics, "harm",
        gate.test.name + " weighs means and rates, not distributions; use dkw_sequence, ks or psi");
  if (gate.harm.relation == HarmSpec::Relation::ratio && !(gate.harm.margin > 0.0))
    report(diagnostics, "harm", "expected a ratio above 0");
  if (gate.harm.relation == HarmSpec::Relation::absolute && metric->kind == MetricKind::event &&
      !(gate.harm.margin > 0.0 && gate.harm.margin < 1.0))
    report(diagnostics, "harm",
           gate.test.name + " needs a rate above 0% and below 100% to compare with");
  return *metric;
}

/// Refuses parameter `scale: log` where there are no logarithms or they mean nothing.
inline void check_log_scale(const GateSpec& gate, const MetricInfo& metric,
                            Diagnostics& diagnostics) {
  if (parameter<std::string>(gate.test, "scale", "linear") != "log") return;
  if (metric.kind != MetricKind::positive)
    report(diagnostics, "test.scale",
           gate.metric + " can be 0 and has no logarithm; use scale linear");
  if (gate.harm.relation != HarmSpec::Relation::ratio)
    report(diagnostics, "test.scale",
           "on the log scale harm is a ratio to the baseline; state one, or use scale linear");
}

/// Refuses parameter `sides: two` with a margin: what is far within it would count as harm.
inline void check_two_sided(const GateSpec& gate, Diagnostics& diagnostics) {
  if (parameter<std::string>(gate.test, "sides", "one") != "two") return;
  const auto& [relation, margin] = std::pair{gate.harm.relation, gate.harm.margin};
  if ((relation == HarmSpec::Relation::ratio && margin != 1.0) ||
      (relation == HarmSpec::Relation::difference && margin != 0.0))
    report(diagnostics, "test.sides",
           "two-sided, a candidate well within the margin would count as harm; use sides one, or a "
           "margin of none");
}

/// Refuses events and gauges, for tests that weigh distributions of numbers per request.
inline void must_be_numbers(const GateSpec& gate, Diagnostics& diagnostics) {
  const MetricInfo* metric = find_metric(gate.metric);
  GATEWRIGHT_ASSERT(metric != nullptr);
  if (metric->kind == MetricKind::event || metric->kind == MetricKind::gauge)
    report(diagnostics, "test",
           gate.test.name + " weighs distributions of numbers per request, which " + gate.metric +
               " has not");
}

/// Refuses all but the quantile of a number per request.
inline void must_be_quantile(const GateSpec& gate, Diagnostics& diagnostics) {
  must_be_numbers(gate, diagnostics);
  const HarmSpec& harm = gate.harm;
  if (harm.kind != HarmSpec::Kind::quantile)
    report(diagnostics, "harm", gate.test.name + " weighs a quantile; write, say, p99_above: 1.5x");
  else if (!(harm.probability > 0.0 && harm.probability < 1.0))
    report(diagnostics, "harm", "expected a quantile above 0% and below 100%, such as p99");
  if (harm.relation == HarmSpec::Relation::ratio && !(harm.margin > 0.0))
    report(diagnostics, "harm", "expected a ratio above 0");
}

/// Refuses all but a distance between the distributions of a number per request.
inline void must_be_shift(const GateSpec& gate, Diagnostics& diagnostics) {
  must_be_numbers(gate, diagnostics);
  if (gate.harm.kind != HarmSpec::Kind::distribution)
    report(diagnostics, "harm",
           gate.test.name +
               " weighs the distance of two distributions; write, say, "
               "distribution_shift: 0.1");
  else if (!(gate.harm.margin >= 0.0))
    report(diagnostics, "harm", "expected a distance of at least 0");
}

/// A parameter of kind looks, as a number of looks: a time holds as many as the gate takes in it.
[[nodiscard]] inline double looks_of(const GateSpec& gate, std::string_view name,
                                     double otherwise) {
  const auto found = gate.test.parameters.find(std::string(name));
  if (found == gate.test.parameters.end()) return otherwise;
  if (const auto* time = std::get_if<Duration>(&found->second))
    return gate.every > Duration::zero()
               ? static_cast<double>(time->count()) / static_cast<double>(gate.every.count())
               : otherwise;
  return parameter(gate.test, name, otherwise);
}

/// The average run length that a control chart is asked for, in looks. 30 days of looks every five
/// minutes where nothing is said of either.
[[nodiscard]] inline double run_length_of(const GateSpec& gate, Diagnostics& diagnostics) {
  constexpr double kLooks = 8640.0;
  const double by_default =
      gate.every > Duration::zero()
          ? static_cast<double>(Duration(std::chrono::hours(30 * 24)).count()) /
                static_cast<double>(gate.every.count())
          : kLooks;
  const double looks = looks_of(gate, "average_run_length", by_default);
  if (!(looks >= 2.0 && looks <= 1e9))
    report(diagnostics, "test.average_run_length",
           "expected 2 to 1e9 looks, or a time that holds so many");
  return looks;
}

/// Where the boundary of a mixture is closest: `about` says in what it is counted.
struct TightestAt {
  std::string_view default_text;
  std::string_view about;
  double largest = 1e12;
};

[[nodiscard]] inline ParameterInfo tightest_at_parameter(const TightestAt& tightest_at) {
  return {.name = "tightest_at",
          .kind = ParameterInfo::Kind::count,
          .default_text = tightest_at.default_text,
          .about = tightest_at.about,
          .choices = {},
          .smallest = 1.0,
          .largest = tightest_at.largest};
}

/// The level of a test that knows no budget.
[[nodiscard]] inline ParameterInfo level_parameter() {
  return {.name = "alpha",
          .kind = ParameterInfo::Kind::share,
          .default_text = "5%",
          .about = "significance level of one look; the budget is not used",
          .choices = {},
          .smallest = 1e-9,
          .largest = 0.4};
}

/// Checked by check_two_sided().
[[nodiscard]] inline ParameterInfo sides_parameter() {
  return {.name = "sides",
          .kind = ParameterInfo::Kind::choice,
          .default_text = "one",
          .about =
              "one: harm is a difference in the harmful direction; two: any difference "
              "(without a margin)",
          .choices = {"one", "two"}};
}

/// The posterior probability that decides.
[[nodiscard]] inline double probability_of(const GateSpec& gate, Diagnostics& diagnostics) {
  const double probability = parameter(gate.test, "probability", 0.95);
  if (!(probability >= 0.5 && probability < 1.0))
    report(diagnostics, "test.probability", "expected a share from 50% and below 100%");
  return probability;
}

[[nodiscard]] inline ParameterInfo probability_parameter() {
  return {.name = "probability",
          .kind = ParameterInfo::Kind::share,
          .default_text = "95%",
          .about = "of harm (or of safety) that decides",
          .choices = {},
          .smallest = 0.5,
          .largest = 0.999999999};
}

[[nodiscard]] inline ParameterInfo run_length_parameter() {
  return {.name = "average_run_length",
          .kind = ParameterInfo::Kind::looks,
          .default_text = "30d",
          .about =
              "looks to an alarm, on average, at the edge of harm: a count, or the time that "
              "they take",
          .choices = {},
          .smallest = 2.0,
          .largest = 1e9};
}

/// +1 where more is harm, -1 where less is.
[[nodiscard]] inline double sign_of_harm(const HarmSpec& harm) noexcept {
  return harm.direction == Direction::up ? 1.0 : -1.0;
}

}  // namespace gatewright::gates
