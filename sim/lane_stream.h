// Keyed randomness by the column: sixteen lanes of one stream, drawn side by side.
// Used wherever a chunk's requests each need a draw; a few draws at a time are Stream's.
#pragma once

#include <cstdint>
#include <span>

#include "sim/kernels/kernels.h"
#include "sim/streams.h"

namespace gatewright::sim {

/// Eight xoshiro256++ whose states are state_of(key) moved by multiples of an odd number, each word
/// mixed as in SplitMix64 (Steele, Lea and Flood 2014), which is a bijection: equal states of a lane
/// need equal keys. A fill takes whole rows of 16 lanes (32 for normals), so that what stands at a
/// place depends neither on how many are asked for nor on the machine.
class LaneStream {
 public:
  explicit LaneStream(const StreamKey& key) noexcept;
  /// Opened by kernels().open.
  explicit LaneStream(const LaneState& opened) noexcept : state_(opened) {}

  /// Uniform whole numbers below 2^31; see chance.h.
  void fill_words(std::span<std::uint32_t> out) noexcept;
  void fill_long_words(std::span<std::uint64_t> out) noexcept;  ///< 64 bits each
  void fill_normal(std::span<float> out) noexcept;              ///< standard normal
  void fill_exponential(std::span<float> out) noexcept;         ///< mean 1
  /// 64-bit words drawn so far; part of a run's fingerprint.
  [[nodiscard]] std::uint64_t draws() const noexcept { return draws_; }

 private:
  template <typename T, typename Kernel>
  void fill(std::span<T> out, std::size_t row, std::size_t words_per_row, Kernel kernel) noexcept;
  LaneState state_;
  std::uint64_t draws_ = 0;
};

}  // namespace gatewright::sim
