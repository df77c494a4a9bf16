// Numbers, shares and durations as a person would write them.
// Used in the messages of compile. Never used where a number must be read back.
#pragma once

#include <algorithm>
#include <array>
#include <charconv>
#include <chrono>
#include <cstdint>
#include <string>

#include "policies/time.h"

namespace gatewright {

[[nodiscard]] inline std::string number_text(double value) {
  std::array<char, 32> text;
  const auto end =
      std::to_chars(text.begin(), text.end(), value, std::chars_format::general, 6).ptr;
  return {text.begin(), end};
}

[[nodiscard]] inline std::string share_text(double share) {
  return number_text(100.0 * share) + '%';
}

/// In the largest of h, m, s, ms, ns that leaves a whole number.
[[nodiscard]] inline std::string duration_text(Duration duration) {
  struct Unit {
    Duration length;
    const char* name;
  };
  constexpr std::array<Unit, 5> kUnits{{{std::chrono::hours(1), "h"},
                                        {std::chrono::minutes(1), "m"},
                                        {std::chrono::seconds(1), "s"},
                                        {std::chrono::milliseconds(1), "ms"},
                                        {std::chrono::nanoseconds(1), "ns"}}};
  const auto unit = duration == Duration::zero()
                        ? &kUnits[2]
                        : std::ranges::find_if(kUnits, [&](const Unit& candidate) {
                            return duration % candidate.length == Duration::zero();
                          });
  return std::to_string(duration / unit->length) + unit->name;
}

}  // namespace gatewright
