// Keyed randomness: a stream is a function of (seed, replication, name, index), never "the next draw".
// Used by everything in sim/ that is random, by columns through LaneStream; adding a metric, a gate or a
// thread moves no other stream.
#pragma once

#include <array>
#include <bit>
#include <cstdint>
#include <limits>
#include <span>
#include <string_view>

namespace gatewright::sim {

/// One block of Philox 4x32-10 (Salmon, Moraes, Dror, Shaw, "Parallel random numbers: as easy as
/// 1, 2, 3", SC 2011): four words from a 128-bit counter and a 64-bit key.
[[nodiscard]] std::array<std::uint32_t, 4> philox4x32_10(std::array<std::uint32_t, 4> counter,
                                                         std::array<std::uint32_t, 2> key) noexcept;

/// A stream's name, hashed at compile time (64-bit FNV-1a of the text).
class StreamName {
 public:
  consteval StreamName(const char* text) : hash_(fnv1a(text)) {}  // NOLINT: a name reads as text
  [[nodiscard]] constexpr std::uint64_t hash() const noexcept { return hash_; }

 private:
  static constexpr std::uint64_t fnv1a(std::string_view text) noexcept {
    std::uint64_t hash = 0xcbf29ce484222325ULL;
    for (const char c : text) {
      hash ^= static_cast<unsigned char>(c);
      hash *= 0x100000001b3ULL;
    }
    return hash;
  }
  std::uint64_t hash_;
};

struct StreamKey {
  std::uint64_t seed = 0;
  std::uint64_t replication = 0;
  StreamName name;
  std::uint64_t index = 0;  ///< e.g. window x chunks + chunk
};

/// The key hashed to 256 bits, not all zero, by three blocks of Philox so that equal states need equal
/// keys: within one (seed, replication) for certain, across them up to chance.
[[nodiscard]] std::array<std::uint64_t, 4> state_of(const StreamKey& key) noexcept;

/// The first of the three blocks, which all streams of a world share.
[[nodiscard]] std::array<std::uint32_t, 4> scrambled_world(std::uint64_t seed,
                                                           std::uint64_t replication) noexcept;

/// The state of a key, of whose world the first block is known.
[[nodiscard]] std::array<std::uint64_t, 4> state_of(const std::array<std::uint32_t, 4>& world,
                                                    StreamName name, std::uint64_t index) noexcept;

/// xoshiro256++ (Blackman and Vigna 2021) from state_of(key). A uniform random bit generator in the
/// sense of the standard, for Boost.Random; and a few variates at a time. Columns are filled by
/// LaneStream.
class Stream {
 public:
  using result_type = std::uint64_t;
  explicit Stream(const StreamKey& key) noexcept;
  /// The same stream; `world`: scrambled_world of its seed and replication.
  Stream(const std::array<std::uint32_t, 4>& world, StreamName name, std::uint64_t index) noexcept
      : state_(state_of(world, name, index)) {}
  /// The generator at a state, not all zero: for the published outputs it is checked against.
  explicit Stream(const std::array<std::uint64_t, 4>& state) noexcept : state_(state) {}
  /// The generator from a random word, spread over its state by SplitMix64 (Steele, Lea and Flood 2014) as
  /// its authors advise: for keys that are random themselves, at a tenth of the price.
  [[nodiscard]] static Stream of_word(std::uint64_t word) noexcept;
  static constexpr result_type min() noexcept { return 0; }
  static constexpr result_type max() noexcept { return std::numeric_limits<result_type>::max(); }
  result_type operator()() noexcept {
    const std::uint64_t result = std::rotl(state_[0] + state_[3], 23) + state_[0];
    const std::uint64_t shifted = state_[1] << 17;
    state_[2] ^= state_[0];
    state_[3] ^= state_[1];
    state_[1] ^= state_[2];
    state_[0] ^= state_[3];
    state_[2] ^= shifted;
    state_[3] = std::rotl(state_[3], 45);
    ++draws_;
    return result;
  }

  /// Uniform in (0, 1), never an end: the middle of one of 2^52 equal cells.
  [[nodiscard]] double uniform() noexcept {
    return (static_cast<double>((*this)() >> 12) + 0.5) * 0x1.0p-52;
  }
  void fill_uniform(std::span<double> out) noexcept;
  void fill_normal(std::span<double> out) noexcept;       ///< standard normal
  void fill_exponential(std::span<double> out) noexcept;  ///< mean 1
  /// 64-bit words drawn so far; part of a run's fingerprint.
  [[nodiscard]] std::uint64_t draws() const noexcept { return draws_; }

 private:
  std::array<std::uint64_t, 4> state_;
  std::uint64_t draws_ = 0;
};

}  // namespace gatewright::sim
