// What an exact quantile asks of many values: how many lie below, which lie between, what comes next.
// Used by the kernels' one source; no value is not a number.
#pragma once

#include "sim/kernels/kernels.h"
#include "sim/kernels/lanes.h"

namespace gatewright::sim::GATEWRIGHT_KERNEL_LEVEL {

inline std::size_t count_at_most(const float* values, float bound, std::size_t count) noexcept {
  I32 lanes{};
  std::size_t i = 0;
  for (; i + kFloats <= count; i += kFloats) lanes -= load<F32>(values + i) <= bound;
  std::size_t total = 0;
  for (std::size_t lane = 0; lane < kFloats; ++lane) total += static_cast<std::size_t>(lanes[lane]);
  for (; i < count; ++i) total += values[i] <= bound ? 1U : 0U;
  return total;
}

inline float least_above(const float* values, float bound, std::size_t count) noexcept {
  constexpr float kInfinity = __builtin_inff();
  F32 lanes = all(kInfinity);
  std::size_t i = 0;
  for (; i + kFloats <= count; i += kFloats) {
    const F32 value = load<F32>(values + i);
    lanes = smaller(value > bound ? value : all(kInfinity), lanes);
  }
  float least = kInfinity;
  for (std::size_t lane = 0; lane < kFloats; ++lane)
    least = lanes[lane] < least ? lanes[lane] : least;
  for (; i < count; ++i) least = values[i] > bound && values[i] < least ? values[i] : least;
  return least;
}

inline Kept keep_between(const float* values, Bracket bracket, float* out, std::size_t room,
                         std::size_t count) noexcept {
  std::size_t inside = 0;
  I32 above{};
  std::size_t i = 0;
  for (; i + kFloats <= count; i += kFloats) {
    const F32 value = load<F32>(values + i);
    const I32 is_above = value > bracket.above;
    if (inside + kFloats > room) return {.below = 0, .inside = room + 1};
    const auto bits = bits_of((I32)(is_above & (value <= bracket.most)));
    inside += write_chosen(static_cast<std::uint32_t>(bits), value, out + inside);
    above -= is_above;
  }
  std::size_t below = i;
  for (std::size_t lane = 0; lane < kFloats; ++lane) below -= static_cast<std::size_t>(above[lane]);
  for (; i < count; ++i) {
    const bool is_below = values[i] <= bracket.above;
    const bool is_inside = !is_below && values[i] <= bracket.most;
    if (inside == room) return {.below = 0, .inside = room + 1};
    out[inside] = values[i];
    inside += is_inside ? 1U : 0U;
    below += is_below ? 1U : 0U;
  }
  return {.below = below, .inside = inside};
}

/// The greatest of those with at most so many below.
inline RankedPair at_ranks(const float* values, std::size_t count, std::size_t rank,
                           std::size_t next) noexcept {
  const F32 none = all(-__builtin_inff());
  F32 first = none, second = none;
  for (std::size_t i = 0; i < count; i += kFloats) {
    const F32 value = load<F32>(values + i);
    I32 below{};
    for (std::size_t j = 0; j < count; ++j) below -= all(values[j]) < value;
    first = larger(below <= static_cast<std::int32_t>(rank) ? value : none, first);
    second = larger(below <= static_cast<std::int32_t>(next) ? value : none, second);
  }
  return {.first = greatest(first), .second = greatest(second)};
}

}  // namespace gatewright::sim::GATEWRIGHT_KERNEL_LEVEL
