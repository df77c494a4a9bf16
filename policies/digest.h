// A 64-bit digest of values, field by field in declared order: never of raw memory, padding is not state.
// Used for state digests, plan digests and run fingerprints; not a cryptographic hash.
#pragma once

#include <cstdint>
#include <string_view>

namespace gatewright {

struct RolloutState;

class Digest {
 public:
  void add(std::uint64_t word) noexcept;
  void add(double number) noexcept;  ///< by its bits; every NaN counts as one value, -0 as 0
  void add(std::string_view text) noexcept;
  [[nodiscard]] std::uint64_t value() const noexcept;

 private:
  std::uint64_t hash_ = 0x9e3779b97f4a7c15ULL;
  std::uint64_t words_ = 0;
};

[[nodiscard]] std::uint64_t digest(const RolloutState& state) noexcept;

}  // namespace gatewright
