#include "analysis/comparison.h"

#include <algorithm>
#include <array>
#include <span>
#include <string_view>

namespace gatewright::analysis {
namespace {

using sim::Outcome;
using sim::RunRecord;
using Records = std::span<const RunRecord>;

[[nodiscard]] Records healthy(const Sample& sample) {
  return sample.harmful ? sample.healthy_twin : sample.as_written;
}

/// Runs that halt, under the first policy and under the second.
[[nodiscard]] Difference halts(std::string name, Records first, Records second, double confidence) {
  const std::uint64_t runs = std::min(first.size(), second.size());
  std::uint64_t halted_first = 0, halted_second = 0;
  DiscordantPairs pairs{.runs = runs};
  for (std::uint64_t i = 0; i < runs; ++i) {
    const bool by_first = first[i].outcome == Outcome::halted;
    const bool by_second = second[i].outcome == Outcome::halted;
    halted_first += by_first ? 1 : 0;
    halted_second += by_second ? 1 : 0;
    pairs.only_first += by_first && !by_second ? 1 : 0;
    pairs.only_second += by_second && !by_first ? 1 : 0;
  }
  Difference difference{.name = std::move(name),
                        .unit = "%",
                        .first = share(halted_first, runs, confidence),
                        .second = share(halted_second, runs, confidence),
                        .difference = share_difference(pairs, confidence)};
  if (runs > 0) difference.p_value = mcnemar_p_value(pairs);
  return difference;
}

struct Mean {
  std::string_view quantity;
  std::string_view unit;
  bool of_healthy;
};
constexpr auto kMeans = std::to_array<Mean>({
    {"detection_delay_minutes", "min", false},
    {"user_impact_minutes", "", false},
    {"bad_user_minutes", "", false},
    {"impacted_requests", "", false},
    {"exposure_minutes", "min", false},
    {"excess_cost_usd", "USD", false},
    {"time_to_complete_hours", "h", true},
});

/// Over the runs that have the quantity under both policies.
[[nodiscard]] Difference means(const Mean& mean_of, Records first, Records second,
                               double confidence) {
  std::vector<double> under_first, under_second, differences;
  for (std::size_t i = 0; i < std::min(first.size(), second.size()); ++i) {
    const std::optional<double> a = quantity_of(first[i], mean_of.quantity);
    const std::optional<double> b = quantity_of(second[i], mean_of.quantity);
    if (!a || !b) continue;
    under_first.push_back(*a);
    under_second.push_back(*b);
    differences.push_back(*b - *a);
  }
  return {.name = std::string(mean_of.quantity) + "_mean",
          .unit = std::string(mean_of.unit),
          .first = mean(under_first, confidence),
          .second = mean(under_second, confidence),
          .difference = mean(differences, confidence)};
}

}  // namespace

Comparison compare(const Compared& first, const Compared& second, double confidence) {
  const Sample& a = first.sample;
  const Sample& b = second.sample;
  Comparison comparison{.first = first.policy,
                        .second = second.policy,
                        .runs = a.as_written.size(),
                        .confidence = confidence,
                        .differences = {}};
  comparison.differences.push_back(halts("false_alarm_rate", healthy(a), healthy(b), confidence));
  const auto of_harmful = [](const Sample& sample) {
    return sample.harmful ? sample.as_written : Records();
  };
  comparison.differences.push_back(
      halts("detection_probability", of_harmful(a), of_harmful(b), confidence));
  for (const Mean& each : kMeans)
    comparison.differences.push_back(each.of_healthy
                                         ? means(each, healthy(a), healthy(b), confidence)
                                         : means(each, of_harmful(a), of_harmful(b), confidence));
  return comparison;
}

}  // namespace gatewright::analysis
