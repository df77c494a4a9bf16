// How the false-alarm budget of a rollout is split over its gates and, where asked, over stages.
// Used by compile, lint and the staged policy. Never decides which gate may claim: that is the
// caller's.
#pragma once

#include <cstddef>
#include <optional>
#include <span>
#include <vector>

#include "policies/decision.h"

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

/// What a gate may spend in each stage. `limits` says of each stage which part of the rollout's budget
/// is enough for it, in (0, 1], or nothing.
///
/// Evidence that lasts: the gate halts in stage s once its e-value reaches 1 / spent[s]. By Ville's
/// inequality that happens in stage s with probability at most spent[s]; and in any stage with
/// probability at most the largest of them, since whoever reaches a higher bar reaches the lowest. So
/// limits are free: the other stages keep the whole share.
///
/// Evidence that starts anew: each stage may err by itself, and the errors add up. Limited stages take
/// what they are given and the others share the rest evenly; empty if nothing is left for them, or if
/// the limits together exceed the share. `measured` has a bit per stage in which the gate has
/// evidence; the others spend nothing.
struct StageLimits {
  std::span<const std::optional<double>> limits;
  std::uint64_t measured = 0;
  bool starts_anew = false;
};
[[nodiscard]] std::vector<double> spend_by_stage(double share, const StageLimits& stages);

/// One gate's evidence at a halt.
struct HolmEntry {
  double share = 0.0;   ///< of the budget, in (0, 1)
  double log_e = 0.0;   ///< evidence of harm as ln of an e-value, or -ln of an anytime p-value
  double needed = 0.0;  ///< ln of what makes it fail by itself: ln(1 / its share) or more
};

/// Adds to `failing` (bit i: entry i, which failed by itself) what Holm's step-down finds: of the
/// budget, the shares of gates that failed pass to those that did not, in proportion to their own
/// shares, until no further gate fails. Entries with share 0 take no part.
///
/// The first gate to fail needs its own share alone, so a halt comes no sooner: for the false-alarm
/// rate of a rollout only the first failure counts. What holds is that with probability 1 - budget no
/// gate is named whose metric is within its margin. Suppose S are the gates within their margins, and
/// one of S is the first of them to be named: then the gates that had not failed include S, so it was
/// held to at most share_i budget / sum of S's shares; those add up to the budget over S. Nothing is
/// supposed of how the gates' evidence depends on each other, nor of when each is looked at (Holm,
/// Scandinavian Journal of Statistics 6 (1979) 65, for e-values at any time).
void step_down(std::span<const HolmEntry> entries, GateMask& failing) noexcept;

}  // namespace gatewright
