// What an A/B test found: the four answers there are.
// Used by gate tests that compare to find a winner, by policies and reports.
// Never decides anything: whether a finding halts or holds is the gate's and the ramp's.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <string_view>

namespace gatewright {

enum class Finding : std::uint8_t {
  none,            ///< nobody asked
  inconclusive,    ///< too few samples, or too little difference to tell
  equivalent,      ///< the difference is surely smaller than the least that matters
  candidate_wins,  ///< better in the metric's own direction
  baseline_wins,
};

/// All of them, in declared order.
inline constexpr std::array<std::string_view, 5> kFindingNames{"none", "inconclusive", "equivalent",
                                                               "candidate_wins", "baseline_wins"};

[[nodiscard]] constexpr std::string_view to_string(Finding finding) noexcept {
  const auto index = static_cast<std::size_t>(finding);
  return index < kFindingNames.size() ? kFindingNames[index] : "unknown";
}

}  // namespace gatewright
