// Estimates with their intervals, each naming its method and its number of runs.
// Used by operating characteristics and expectations; never quotes a number without its interval.
#pragma once

#include <cstdint>
#include <span>
#include <string_view>

namespace gatewright::analysis {

enum class Method : std::uint8_t {
  clopper_pearson,   ///< shares: exact (Clopper and Pearson, Biometrika 26, 1934)
  student_t,         ///< means over replications
  order_statistics,  ///< quantiles: binomial law of ranks (David and Nagaraja, 2003, 7.1)
  tango_score,       ///< differences of paired shares: score test inverted (Tango, Statistics in
                     ///< Medicine 17, 1998)
};
[[nodiscard]] std::string_view to_string(Method method) noexcept;

/// value is NaN, and the limits the widest possible, where no run bears on it.
struct Estimate {
  double value = 0.0;
  double lower = 0.0;
  double upper = 0.0;
  std::uint64_t runs = 0;  ///< replications behind it
  Method method = Method::clopper_pearson;
};

/// successes of runs, two-sided at `confidence` in (0, 1).
[[nodiscard]] Estimate share(std::uint64_t successes, std::uint64_t runs, double confidence);
[[nodiscard]] Estimate mean(std::span<const double> values, double confidence);
/// p-quantile (type 7 point estimate) with a distribution-free interval.
[[nodiscard]] Estimate quantile(std::span<const double> values, double probability,
                                double confidence);

/// Runs that had an event under one of two policies only.
struct DiscordantPairs {
  std::uint64_t only_first = 0, only_second = 0;
  std::uint64_t runs = 0;  ///< in all
};
/// Share under the second policy less share under the first, two-sided at `confidence`. NaN, and the
/// limits -1 and 1, without runs.
[[nodiscard]] Estimate share_difference(const DiscordantPairs& pairs, double confidence);
/// Two-sided p-value of McNemar's test by the binomial law: whether either policy has more events.
[[nodiscard]] double mcnemar_p_value(const DiscordantPairs& pairs);

}  // namespace gatewright::analysis
