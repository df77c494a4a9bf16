// Sums over columns in double precision, in one order on every machine.
// Used by the kernels' one source.
#pragma once

#include "sim/kernels/functions.h"
#include "sim/kernels/kernels.h"
#include "sim/kernels/lanes.h"
#include "sim/kernels/row_sets.h"

namespace gatewright::sim::GATEWRIGHT_KERNEL_LEVEL {

/// Sums per lane.
class LaneSums {
 public:
  /// Lanes first..first + kFloats - 1.
  void add(std::size_t first, F32 values) noexcept {
    const auto [low, high] = halves(values);
    const std::size_t v = first / kDoubles;
    add_vector(v, to_double(low));
    add_vector(v + 1, to_double(high));
  }
  [[nodiscard]] Sums total() const noexcept { return {total(values_), total(squares_)}; }

 private:
  static constexpr std::size_t kVectors = kLanes / kDoubles;
  void add_vector(std::size_t v, F64 value) noexcept {
    values_[v] += value;
    squares_[v] += value * value;
  }
  static double total(const F64 (&vectors)[kVectors]) noexcept {
    double lanes[kLanes];
    __builtin_memcpy(lanes, vectors, sizeof lanes);
    for (std::size_t apart = kLanes / 2; apart > 0; apart /= 2)
      for (std::size_t i = 0; i < apart; ++i) lanes[i] += lanes[i + apart];
    return lanes[0];
  }
  F64 values_[kVectors] = {};
  F64 squares_[kVectors] = {};
};

/// Adds up the values of the rows whose bits are set: row i in lane i mod 16. prepare(vector) sees
/// `neutral` elsewhere.
template <typename Prepare>
inline Sums sums_where(const float* column, const std::uint64_t* bits, std::size_t count,
                       float neutral, Prepare prepare) noexcept {
  LaneSums sums;
  const auto add = [&sums, neutral, prepare](const float* rows, std::uint32_t set) {
    for (std::size_t i = 0; i < kLanes; i += kFloats)
      sums.add(i, prepare(chosen(set >> i, load<F32>(rows + i), all(neutral))));
  };
  std::size_t i = 0;
  for (; i + kLanes <= count; i += kLanes) add(column + i, sixteen_bits(bits, i));
  if (i < count) {
    float last[kLanes] = {};
    __builtin_memcpy(last, column + i, (count - i) * sizeof(float));
    add(last, sixteen_bits(bits, i));
  }
  return sums.total();
}

inline Sums sums_where(const float* column, const std::uint64_t* bits, std::size_t count) noexcept {
  return sums_where(column, bits, count, 0.0F, [](F32 values) { return values; });
}

inline Sums log_sums_where(const float* column, const std::uint64_t* bits,
                           std::size_t count) noexcept {
  return sums_where(column, bits, count, 1.0F, [](F32 values) { return log(values); });
}

/// Adds up the values at `places`, block by block: prepare(block) sees whole vectors, in which what
/// the last one lacks is `neutral`.
template <typename Prepare>
inline Sums sums_at(const float* column, const std::uint16_t* places, std::size_t count,
                    float neutral, Prepare prepare) noexcept {
  constexpr std::size_t kBlock = 256;
  LaneSums sums;
  float block[kBlock];
  for (std::size_t first = 0; first < count; first += kBlock) {
    const std::size_t left = count - first < kBlock ? count - first : kBlock;
    for (std::size_t i = 0; i < left; ++i) block[i] = column[places[first + i]];
    std::size_t end = left;
    while (end % kLanes != 0) block[end++] = neutral;
    for (std::size_t i = 0; i < end; i += kFloats)
      sums.add(i % kLanes, prepare(load<F32>(block + i)));
  }
  return sums.total();
}

inline Sums sums_at(const float* column, const std::uint16_t* places, std::size_t count) noexcept {
  return sums_at(column, places, count, 0.0F, [](F32 values) { return values; });
}

inline Sums log_sums_at(const float* column, const std::uint16_t* places,
                        std::size_t count) noexcept {
  return sums_at(column, places, count, 1.0F, [](F32 values) { return log(values); });
}

}  // namespace gatewright::sim::GATEWRIGHT_KERNEL_LEVEL
