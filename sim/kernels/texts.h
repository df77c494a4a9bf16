// MD5 of short texts, a lane each.
// Used by the kernels' one source.
#pragma once

#include "sim/kernels/kernels.h"
#include "sim/kernels/lanes.h"
#include "sim/users/md5_rounds.h"

namespace gatewright::sim::GATEWRIGHT_KERNEL_LEVEL {

/// Two vectors side by side: each of the 64 steps waits for the one before.
inline void md5(const std::uint32_t (&blocks)[16][kTexts], std::uint32_t* first_words) noexcept {
  constexpr std::size_t kSideBySide = 2;
  const auto start = [](std::size_t word) {
    return abreast<kSideBySide>([word](std::size_t) { return U32{} + kMd5Start[word]; });
  };
  for (std::size_t lane = 0; lane < kTexts; lane += kSideBySide * kFloats) {
    Md5State<Abreast<U32, kSideBySide>> state{start(0), start(1), start(2), start(3)};
    add_md5_block(state, [&blocks, lane](std::size_t word) {
      return abreast<kSideBySide>(
          [&](std::size_t k) { return load<U32>(&blocks[word][lane + k * kFloats]); });
    });
    for (std::size_t k = 0; k < kSideBySide; ++k)
      store(first_words + lane + k * kFloats, state.a.part[k]);
  }
}

}  // namespace gatewright::sim::GATEWRIGHT_KERNEL_LEVEL
