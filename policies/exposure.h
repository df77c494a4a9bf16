// How much of the traffic the candidate answers, mirrors or shares, in basis points.
// Used by plans, decisions and routers; never rounds: a share that is no whole basis point is refused.
#pragma once

#include <compare>
#include <cstdint>

namespace gatewright {

/// 10,000 basis points are 100%.
inline constexpr std::uint16_t kWholeExposure = 10'000;

/// Shares of user traffic, each 0..10,000 basis points.
struct Exposure {
  std::uint16_t served = 0;       ///< answered by the candidate
  std::uint16_t mirrored = 0;     ///< copied to the candidate, whose answer nobody sees
  std::uint16_t interleaved = 0;  ///< answered by both arms together
  friend constexpr auto operator<=>(const Exposure&, const Exposure&) = default;
};

[[nodiscard]] constexpr bool is_valid(const Exposure& exposure) noexcept {
  return exposure.served <= kWholeExposure && exposure.mirrored <= kWholeExposure &&
         exposure.interleaved <= kWholeExposure;
}

/// True where both arms answer requests, so that a comparison has two sides.
[[nodiscard]] constexpr bool is_concurrent(const Exposure& exposure) noexcept {
  return exposure.mirrored > 0 || exposure.interleaved > 0 ||
         (exposure.served > 0 && exposure.served < kWholeExposure);
}

/// Whether units of the assignment come to both arms.
[[nodiscard]] constexpr bool splits_units(const Exposure& exposure) noexcept {
  return exposure.served > 0 && exposure.served < kWholeExposure;
}

}  // namespace gatewright
