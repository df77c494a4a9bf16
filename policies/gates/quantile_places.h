// Where the candidate's quantile may lie, for each place of the baseline's, on the grid.
// Used by gate tests of quantiles.
// Never places a bin in favour of the evidence.
#pragma once

#include <cstdint>
#include <vector>

#include "policies/plan.h"
#include "policies/policy.h"

namespace gatewright::gates {

/// phi(x) is the edge of harm of a candidate whose baseline is at x: ratio x, x + difference, or a
/// level. A place is a bin of the baseline: x anywhere within it; for a level there is place 0
/// alone.
class QuantilePlaces {
 public:
  explicit QuantilePlaces(const HarmSpec& harm);

  /// The candidate's last bin that can hold a value up to phi(x).
  [[nodiscard]] std::uint32_t last_up_to(std::uint32_t place) const noexcept {
    return last_up_to_[place];
  }
  /// The candidate's first bin that can hold a value at or above phi(x).
  [[nodiscard]] std::uint32_t first_from(std::uint32_t place) const noexcept {
    return first_from_[place];
  }
  /// The candidate's bin of phi(x) for the x in the middle of the place.
  [[nodiscard]] std::uint32_t middle(std::uint32_t place) const noexcept { return middle_[place]; }

 private:
  std::vector<std::uint32_t> last_up_to_, first_from_, middle_;
};

[[nodiscard]] Statistic quantile_statistic(double probability);

}  // namespace gatewright::gates
