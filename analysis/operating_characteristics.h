// What a policy does in a world: halt stages, false alarms, delays, impact, each with its interval.
// Used by reports, expectations, sweeps and Python; made from records, never from a running world.
#pragma once

#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "analysis/intervals.h"
#include "sim/run.h"

namespace gatewright::analysis {

/// One named number. Names are tidy columns, units last: "false_alarm_rate",
/// "detection_delay_minutes_p95", "halted_at_stage.10%", "halted_by_gate.cost".
struct Column {
  std::string name;
  Estimate estimate;
};

/// Records of the scenario as written and of its healthy twin, same replications.
struct Sample {
  std::span<const sim::RunRecord> as_written;
  std::span<const sim::RunRecord> healthy_twin;  ///< may be empty: then no twin columns
  bool harmful = true;  ///< whether the scenario as written has a harmful effect
};

/// The halts of one stage, and what decided them: gates by name, or the cause where no gate failed.
/// Gates that fail at one instant are counted each.
struct StageHalts {
  std::string stage;
  std::uint64_t halts = 0;
  std::vector<std::pair<std::string, std::uint64_t>> by;  ///< most frequent first
};

/// Columns in the order of reports, the same for every world so that sweeps are rectangular:
/// detection_probability, missed_rate (harmful rollouts that completed), unfinished_rate (neither
/// halted nor completed at the horizon), false_alarm_rate, completion_rate (twin),
/// halted_at_stage.NAME per stage, halted_by_gate.NAME per gate, halted_without_gate,
/// false_alarm_at_stage.NAME, false_alarm_by_gate.NAME, false_alarm_without_gate,
/// detection_delay_minutes_p50/_p95, exposure_minutes_mean, user_impact_minutes_mean/_p95,
/// bad_user_minutes_mean, impacted_requests_mean, excess_cost_usd_mean, shadow_cost_usd_mean,
/// time_to_complete_hours_p50 (of the twin), requests_mean. Where the scenario as written is
/// healthy, it stands in for its twin: its own halts are the false alarms. A column that no run
/// bears on is NaN with 0 runs. Gates that look for a winner add found.NAME.FINDING, as written, for
/// each of inconclusive, equivalent, candidate_wins and baseline_wins.
struct OperatingCharacteristics {
  std::string policy;
  std::uint64_t runs = 0;
  double confidence = 0.95;
  bool harmful = true;  ///< as in Sample
  std::vector<Column> columns;
  std::vector<StageHalts> halts;         ///< per stage, as written
  std::vector<StageHalts> false_alarms;  ///< per stage, of the healthy twin
  std::uint64_t violations = 0;   ///< broken invariants over all runs; anything but 0 is a defect
  std::uint64_t fingerprint = 0;  ///< over all records in order
  [[nodiscard]] const Estimate* find(std::string_view name) const noexcept;
};

[[nodiscard]] OperatingCharacteristics operating_characteristics(const Sample& sample,
                                                                 const sim::Contender& contender,
                                                                 double confidence);

/// A time or an impact ("detection_delay_minutes") of one run, where it has one.
[[nodiscard]] std::optional<double> quantity_of(const sim::RunRecord& record,
                                                std::string_view quantity);

/// The mean, or the quantile of that probability, of a time or an impact
/// ("detection_delay_minutes") over the runs that have one; nothing for a name that is no such
/// quantity. Limits of what cannot be negative are not.
[[nodiscard]] std::optional<Estimate> estimate_of(const Sample& sample, std::string_view quantity,
                                                  std::optional<double> probability,
                                                  double confidence);

}  // namespace gatewright::analysis
