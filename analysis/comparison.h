// Two policies in the same random worlds: the difference that each run makes, and its interval.
// Used by `gatewright compare` and Python; made from records, never from a running world.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "analysis/intervals.h"
#include "analysis/operating_characteristics.h"
#include "analysis/report.h"

namespace gatewright::analysis {

/// One number under both policies, over the runs that bear on it under both, and the second less the
/// first.
struct Difference {
  std::string name;  ///< "false_alarm_rate", "user_impact_minutes_mean"
  std::string unit;  ///< "%" of shares 0..1, "min", "h", "USD" or ""
  Estimate first, second;
  Estimate difference;  ///< tango_score for shares, student_t for means of paired differences
  /// Of shares, two-sided: McNemar's test, exact (McNemar, Psychometrika 12, 1947; the binomial law of
  /// the runs on which the policies differ).
  std::optional<double> p_value{};
};

struct Comparison {
  std::string first, second;  ///< policies
  std::uint64_t runs = 0;
  double confidence = 0.95;
  std::vector<Difference> differences;
};

struct Compared {
  std::string policy;
  Sample sample;
};

/// Differences in the order of reports: false_alarm_rate, detection_probability,
/// detection_delay_minutes_mean (over runs that both halt), user_impact_minutes_mean,
/// bad_user_minutes_mean, impacted_requests_mean, exposure_minutes_mean, excess_cost_usd_mean,
/// time_to_complete_hours_mean (over healthy runs that both complete). Both samples hold the same
/// replications, of the same world.
[[nodiscard]] Comparison compare(const Compared& first, const Compared& second, double confidence);

[[nodiscard]] std::string text(const ReportContext& context,
                               const std::vector<Comparison>& comparisons);
[[nodiscard]] std::string json(const ReportContext& context,
                               const std::vector<Comparison>& comparisons);
/// A header and one row per pair of policies and number (RFC 4180).
[[nodiscard]] std::string csv(const std::vector<Comparison>& comparisons);

}  // namespace gatewright::analysis
