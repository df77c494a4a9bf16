// Whether something happens to a request: one uniform whole number against a bound.
// Used wherever a column of words decides; exact at 0 and 1, and elsewhere within 2^-32.
#pragma once

#include <algorithm>
#include <cstdint>

namespace gatewright::sim {

/// A uniform draw, 0..2^31 - 1.
using Word = std::uint32_t;
inline constexpr Word kWords = Word{1} << 31;

/// A word below it has that probability, which is cut to [0, 1].
[[nodiscard]] constexpr Word bound_of(double probability) noexcept {
  return static_cast<Word>(std::clamp(probability, 0.0, 1.0) * double{kWords} + 0.5);
}

/// The middle of the word's share of (0, 1).
[[nodiscard]] constexpr double uniform_of(Word word) noexcept {
  return (static_cast<double>(word) + 0.5) / double{kWords};
}

/// The word whose share of (0, 1) a uniform draw falls into.
[[nodiscard]] constexpr Word word_of(double uniform) noexcept {
  return std::min(static_cast<Word>(uniform * double{kWords}), kWords - 1);
}

}  // namespace gatewright::sim
