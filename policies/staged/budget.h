// How the false-alarm budget of a rollout is split over its gates and, where asked, over stages.
// Used by compile and lint. Never decides which gate may claim: that is the caller's.
#pragma once

#include <cstddef>
#include <span>
#include <vector>

namespace gatewright {

/// What one gate asks for. Gates that spend nothing (advisory, without a guarantee, never measured)
/// have weight 0.
struct BudgetClaim {
  double weight = 0.0;
  std::size_t evidences =
      1;  ///< fresh starts of its evidence, each of which may raise a false alarm
};

struct BudgetShare {
  double rollout = 0.0;   ///< of the whole rollout's budget
  double evidence = 0.0;  ///< for each fresh start
};

/// In proportion to the weights. By the union bound the gates together, however dependent, raise a
/// false alarm with probability at most `budget`.
[[nodiscard]] std::vector<BudgetShare> split_budget(double budget,
                                                    std::span<const BudgetClaim> claims);

}  // namespace gatewright
