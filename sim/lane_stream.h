// Keyed randomness by the column: words of one stream, drawn side by side or at some places only.
// Used wherever a chunk's requests each need a draw; a few draws at a time are Stream's.
#pragma once

#include <cstdint>
#include <span>

#include "sim/kernels/kernels.h"
#include "sim/streams.h"

namespace gatewright::sim {

/// Word n, from 1, is SplitMix64's (Steele, Lea and Flood 2014) of start + n 2^64 / golden ratio, with the salt
/// between its two multiplications; start and salt are Philox of the key, a bijection within one (seed,
/// replication): equal streams need equal keys. What does not depend on the word before can be drawn where it
/// is looked at. A fill takes whole rows of 16 lanes (32 for normals), so that what stands at a place depends
/// neither on how many are asked for nor on the machine.
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

  using Places = std::span<const std::uint16_t>;
  /// out[i]: what would stand at places[i], had `count` places been filled. Goes on as after them.
  void words_at(Places places, std::size_t count, std::uint32_t* out) noexcept;
  void long_words_at(Places places, std::size_t count, std::uint64_t* out) noexcept;
  void normals_at(Places places, std::size_t count, float* out) noexcept;
  /// 64-bit words drawn so far; part of a run's fingerprint.
  [[nodiscard]] std::uint64_t draws() const noexcept { return state_.drawn; }

 private:
  template <typename T, typename Kernel>
  void fill(std::span<T> out, std::size_t row, Kernel kernel) noexcept;
  LaneState state_;
};

}  // namespace gatewright::sim
