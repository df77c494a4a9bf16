// MD5 of short texts, a lane each.
// Used by the kernels' one source.
#pragma once

#include "sim/kernels/kernels.h"
#include "sim/kernels/lanes.h"
#include "sim/users/md5_rounds.h"

namespace gatewright::sim::GATEWRIGHT_KERNEL_LEVEL {

/// Two vectors side by side: each of the 64 steps waits for the one before. Two members, not an array of
/// two, which compilers keep in memory.
struct TwoVectors {
  U32 a, b;
  friend TwoVectors operator+(TwoVectors x, TwoVectors y) noexcept {
    return {x.a + y.a, x.b + y.b};
  }
  friend TwoVectors operator&(TwoVectors x, TwoVectors y) noexcept {
    return {x.a & y.a, x.b & y.b};
  }
  friend TwoVectors operator|(TwoVectors x, TwoVectors y) noexcept {
    return {x.a | y.a, x.b | y.b};
  }
  friend TwoVectors operator^(TwoVectors x, TwoVectors y) noexcept {
    return {x.a ^ y.a, x.b ^ y.b};
  }
  friend TwoVectors operator~(TwoVectors x) noexcept { return {~x.a, ~x.b}; }
  friend TwoVectors operator+(TwoVectors x, std::uint32_t y) noexcept { return {x.a + y, x.b + y}; }
  friend TwoVectors operator<<(TwoVectors x, int by) noexcept { return {x.a << by, x.b << by}; }
  friend TwoVectors operator>>(TwoVectors x, int by) noexcept { return {x.a >> by, x.b >> by}; }
};

inline void md5(const std::uint32_t (&blocks)[16][kTexts], std::uint32_t* first_words) noexcept {
  const auto start = [](std::size_t word) {
    return TwoVectors{U32{} + kMd5Start[word], U32{} + kMd5Start[word]};
  };
  for (std::size_t lane = 0; lane < kTexts; lane += 2 * kFloats) {
    Md5State<TwoVectors> state{start(0), start(1), start(2), start(3)};
    add_md5_block(state, [&blocks, lane](std::size_t word) {
      return TwoVectors{load<U32>(&blocks[word][lane]), load<U32>(&blocks[word][lane + kFloats])};
    });
    store(first_words + lane, state.a.a);
    store(first_words + lane + kFloats, state.a.b);
  }
}

}  // namespace gatewright::sim::GATEWRIGHT_KERNEL_LEVEL
