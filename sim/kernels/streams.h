// Opening many streams of columns at once: the Philox of their keys, a lane each.
// Used by the kernels' one source.
#pragma once

#include "sim/kernels/kernels.h"
#include "sim/kernels/lanes.h"

namespace gatewright::sim::GATEWRIGHT_KERNEL_LEVEL {

/// Words of 32 bits, in the lower half of each lane; what stands above them does not count.
struct PhiloxLanes {
  U64 word[4];
};

/// As philox4x32_10(), for as many counters as there are lanes.
inline PhiloxLanes philox(PhiloxLanes counter, std::uint32_t key_a, std::uint32_t key_b) noexcept {
  constexpr int kRounds = 10;
  const U64 first_factor = U64{} + 0xD2511F53U;
  const U64 second_factor = U64{} + 0xCD9E8D57U;
  for (int round = 0; round < kRounds; ++round) {
    const U64 first = product_of_halves(counter.word[0], first_factor);
    const U64 second = product_of_halves(counter.word[2], second_factor);
    counter = {(second >> 32) ^ counter.word[1] ^ (U64{} + key_a), second,
               (first >> 32) ^ counter.word[3] ^ (U64{} + key_b), first};
    key_a += 0x9E3779B9U;
    key_b += 0xBB67AE85U;
  }
  return counter;
}

inline void open(const StreamGroup& group, const std::uint64_t* names, LaneState* out,
                 std::size_t count) noexcept {
  const std::array<std::uint32_t, 4>& world = group.world;
  const std::uint64_t rest_of_world = std::uint64_t{world[3]} << 32 | world[2];
  for (std::size_t first = 0; first < count; first += kDoubles) {
    const std::size_t left = count - first < kDoubles ? count - first : kDoubles;
    U64 name{};
    __builtin_memcpy(&name, names + first, left * sizeof(std::uint64_t));
    const U64 index = U64{} + group.index;
    const PhiloxLanes a = philox({{name, name >> 32, index, index >> 32}}, world[0], world[1]);
    const auto joined = [](U64 low, U64 high) { return (low & 0xFFFFFFFFU) | (high << 32); };
    const U64 start = joined(a.word[0], a.word[1]);
    const U64 salt = joined(a.word[2], a.word[3]) ^ rest_of_world;
    for (std::size_t i = 0; i < left; ++i) out[first + i] = {.start = start[i], .salt = salt[i]};
  }
}

}  // namespace gatewright::sim::GATEWRIGHT_KERNEL_LEVEL
