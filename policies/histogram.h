// The mergeable log-linear histogram that carries distributions.
// Used by drivers that fill Distributions and by gates that read them; its grid is fixed for ever.
#pragma once

#include <cstdint>
#include <span>
#include <vector>

#include "policies/observation.h"

namespace gatewright {

/// The grid: 128 equal bins per power of two, over [2^-20, 2^30); bin 0 holds smaller values and
/// zeros, the last bin larger ones. Within the range a bin's middle is off by at most 1/257 (0.39%)
/// of the true value.
struct HistogramGrid {
  static constexpr int kBinsPerOctave = 128;
  static constexpr int kSmallestExponent = -20;
  static constexpr int kLargestExponent = 30;
  static constexpr std::uint32_t kBins =
      static_cast<std::uint32_t>((kLargestExponent - kSmallestExponent) * kBinsPerOctave) + 2;
  static constexpr double kRelativeError = 1.0 / 257.0;
  /// The bin of `value`; negative values and NaN count as 0.
  [[nodiscard]] static std::uint32_t bin(double value) noexcept;
  [[nodiscard]] static double lower(std::uint32_t bin) noexcept;
  [[nodiscard]] static double upper(std::uint32_t bin) noexcept;
  /// The harmonic mean of the bin's ends, whose relative error is equal at both; 0 for bin 0 and the
  /// lower end for the last bin, which has no upper one.
  [[nodiscard]] static double middle(std::uint32_t bin) noexcept;
};

/// Number of values in a view.
[[nodiscard]] std::uint64_t count(HistogramView view) noexcept;
/// The nearest-rank p-quantile (middle of its bin); NaN for an empty view. p in (0, 1).
[[nodiscard]] double quantile(HistogramView view, double probability) noexcept;

class Histogram {
 public:
  void add(double value, std::uint64_t times = 1);
  void merge(HistogramView other);
  void clear() noexcept;
  /// Occupied bins in rising order; valid until the next change.
  [[nodiscard]] HistogramView view() const;

 private:
  std::vector<std::uint64_t> counts_;
  mutable std::vector<HistogramBin> bins_;
};

}  // namespace gatewright
