#include "analysis/operating_characteristics.h"

#include <algorithm>
#include <array>
#include <chrono>
#include <map>

#include "policies/digest.h"

namespace gatewright::analysis {
namespace {

using sim::Outcome;
using sim::RunRecord;

[[nodiscard]] double minutes(Duration duration) {
  return std::chrono::duration<double, std::ratio<60>>(duration).count();
}

[[nodiscard]] double hours(Duration duration) {
  return std::chrono::duration<double, std::ratio<3600>>(duration).count();
}

[[nodiscard]] std::span<const RunRecord> healthy(const Sample& sample) {
  return sample.harmful ? sample.healthy_twin : sample.as_written;
}

/// A number per run; not every run has one.
struct Quantity {
  std::string_view name;
  bool of_healthy;  ///< measured on the healthy twin
  bool is_signed;   ///< may be negative; if not, neither are its limits
  std::optional<double> (*of)(const RunRecord& record);
};

constexpr auto kQuantities = std::to_array<Quantity>({
    {"detection_delay_minutes", false, false,
     [](const RunRecord& record) -> std::optional<double> {
       if (!record.detection_delay) return std::nullopt;
       return minutes(*record.detection_delay);
     }},
    {"exposure_minutes", false, false,
     [](const RunRecord& record) -> std::optional<double> {
       return record.impact.exposure_minutes;
     }},
    {"user_impact_minutes", false, false,
     [](const RunRecord& record) -> std::optional<double> {
       return static_cast<double>(record.impact.user_impact_minutes);
     }},
    {"bad_user_minutes", false, false,
     [](const RunRecord& record) -> std::optional<double> {
       return static_cast<double>(record.impact.bad_user_minutes);
     }},
    {"impacted_requests", false, false,
     [](const RunRecord& record) -> std::optional<double> {
       return static_cast<double>(record.impact.impacted_requests);
     }},
    {"excess_cost_usd", false, true,
     [](const RunRecord& record) -> std::optional<double> {
       return record.impact.excess_cost_usd;
     }},
    {"shadow_cost_usd", false, false,
     [](const RunRecord& record) -> std::optional<double> {
       return record.impact.shadow_cost_usd;
     }},
    {"time_to_complete_hours", true, false,
     [](const RunRecord& record) -> std::optional<double> {
       if (record.outcome != Outcome::completed) return std::nullopt;
       return hours(record.ended_at);
     }},
    {"requests", false, false,
     [](const RunRecord& record) -> std::optional<double> {
       return static_cast<double>(record.requests);
     }},
});

/// The statistics that reports give of quantities.
constexpr std::optional<double> kMean = std::nullopt;
struct Reported {
  std::string_view quantity;
  std::string_view suffix;
  std::optional<double> probability;
};
constexpr auto kReported = std::to_array<Reported>({
    {"detection_delay_minutes", "_p50", 0.5},
    {"detection_delay_minutes", "_p95", 0.95},
    {"exposure_minutes", "_mean", kMean},
    {"user_impact_minutes", "_mean", kMean},
    {"user_impact_minutes", "_p95", 0.95},
    {"bad_user_minutes", "_mean", kMean},
    {"impacted_requests", "_mean", kMean},
    {"excess_cost_usd", "_mean", kMean},
    {"shadow_cost_usd", "_mean", kMean},
    {"time_to_complete_hours", "_p50", 0.5},
    {"requests", "_mean", kMean},
});

/// How the rollouts of one world ended.
class Ends {
 public:
  Ends(std::span<const RunRecord> records, const Policy& policy)
      : policy_(policy), by_gate_(policy.gate_names().size()) {
    runs_ = records.size();
    std::vector<std::map<std::string, std::uint64_t>> by(policy.stages().size());
    for (const Stage& stage : policy.stages())
      at_stage_.push_back({.stage = stage.name, .halts = 0, .by = {}});
    for (const RunRecord& record : records) {
      completed_ += record.outcome == Outcome::completed ? 1 : 0;
      if (record.outcome != Outcome::halted) continue;
      ++halted_;
      ++at_stage_.at(record.stage).halts;
      for (const std::string& decider : deciders(record)) ++by[record.stage][decider];
    }
    for (std::size_t stage = 0; stage < by.size(); ++stage) {
      auto& sorted = at_stage_[stage].by;
      sorted.assign(by[stage].begin(), by[stage].end());
      std::ranges::stable_sort(sorted, std::greater(),
                               [](const auto& entry) { return entry.second; });
    }
  }

  [[nodiscard]] std::uint64_t runs() const { return runs_; }
  [[nodiscard]] std::uint64_t halted() const { return halted_; }
  [[nodiscard]] std::uint64_t completed() const { return completed_; }
  [[nodiscard]] const std::vector<StageHalts>& at_stage() const { return at_stage_; }

  /// PREFIX_at_stage.NAME, PREFIX_by_gate.NAME, PREFIX_without_gate.
  void add_columns(const std::string& prefix, double confidence,
                   std::vector<Column>& columns) const {
    for (const StageHalts& stage : at_stage_)
      columns.push_back(
          {prefix + "_at_stage." + stage.stage, share(stage.halts, runs_, confidence)});
    for (std::size_t gate = 0; gate < by_gate_.size(); ++gate)
      columns.push_back({prefix + "_by_gate." + policy_.gate_names()[gate],
                         share(by_gate_[gate], runs_, confidence)});
    columns.push_back({prefix + "_without_gate", share(without_gate_, runs_, confidence)});
  }

 private:
  [[nodiscard]] std::vector<std::string> deciders(const RunRecord& record) {
    std::vector<std::string> names;
    const GateMask halting = record.failing & policy_.protective_gates();
    for (std::size_t gate = 0; gate < by_gate_.size(); ++gate) {
      if ((halting >> gate & 1U) == 0) continue;
      ++by_gate_[gate];
      names.push_back(policy_.gate_names()[gate]);
    }
    if (names.empty()) {
      ++without_gate_;
      names.emplace_back(to_string(record.cause));
    }
    return names;
  }

  const Policy& policy_;
  std::uint64_t runs_ = 0, halted_ = 0, completed_ = 0, without_gate_ = 0;
  std::vector<std::uint64_t> by_gate_;
  std::vector<StageHalts> at_stage_;
};

/// found.NAME.FINDING for each gate that looks for a winner.
void add_findings(std::span<const RunRecord> records, const Engine& engine, double confidence,
                  std::vector<Column>& columns) {
  const Policy& policy = engine.policy();
  const RolloutState unasked = engine.initial_state(Instant{});
  for (std::size_t gate = 0; gate < policy.gate_names().size(); ++gate) {
    if (policy.finding(unasked.memory, gate) == Finding::none) continue;
    for (std::size_t i = 1; i < kFindingNames.size(); ++i) {
      const auto count = std::ranges::count_if(records, [&](const RunRecord& record) {
        return record.findings.at(gate) == static_cast<Finding>(i);
      });
      columns.push_back({"found." + policy.gate_names()[gate] + "." + std::string(kFindingNames[i]),
                         share(static_cast<std::uint64_t>(count), records.size(), confidence)});
    }
  }
}

[[nodiscard]] const Quantity* find_quantity(std::string_view name) {
  const auto found = std::ranges::find(kQuantities, name, &Quantity::name);
  return found == kQuantities.end() ? nullptr : found;
}

[[nodiscard]] std::vector<double> values(const Sample& sample, const Quantity& quantity) {
  std::vector<double> found;
  for (const RunRecord& record : quantity.of_healthy ? healthy(sample) : sample.as_written)
    if (const std::optional<double> value = quantity.of(record)) found.push_back(*value);
  return found;
}

}  // namespace

const Estimate* OperatingCharacteristics::find(std::string_view name) const noexcept {
  const auto found = std::ranges::find(columns, name, &Column::name);
  return found == columns.end() ? nullptr : &found->estimate;
}

std::optional<double> quantity_of(const RunRecord& record, std::string_view name) {
  const Quantity* quantity = find_quantity(name);
  return quantity == nullptr ? std::nullopt : quantity->of(record);
}

std::optional<Estimate> estimate_of(const Sample& sample, std::string_view name,
                                    std::optional<double> probability, double confidence) {
  const Quantity* quantity = find_quantity(name);
  if (quantity == nullptr) return std::nullopt;
  const std::vector<double> found = values(sample, *quantity);
  Estimate estimate =
      probability ? quantile(found, *probability, confidence) : mean(found, confidence);
  if (!quantity->is_signed) estimate.lower = std::max(estimate.lower, 0.0);
  return estimate;
}

OperatingCharacteristics operating_characteristics(const Sample& sample,
                                                   const sim::Contender& contender,
                                                   double confidence) {
  const Policy& policy = contender.engine.policy();
  const Ends written(sample.as_written, policy);
  const Ends well(healthy(sample), policy);
  OperatingCharacteristics result{.policy = contender.name,
                                  .runs = sample.as_written.size(),
                                  .confidence = confidence,
                                  .harmful = sample.harmful,
                                  .columns = {},
                                  .halts = written.at_stage(),
                                  .false_alarms = well.at_stage()};

  const std::uint64_t harmful_runs = sample.harmful ? written.runs() : 0;
  const auto of_harmful = [&](std::uint64_t count) {
    return share(sample.harmful ? count : 0, harmful_runs, confidence);
  };
  result.columns = {
      {"detection_probability", of_harmful(written.halted())},
      {"missed_rate", of_harmful(written.completed())},
      {"unfinished_rate",
       share(written.runs() - written.halted() - written.completed(), written.runs(), confidence)},
      {"false_alarm_rate", share(well.halted(), well.runs(), confidence)},
      {"completion_rate", share(well.completed(), well.runs(), confidence)},
  };
  written.add_columns("halted", confidence, result.columns);
  well.add_columns("false_alarm", confidence, result.columns);
  for (const Reported& reported : kReported)
    result.columns.push_back(
        {std::string(reported.quantity) + std::string(reported.suffix),
         *estimate_of(sample, reported.quantity, reported.probability, confidence)});

  add_findings(sample.as_written, contender.engine, confidence, result.columns);

  Digest digest;
  for (const auto records : {sample.as_written, sample.healthy_twin})
    for (const RunRecord& record : records) {
      result.violations += record.violations.size();
      digest.add(record.fingerprint);
    }
  result.fingerprint = digest.value();
  return result;
}

}  // namespace gatewright::analysis
