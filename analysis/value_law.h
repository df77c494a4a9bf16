// How a positive number is spread over requests, as a histogram told it.
// Used by pilot.h, which measures it, and by power.h, which asks what a test of quantiles would see.
// Never knows more than the grid: values lie evenly within their bins.
#pragma once

#include <vector>

#include "policies/histogram.h"
#include "policies/observation.h"

namespace gatewright::analysis {

class ValueLaw {
 public:
  ValueLaw() = default;  ///< of no values; only empty() may be asked
  explicit ValueLaw(HistogramView values);

  [[nodiscard]] bool empty() const noexcept { return ends_.empty(); }
  /// Share of values up to `value`.
  [[nodiscard]] double share_up_to(double value) const noexcept;
  /// The value with this share, in (0, 1), up to it.
  [[nodiscard]] double quantile(double share) const noexcept;
  /// The standard deviation of the p-quantile of n values, times sqrt(n), for large n: sqrt(p (1 - p))
  /// over the density there.
  [[nodiscard]] double quantile_spread(double probability) const noexcept;
  /// `count` values as the law has them, each multiplied by `factor`; occupied bins in rising order.
  [[nodiscard]] std::vector<HistogramBin> values(double count, double factor) const;

  /// Where this law and its values times a factor, above 0, are furthest apart.
  struct Apart {
    double distance = 0.0;                ///< of their distribution functions
    double here = 0.0, multiplied = 0.0;  ///< shares of either up to there
  };
  [[nodiscard]] Apart apart(double factor) const noexcept;

 private:
  struct Bin {
    double lower, upper;
    double share_before, share;  ///< below it; up to its upper end
  };
  std::vector<Bin> ends_;
};

}  // namespace gatewright::analysis
