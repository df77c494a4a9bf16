// How many failing looks make a failing gate: "2 consecutive", "3 of 5", "4 cumulative".
// Used by threshold tests and by whoever must check the text of an `after:` rule.
// Never sees samples: a look is a bit to it, and what was no look is not told to it.
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <string_view>

namespace gatewright {

/// Counts failing looks from the start of the gate's evidence.
struct CountingRule {
  enum class Kind : std::uint8_t {
    consecutive,  ///< `failing` looks in a row
    of_last,      ///< `failing` of the last `looks` looks
    cumulative,   ///< `failing` looks in all; passes forgive nothing (Argo Rollouts aborts when
                  ///< failed > failureLimit, so its failureLimit 3 is "4 cumulative")
  };
  Kind kind = Kind::consecutive;
  std::uint32_t failing = 1;
  std::uint32_t looks = 1;  ///< of_last only, at most kLooksMax

  static constexpr std::uint32_t kLooksMax = 64;
  static constexpr std::uint32_t kFailingMax = 1'000'000;
  static constexpr std::size_t kSlots = 2;

  /// Takes in one look. `slots`: kSlots doubles that began as zeros.
  void count(std::span<double> slots, bool failed) const noexcept;
  /// The share of the rule that is fulfilled, in [0, 1].
  [[nodiscard]] double share(std::span<const double> slots) const noexcept;

  friend constexpr bool operator==(const CountingRule&, const CountingRule&) = default;
};

/// Reads "K consecutive", "K of N" or "K cumulative" with 1 <= K <= N <= kLooksMax; nullopt for
/// everything else.
[[nodiscard]] std::optional<CountingRule> parse_counting_rule(std::string_view text) noexcept;

}  // namespace gatewright
