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
  /// The same, less `centre`.
  void add(std::size_t first, F32 values, double centre) noexcept {
    const auto [low, high] = halves(values);
    const std::size_t v = first / kDoubles;
    add_vector(v, to_double(low) - centre);
    add_vector(v + 1, to_double(high) - centre);
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

inline Sums sums_about(const float* column, const std::uint64_t* bits, float centre,
                       std::size_t count) noexcept {
  LaneSums sums;
  const auto neutral = all(centre);
  const auto about = static_cast<double>(centre);
  const auto add = [&sums, neutral, about](const float* rows, std::uint32_t set) {
    for (std::size_t i = 0; i < kLanes; i += kFloats)
      sums.add(i, chosen(set >> i, load<F32>(rows + i), neutral), about);
  };
  std::size_t i = 0;
  if (bits == nullptr) {
    for (; i + kLanes <= count; i += kLanes)
      for (std::size_t lane = 0; lane < kLanes; lane += kFloats)
        sums.add(lane, load<F32>(column + i + lane), about);
  } else {
    for (; i + kLanes <= count; i += kLanes) add(column + i, sixteen_bits(bits, i));
  }
  if (i < count) {
    float last[kLanes] = {};
    __builtin_memcpy(last, column + i, (count - i) * sizeof(float));
    const std::uint32_t there = (1U << (count - i)) - 1U;
    add(last, bits == nullptr ? there : sixteen_bits(bits, i) & there);
  }
  return sums.total();
}

inline void farthest(const float* __restrict column, float centre, float per_unit,
                     float* __restrict farthest, std::size_t count) noexcept {
  for (std::size_t i = 0; i < count; ++i) {
    const float away = __builtin_fabsf(column[i] - centre) * per_unit;
    farthest[i] = away > farthest[i] ? away : farthest[i];
  }
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

inline void sums_of_rows(RowTable table, const std::uint32_t* rows, std::size_t count,
                         double* sums) noexcept {
  constexpr std::size_t kBlock = 8;
  constexpr std::size_t kVectors = kBlock / kDoubles;
  for (std::size_t first = 0; first < table.summed; first += kBlock) {
    F64 even[kVectors] = {}, odd[kVectors] = {};
    const auto add = [=](std::uint32_t row, F64(&to)[kVectors]) {
      const float* numbers = table.numbers + row * table.stride + first;
      for (std::size_t v = 0; v < kVectors; ++v)
        to[v] += to_double(load<HalfF32>(numbers + v * kDoubles));
    };
    for (std::size_t i = 0; i + 1 < count; i += 2) {
      add(rows[i], even);
      add(rows[i + 1], odd);
    }
    if (count % 2 != 0) add(rows[count - 1], even);
    for (std::size_t v = 0; v < kVectors; ++v) store(sums + first + v * kDoubles, even[v] + odd[v]);
  }
}

/// Products are added up in tiles of a few numbers by eight, which stay in registers while the rows of a
/// block go by.
inline void power_sums(RowTable table, RowScale scale, std::size_t count, PowerSums sums) noexcept {
  constexpr std::size_t kBlock = 8, kTile = 4, kMostWide = 128, kRows = 16;
  constexpr std::size_t kVectors = kBlock / kDoubles;
  const std::size_t width = (table.summed + kBlock - 1) / kBlock * kBlock;
  alignas(64) double z[kRows * kMostWide];
  for (std::size_t i = 0; i < width; ++i) {
    sums.first[i] = sums.third[i] = 0.0;
    for (std::size_t j = 0; j < width; ++j) sums.products[i * width + j] = 0.0;
  }
  for (std::size_t begin = 0; begin < count; begin += kRows) {
    const std::size_t rows = count - begin < kRows ? count - begin : kRows;
    for (std::size_t j = 0; j < width; j += kDoubles) {
      F64 first = load<F64>(sums.first + j), third = load<F64>(sums.third + j);
      const F64 centre = load<F64>(scale.centre + j), per_unit = load<F64>(scale.per_unit + j);
      for (std::size_t r = 0; r < rows; ++r) {
        const F64 number = to_double(load<HalfF32>(table.numbers + (begin + r) * table.stride + j));
        const F64 value = (number - centre) * per_unit;
        first += value;
        third += value * value * value;
        store(z + r * width + j, value);
      }
      store(sums.first + j, first);
      store(sums.third + j, third);
    }
    for (std::size_t j = 0; j < width; j += kBlock)
      for (std::size_t i = j; i < table.summed; i += kTile) {
        F64 tile[kTile][kVectors];
        for (std::size_t t = 0; t < kTile; ++t)
          for (std::size_t v = 0; v < kVectors; ++v)
            tile[t][v] = load<F64>(sums.products + (i + t) * width + j + v * kDoubles);
        for (std::size_t r = 0; r < rows; ++r) {
          const double* row = z + r * width;
          for (std::size_t v = 0; v < kVectors; ++v) {
            const F64 others = load<F64>(row + j + v * kDoubles);
            for (std::size_t t = 0; t < kTile; ++t) tile[t][v] += row[i + t] * others;
          }
        }
        for (std::size_t t = 0; t < kTile; ++t)
          for (std::size_t v = 0; v < kVectors; ++v)
            store(sums.products + (i + t) * width + j + v * kDoubles, tile[t][v]);
      }
  }
}

inline void bent_sums(const BentSums& law, const CellCount* counts, std::size_t cells,
                      const double* fresh, double* sums) noexcept {
  double n = 0.0;
  for (std::size_t c = 0; c < cells; ++c) n += counts[c].count;
  const double sixth = 1.0 / (6.0 * __builtin_sqrt(n));
  for (std::size_t first = 0; first < law.summed; first += kDoubles) {
    F64 mean{}, variance{}, z{};
    for (std::size_t c = 0; c < cells; ++c) {
      const auto [count, cell] = counts[c];
      mean += count * load<F64>(law.mean + cell * law.width + first);
      variance += count * load<F64>(law.variance + cell * law.width + first);
    }
    for (std::size_t j = 0; j < law.summed; ++j)
      z += fresh[j] * load<F64>(law.factor + j * law.width + first);
    const F64 bend = load<F64>(law.skewness + first) * sixth;
    const F64 bent = z + bend * (z * z - 1.0);
    store(sums + first, mean + square_root(variance / (1.0 + 2.0 * bend * bend)) * bent);
  }
}

}  // namespace gatewright::sim::GATEWRIGHT_KERNEL_LEVEL
