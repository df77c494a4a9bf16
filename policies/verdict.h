// What one gate says at one instant, in order of gravity.
// Used by the staged policy and by reports; worst() is the only way to combine verdicts.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string_view>

namespace gatewright {

enum class Verdict : std::uint8_t { pass, undecided, no_data, fault, fail };

[[nodiscard]] constexpr Verdict worst(Verdict a, Verdict b) noexcept { return a < b ? b : a; }

[[nodiscard]] constexpr std::string_view to_string(Verdict verdict) noexcept {
  constexpr std::string_view kNames[] = {"pass", "undecided", "no_data", "fault", "fail"};
  return kNames[static_cast<std::size_t>(verdict)];
}

}  // namespace gatewright
