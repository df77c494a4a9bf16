#include "policies/staged/budget.h"

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

}  // namespace gatewright
