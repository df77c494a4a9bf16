// MD5 of short texts, a lane each.
// Used by the kernels' one source.
#pragma once

#include "sim/kernels/kernels.h"
#include "sim/kernels/lanes.h"
#include "sim/users/md5_rounds.h"

namespace gatewright::sim::GATEWRIGHT_KERNEL_LEVEL {

inline void md5(const std::uint32_t (&blocks)[16][kLanes], std::uint32_t* first_words) noexcept {
  for (std::size_t lane = 0; lane < kLanes; lane += kFloats) {
    Md5State<U32> state{U32{} + kMd5Start[0], U32{} + kMd5Start[1], U32{} + kMd5Start[2],
                        U32{} + kMd5Start[3]};
    add_md5_block(state,
                  [&blocks, lane](std::size_t word) { return load<U32>(&blocks[word][lane]); });
    store(first_words + lane, state.a);
  }
}

}  // namespace gatewright::sim::GATEWRIGHT_KERNEL_LEVEL
