// The loops over whole columns, once per instruction set, and the choice between them.
// Used by LaneStream and by everything that fills or sums columns; a kernel knows rows, never a
// scenario or a policy.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>

namespace gatewright::sim {

/// Every loop runs over sixteen lanes of 32 bits, place i in lane i mod 16, on every machine: how
/// many of them one instruction takes is the only difference between the levels.
inline constexpr std::size_t kLanes = 16;

/// Eight xoshiro256++ side by side, word by word; each gives two lanes.
struct LaneState {
  static constexpr std::size_t kGenerators = kLanes / 2;
  alignas(64) std::uint64_t word[4][kGenerators];
};

/// A sum and the sum of the squares.
struct Sums {
  double values = 0.0;
  double squares = 0.0;
};

/// median x e^(sigma z), at most `most`.
struct LognormalScale {
  float median = 1.0F;
  float sigma = 0.0F;
  float most = 0.0F;
};

/// Values at equal steps over [-reach, reach], linear in between; what lies outside is cut to it.
struct Grid {
  const float* values = nullptr;
  std::size_t points = 0;
  float reach = 0.0F;
};

/// value x multiply + shift, but no less than `least`.
struct LinearMap {
  float multiply = 1.0F;
  float shift = 0.0F;
  float least = 0.0F;
};

/// Sets `bits` where from <= word < below, unless the row has any of `unless`.
struct Marking {
  std::uint32_t from = 0;
  std::uint32_t below = 0;
  std::uint8_t bits = 0;
  std::uint8_t unless = 0;
};

/// A row with any of `failed` takes its latency by the ratio; one beyond the timeout ends there, and gets
/// the bits `late`.
struct Ending {
  float failed_ratio = 1.0F;
  float timeout = 0.0F;
  std::uint8_t failed = 0;
  std::uint8_t late = 0;
};

/// Prices per token; a row with any of `unbilled` pays its input only.
struct Billing {
  float input = 0.0F;
  float output = 0.0F;
  std::uint8_t unbilled = 0;
  LinearMap map;
};

/// No kernel reads or writes beyond the places it is given, which is a whole number of lanes where
/// it says so. Equal arguments give equal bytes at every level: only additions, multiplications,
/// divisions and square roots, each rounded by itself, in the order written.
struct Kernels {
  /// Uniform whole numbers below 2^31. `count`: a multiple of 16, as in all that draw unless it says
  /// otherwise.
  void (*words)(LaneState&, std::uint32_t* out, std::size_t count) noexcept;
  /// Words of 64 bits; a multiple of 8.
  void (*long_words)(LaneState&, std::uint64_t* out, std::size_t count) noexcept;
  /// Standard normal, by the polar form of Box and Muller (1958) without rejection; |z| < 6.67. A
  /// multiple of 32.
  void (*normals)(LaneState&, float* out, std::size_t count) noexcept;
  /// Exponential of mean 1, below 22.2.
  void (*exponentials)(LaneState&, float* out, std::size_t count) noexcept;

  /// Each within 2 units in the last place; arguments are normal numbers, of exp in [-87, 88], of log
  /// above 0. `out` may be `in`. Any count.
  void (*exp)(const float* in, float* out, std::size_t count) noexcept;
  void (*log)(const float* in, float* out, std::size_t count) noexcept;
  void (*lognormals)(const float* z, LognormalScale scale, float* out, std::size_t count) noexcept;
  /// The grid's value at z, rounded to a whole number.
  void (*whole_numbers)(const float* z, const Grid& grid, float* out, std::size_t count) noexcept;

  void (*linear)(const float* in, LinearMap map, float* out, std::size_t count) noexcept;
  /// map(first_token + per_token x tokens).
  void (*latencies)(const float* first_token, const float* tokens, float per_token, LinearMap map,
                    float* latency, std::size_t count) noexcept;
  void (*mark)(const std::uint32_t* words, Marking marking, std::uint8_t* events,
               std::size_t count) noexcept;
  void (*endings)(Ending law, std::uint8_t* events, float* latency, std::size_t count) noexcept;
  void (*costs)(const float* input, const float* output, const std::uint8_t* events,
                Billing billing, float* cost, std::size_t count) noexcept;

  /// The first word of the MD5 digest of sixteen padded blocks; word i of all stands in row i.
  void (*md5)(const std::uint32_t (&blocks)[16][kLanes], std::uint32_t* first_words) noexcept;

  /// Sums of column[place] over the places, or of its natural logarithm, in double precision: one sum
  /// per lane, then lanes 8, 4, 2 and 1 apart.
  Sums (*sums_at)(const float* column, const std::uint16_t* places, std::size_t count) noexcept;
  Sums (*log_sums_at)(const float* column, const std::uint16_t* places, std::size_t count) noexcept;
};

/// In rising order of what the machine must have. Levels give equal bytes, so that no result depends
/// on the machine.
enum class KernelLevel : std::uint8_t { portable, avx2, avx512 };
inline constexpr std::array<KernelLevel, 3> kKernelLevels = {
    KernelLevel::portable, KernelLevel::avx2, KernelLevel::avx512};

/// Those of a level; null where the machine lacks it.
[[nodiscard]] const Kernels* kernels_at(KernelLevel level) noexcept;
/// Those in use: of the highest level that the machine has.
[[nodiscard]] const Kernels& kernels() noexcept;
/// Uses a level that the machine has, for tests and benchmarks that compare levels.
void use_kernels(KernelLevel level) noexcept;

}  // namespace gatewright::sim
