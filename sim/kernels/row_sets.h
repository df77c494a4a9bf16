// Rows that fulfil a condition, as bits: row i is bit i mod 64 of word i / 64.
// Used by the kernels' one source; a set has no bits beyond the rows that were asked about.
#pragma once

#include "sim/kernels/kernels.h"
#include "sim/kernels/lanes.h"

namespace gatewright::sim::GATEWRIGHT_KERNEL_LEVEL {

inline constexpr std::size_t kRowsPerWord = 64;

/// Bits of the rows of which test(vector) is true.
template <typename Vector, typename T, typename Test>
inline void find_rows(const T* column, std::uint64_t* bits, std::size_t count, Test test) noexcept {
  const auto word_of = [test](const T* rows) {
    std::uint64_t word = 0;
    for (std::size_t i = 0; i < kRowsPerWord; i += kVectorBytes / sizeof(T))
      word |= bits_of(test(load<Vector>(rows + i))) << i;
    return word;
  };
  std::size_t first = 0;
  for (; first + kRowsPerWord <= count; first += kRowsPerWord)
    bits[first / kRowsPerWord] = word_of(column + first);
  if (first == count) return;
  T last[kRowsPerWord] = {};
  __builtin_memcpy(last, column + first, (count - first) * sizeof(T));
  bits[first / kRowsPerWord] = word_of(last) & ((std::uint64_t{1} << (count - first)) - 1);
}

inline void rows_below_16(const std::uint16_t* column, std::uint16_t bound, std::uint64_t* bits,
                          std::size_t count) noexcept {
  find_rows<U16>(column, bits, count, [bound](U16 rows) { return (I16)(rows < bound); });
}

inline void rows_below_32(const std::uint32_t* column, std::uint32_t bound, std::uint64_t* bits,
                          std::size_t count) noexcept {
  find_rows<U32>(column, bits, count, [bound](U32 rows) { return (I32)(rows < bound); });
}

inline void rows_with(const std::uint8_t* column, Pattern pattern, std::uint64_t* bits,
                      std::size_t count) noexcept {
  find_rows<U8>(column, bits, count,
                [pattern](U8 rows) { return (I8)((rows & pattern.of) == pattern.value); });
}

inline std::size_t count_rows(const std::uint64_t* bits, std::size_t words) noexcept {
  std::size_t total = 0;
  for (std::size_t i = 0; i < words; ++i) total += count_bits(bits[i]);
  return total;
}

/// The bits of rows i to i + 15.
inline std::uint32_t sixteen_bits(const std::uint64_t* bits, std::size_t i) noexcept {
  return static_cast<std::uint32_t>(bits[i / kRowsPerWord] >> (i % kRowsPerWord)) & 0xFFFFU;
}

inline std::size_t keep_rows(const float* column, const std::uint64_t* bits, std::size_t count,
                             float* __restrict out) noexcept {
  std::size_t kept = 0;
  const auto keep = [&kept, out](const float* rows, std::uint32_t set) {
    for (std::size_t i = 0; i < kLanes; i += kFloats)
      kept += write_chosen(set >> i & ((1U << kFloats) - 1U), load<F32>(rows + i), out + kept);
  };
  std::size_t i = 0;
  for (; i + kRowsPerWord <= count; i += kRowsPerWord) {
    const std::uint64_t word = bits[i / kRowsPerWord];
    keep(column + i, static_cast<std::uint32_t>(word) & 0xFFFFU);
    keep(column + i + kLanes, static_cast<std::uint32_t>(word >> 16) & 0xFFFFU);
    keep(column + i + 2 * kLanes, static_cast<std::uint32_t>(word >> 32) & 0xFFFFU);
    keep(column + i + 3 * kLanes, static_cast<std::uint32_t>(word >> 48));
  }
  for (; i + kLanes <= count; i += kLanes) keep(column + i, sixteen_bits(bits, i));
  if (i < count) {
    float last[kLanes] = {};
    __builtin_memcpy(last, column + i, (count - i) * sizeof(float));
    keep(last, sixteen_bits(bits, i));
  }
  return kept;
}

}  // namespace gatewright::sim::GATEWRIGHT_KERNEL_LEVEL
