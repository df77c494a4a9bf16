// The short form of a gate: "p99(latency) <= 1.5x baseline".
// Used for gates written as text and for bounds such as `p99_above: 1.5x`; says in which column it
// stumbled. Never looks at samples.
#pragma once

#include <cstddef>
#include <optional>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

#include "policies/metric.h"
#include "policies/plan.h"
#include "scenarios/units.h"

namespace gatewright::scenarios {

struct Expression {
  std::string statistic;  ///< "mean", "rate", "p99"
  std::string metric;
  HarmSpec harm;
};

struct ExpressionError {
  std::size_t offset = 0;  ///< byte in the text
  std::string message;
};

/// STATISTIC(METRIC) OP BOUND, the condition of health: OP is <= or >=; BOUND is `baseline`,
/// `1.5x baseline`, `baseline + AMOUNT`, `baseline - AMOUNT` or a level such as 2% or 5s.
[[nodiscard]] std::variant<Expression, ExpressionError> parse_expression(std::string_view text);

/// The right-hand side alone; `1.5x` may stand for `1.5x baseline`. Fills relation and margin;
/// harm.direction must be set.
[[nodiscard]] std::optional<ExpressionError> parse_bound(std::string_view text,
                                                         const MetricInfo& metric, HarmSpec& harm);
/// Text that parse_bound reads back.
[[nodiscard]] std::string format_bound(const MetricInfo& metric, const HarmSpec& harm);

/// How a level of a metric is written (2%, 5s, $0.001), and a difference of two (0.5pp, 300ms).
[[nodiscard]] const Unit<double>& level_unit(const MetricInfo& metric);
[[nodiscard]] const Unit<double>& difference_unit(const MetricInfo& metric);

/// "p99", "p99.9" as a probability; nothing for other text.
[[nodiscard]] std::optional<double> parse_percentile(std::string_view text);
[[nodiscard]] std::string format_percentile(double probability);

[[nodiscard]] std::vector<std::string> metric_names();

}  // namespace gatewright::scenarios
