// Named traffic profiles: token laws and arrivals measured on public traces, with provenance per number.
// Used by World and by lint --effective; never invents a number without a source.
#pragma once

#include <algorithm>
#include <array>
#include <cstddef>
#include <optional>
#include <span>
#include <string>
#include <string_view>

#include "sim/kernels/kernels.h"
#include "sim/scenario.h"

namespace gatewright::sim {

struct Profile {
  std::string_view name;
  TokenLaw input_tokens;
  TokenLaw output_tokens;
  double token_correlation;
  BurstyArrivals arrivals;  ///< everything said; the rate is that of the trace it was measured on
  std::string provenance;
  [[nodiscard]] double rate_per_second() const noexcept { return *arrivals.rate_per_second; }
};

[[nodiscard]] std::span<const Profile> profiles();
[[nodiscard]] const Profile* find_profile(std::string_view name);

/// What the coefficients of variation of BurstyArrivals are those of averages over.
inline constexpr double kFastAverageSeconds = 60.0;
inline constexpr double kSlowAverageSeconds = 600.0;

/// What `arrivals` leaves open becomes the profile's.
[[nodiscard]] BurstyArrivals filled(BurstyArrivals arrivals, const Profile& profile);

/// The quantile function of a token law at standard normal score z, rounded to whole tokens, at least
/// 1 and at most 1e9.
[[nodiscard]] double tokens_at(const TokenLaw& law, double z) noexcept;

/// tokens_at() of one law. A lognormal is computed, before rounding to within 2e-6 (1 + sigma^2) of its
/// value. A grid is tabulated: linear between 4,096 points over z in [-6, 6], which z is cut to; within
/// 0.3% where it bends.
class TokenTable {
 public:
  explicit TokenTable(const TokenLaw& law);
  /// out[i] = the law's value at z[i].
  void fill(std::span<const float> z, float* out) const noexcept {
    if (lognormal_) {
      kernels().whole_lognormals(z.data(), *lognormal_, out, z.size());
      return;
    }
    const Grid grid{.values = values_.data(), .points = kPoints, .reach = kReach};
    kernels().whole_numbers(z.data(), grid, out, z.size());
  }

 private:
  static constexpr std::size_t kPoints = 4096;
  static constexpr float kReach = 6.0F;
  std::optional<LognormalScale> lognormal_;
  std::array<float, kPoints> values_;  ///< of a grid; not rounded, each at least 1
};

}  // namespace gatewright::sim
