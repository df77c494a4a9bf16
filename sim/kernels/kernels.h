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
/// Short texts that are hashed at once.
inline constexpr std::size_t kTexts = 32;

/// A stream of columns, and where it stands. Its words of 64 bits are functions of their numbers; each
/// fills two lanes.
struct LaneState {
  std::uint64_t start = 0;
  std::uint64_t salt = 0;
  std::uint64_t drawn = 0;  ///< words
};

/// What streams of one world and index have in common: see lane_stream.h.
struct StreamGroup {
  std::array<std::uint32_t, 4> world{};  ///< (seed, replication), scrambled
  std::uint64_t index = 0;
};

/// Of an alias table (Walker 1977, Vose 1991): its own number for a fraction below `keep`, of 2^32, else the
/// other.
struct AliasSlot {
  std::uint32_t keep = 0;
  std::uint32_t alias = 0;
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

/// Each row's own map, but no less than `least`; one that changes nothing leaves the value as it is.
struct LinearMaps {
  const float* multiply = nullptr;
  const float* shift = nullptr;
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

/// Bytes that are `value` in the bits `of`.
struct Pattern {
  std::uint8_t of = 0;
  std::uint8_t value = 0;
};

/// Values above the one and at most the other.
struct Bracket {
  float above = 0.0F;
  float most = 0.0F;
};

struct Kept {
  std::size_t below = 0;
  std::size_t inside = 0;
};

/// Rows of numbers of which the first ones are summed, eight at a time, so that numbers up to a multiple of 8 are
/// read; `stride` from row to row.
struct RowTable {
  const float* numbers = nullptr;
  std::size_t stride = 0;
  std::size_t summed = 0;
};

/// Where numbers of a row are 0, and their unit: (number - centre) x per_unit. As many places as are read of a row;
/// those of numbers that are not summed are 0.
struct RowScale {
  const double* centre = nullptr;
  const double* per_unit = nullptr;
};

/// Sums over rows of numbers on a scale: as many places as are read of a row, `width`, or as many times `width`.
struct PowerSums {
  double* first = nullptr;
  double* third = nullptr;     ///< of the third powers
  double* products = nullptr;  ///< at [i * width + j], j <= i: of number i times number j
};

/// Sums of many rows of some cells: normal numbers, bent to their skewness. Numbers stand side by side, `width`
/// of them, a multiple of 8, of which the first `summed` are meant and the others are 0.
struct BentSums {
  const double* mean = nullptr;      ///< of a row; cell after cell
  const double* variance = nullptr;  ///< the same
  const double* skewness = nullptr;  ///< of a row, about its cell's mean
  const double* factor = nullptr;    ///< of the correlations: column after column
  std::size_t width = 0;
  std::size_t summed = 0;
};

/// So many rows of a cell.
struct CellCount {
  double count = 0.0;
  std::size_t cell = 0;
};

struct RankedPair {
  float first = 0.0F;
  float second = 0.0F;
};

/// Gaps between arrivals are added up in whole units, of their mean: sums of whole numbers are the same in any
/// order, and never fall. So many gaps, each below 22.2, are below 2^31 units.
inline constexpr double kGapUnit = 0x1p-18;
inline constexpr std::size_t kGapsAtOnce = 256;

/// from + (before + units - total) x step, at most `most`.
struct TimeMap {
  double from = 0.0;
  double before = 0.0;  ///< a whole number of units
  double total = 0.0;
  double step = 1.0;
  double most = 0.0;
};

/// A column times a number.
struct Term {
  const float* column = nullptr;
  float weight = 1.0F;
};

/// No kernel reads or writes beyond the places it is given, which is a whole number of lanes where
/// it says so. Equal arguments give equal bytes at every level: only additions, multiplications,
/// divisions and square roots, each rounded by itself, in the order written.
struct Kernels {
  /// Uniform whole numbers below 2^31. `count`: a multiple of 16, as in all that draw unless it says
  /// otherwise.
  void (*words)(LaneState&, std::uint32_t* out, std::size_t count) noexcept;
  /// The beginnings of `count` streams that differ in their names alone, as LaneStream says.
  void (*open)(const StreamGroup& group, const std::uint64_t* names, LaneState* out,
               std::size_t count) noexcept;
  /// Words of 64 bits; a multiple of 8.
  void (*long_words)(LaneState&, std::uint64_t* out, std::size_t count) noexcept;
  /// Standard normal, by the polar form of Box and Muller (1958) without rejection; |z| < 6.67. A
  /// multiple of 32.
  void (*normals)(LaneState&, float* out, std::size_t count) noexcept;
  /// Exponential of mean 1, below 22.2.
  void (*exponentials)(LaneState&, float* out, std::size_t count) noexcept;
  /// out[i]: what `words`, `long_words` or `normals` would write at places[i]. Any count.
  void (*words_at)(const LaneState&, const std::uint16_t* places, std::uint32_t* out,
                   std::size_t count) noexcept;
  void (*long_words_at)(const LaneState&, const std::uint16_t* places, std::uint64_t* out,
                        std::size_t count) noexcept;
  void (*normals_at)(const LaneState&, const std::uint16_t* places, float* out,
                     std::size_t count) noexcept;
  /// floor(word x most / 2^31), most at most 2^16. Any count, as in all below unless it says otherwise.
  void (*scaled)(const std::uint32_t* words, std::uint32_t most, std::uint16_t* out,
                 std::size_t count) noexcept;

  /// Word x slots / 2^64 by parts: the whole one is the slot, the first 32 bits of the rest its fraction.
  void (*pick)(const std::uint64_t* words, const AliasSlot* slots, std::uint32_t slot_count,
               std::uint32_t* out, std::size_t count) noexcept;

  /// out[i] = gaps[0] + .. + gaps[i], each rounded to units. A multiple of 16, at most kGapsAtOnce.
  void (*running_totals)(const float* gaps, std::uint32_t* out, std::size_t count) noexcept;
  /// Moments of totals below 2^31.
  void (*moments)(const std::uint32_t* totals, TimeMap map, double* out,
                  std::size_t count) noexcept;
  /// The sum of the terms, in their order; at least one.
  void (*mix)(const Term* terms, std::size_t term_count, float* out, std::size_t count) noexcept;

  /// Each within 2 units in the last place; arguments are normal numbers, of exp in [-87, 88], of log
  /// above 0. `out` may be `in`.
  void (*exp)(const float* in, float* out, std::size_t count) noexcept;
  void (*log)(const float* in, float* out, std::size_t count) noexcept;
  void (*lognormals)(const float* z, LognormalScale scale, float* out, std::size_t count) noexcept;
  /// The same, but at least 1 and rounded to a whole number; `most` at most 1e9.
  void (*whole_lognormals)(const float* z, LognormalScale scale, float* out,
                           std::size_t count) noexcept;
  /// The grid's value at z, rounded to a whole number.
  void (*whole_numbers)(const float* z, const Grid& grid, float* out, std::size_t count) noexcept;

  void (*linear)(const float* in, LinearMap map, float* out, std::size_t count) noexcept;
  /// In place.
  void (*linear_by_row)(LinearMaps maps, float* values, std::size_t count) noexcept;
  /// map(first_token + per_token x tokens).
  void (*latencies)(const float* first_token, const float* tokens, float per_token, LinearMap map,
                    float* latency, std::size_t count) noexcept;
  void (*mark)(const std::uint32_t* words, Marking marking, std::uint8_t* events,
               std::size_t count) noexcept;
  void (*endings)(Ending law, std::uint8_t* events, float* latency, std::size_t count) noexcept;
  void (*costs)(const float* input, const float* output, const std::uint8_t* events,
                Billing billing, float* cost, std::size_t count) noexcept;

  /// The first word of the MD5 digest of 32 padded blocks; word i of all stands in row i.
  void (*md5)(const std::uint32_t (&blocks)[16][kTexts], std::uint32_t* first_words) noexcept;

  // Sets of rows are bits: row i is bit i mod 64 of word i / 64.

  /// The rows of a column that are below the bound; those that fit the pattern.
  void (*rows_below_16)(const std::uint16_t* column, std::uint16_t bound, std::uint64_t* bits,
                        std::size_t count) noexcept;
  void (*rows_below_32)(const std::uint32_t* column, std::uint32_t bound, std::uint64_t* bits,
                        std::size_t count) noexcept;
  void (*rows_with)(const std::uint8_t* column, Pattern pattern, std::uint64_t* bits,
                    std::size_t count) noexcept;
  /// How many bits of so many words are set.
  std::size_t (*count_rows)(const std::uint64_t* bits, std::size_t words) noexcept;
  /// The values of a set's rows, in order; returns how many. Writes up to `count`, rounded up to whole
  /// lanes.
  std::size_t (*keep_rows)(const float* column, const std::uint64_t* bits, std::size_t count,
                           float* out) noexcept;
  /// Sums over a set's rows, as below; no row beyond `count` is in it.
  Sums (*sums_where)(const float* column, const std::uint64_t* bits, std::size_t count) noexcept;
  Sums (*log_sums_where)(const float* column, const std::uint64_t* bits,
                         std::size_t count) noexcept;

  /// The same of all rows, or of a set's where there is one, less `centre`.
  Sums (*sums_about)(const float* column, const std::uint64_t* bits, float centre,
                     std::size_t count) noexcept;
  /// farthest[i] = the greater of itself and |column[i] - centre| x per_unit.
  void (*farthest)(const float* column, float centre, float per_unit, float* farthest,
                   std::size_t count) noexcept;

  /// How many values are at most the bound; the least of those above it, infinite where there is none.
  std::size_t (*count_at_most)(const float* values, float bound, std::size_t count) noexcept;
  float (*least_above)(const float* values, float bound, std::size_t count) noexcept;
  /// The values within the bracket, in order, and how many are not above it. Ends with more inside than
  /// there is room for where the room, in which it may write a vector too many, does not do.
  Kept (*keep_between)(const float* values, Bracket bracket, float* out, std::size_t room,
                       std::size_t count) noexcept;

  /// Of so many values, and as many infinite ones after them as fill the last lanes: that which stands at
  /// `rank`, from 0, and that which stands at `next`. By comparing each with each: for few.
  RankedPair (*at_ranks)(const float* values, std::size_t count, std::size_t rank,
                         std::size_t next) noexcept;

  /// Per number, the sum over so many rows of a table, in double precision: of those at even places and
  /// those at odd ones, then both. Writes a multiple of 8 sums.
  void (*sums_of_rows)(RowTable table, const std::uint32_t* rows, std::size_t count,
                       double* sums) noexcept;

  /// Sums over the first `count` rows of a table, row after row. Writes other places of `products` as well.
  void (*power_sums)(RowTable table, RowScale scale, std::size_t count, PowerSums sums) noexcept;

  /// The sums of so many rows of each of some cells; `fresh`: a standard normal number for each sum.
  /// Writes at most `width` numbers.
  void (*bent_sums)(const BentSums& law, const CellCount* counts, std::size_t cells,
                    const double* fresh, double* sums) noexcept;

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
