#include "policies/staged/budget.h"

#include <algorithm>
#include <cmath>

namespace gatewright {

std::vector<BudgetShare> split_budget(double budget, std::span<const BudgetClaim> claims) {
  double weights = 0.0;
  for (const BudgetClaim& claim : claims) weights += claim.weight;
  std::vector<BudgetShare> shares;
  for (const BudgetClaim& claim : claims) {
    const double rollout = claim.weight > 0.0 ? budget * claim.weight / weights : 0.0;
    shares.push_back({rollout, rollout / static_cast<double>(claim.evidences)});
  }
  return shares;
}

std::vector<double> spend_by_stage(double share, const StageLimits& stages) {
  const std::size_t count = stages.limits.size();
  const auto is_measured = [&](std::size_t stage) { return (stages.measured >> stage & 1) != 0; };
  double limited = 0.0;
  std::size_t unlimited = 0;
  for (std::size_t stage = 0; stage < count; ++stage) {
    if (!is_measured(stage)) continue;
    limited += stages.limits[stage].value_or(0.0);
    unlimited += stages.limits[stage] ? 0 : 1;
  }
  constexpr double kRounding = 1e-9;  // 3% and 2% are not quite 5% in binary
  if (stages.starts_anew &&
      (limited > 1.0 + kRounding || (unlimited > 0 && limited > 1.0 - kRounding)))
    return {};
  const double rest =
      stages.starts_anew && unlimited > 0 ? (1.0 - limited) / static_cast<double>(unlimited) : 1.0;
  std::vector<double> spent;
  for (std::size_t stage = 0; stage < count; ++stage)
    spent.push_back(is_measured(stage) ? share * stages.limits[stage].value_or(rest) : 0.0);
  return spent;
}

void step_down(std::span<const HolmEntry> entries, GateMask& failing) noexcept {
  double budget = 0.0;
  for (const HolmEntry& entry : entries) budget += entry.share;
  for (bool found = true; found;) {
    double left = 0.0;  // of the shares: those of gates that have not failed
    for (std::size_t i = 0; i < entries.size(); ++i)
      if ((failing >> i & 1) == 0) left += entries[i].share;
    found = false;
    for (std::size_t i = 0; i < entries.size(); ++i) {
      const bool has_part = entries[i].share > 0.0 && (failing >> i & 1) == 0;
      if (!has_part || entries[i].log_e < entries[i].needed - std::log(budget / left)) continue;
      failing |= GateMask{1} << i;
      found = true;
    }
  }
}

}  // namespace gatewright
