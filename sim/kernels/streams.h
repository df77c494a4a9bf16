// Opening many streams at once: the Philox of their keys, a lane each, then the states of their generators.
// Used by the kernels' one source; gives what state_of() and the mixing of SplitMix64 give one by one.
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

inline constexpr std::uint64_t kOdd = 0x9e3779b97f4a7c15ULL;  // 2^64 / golden ratio

/// The end of SplitMix64 (Steele, Lea and Flood 2014).
inline U64 mixed(U64 z) noexcept {
  z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9ULL;
  z = (z ^ (z >> 27)) * 0x94d049bb133111ebULL;
  return z ^ (z >> 31);
}

/// Eight generators from one state of four words.
inline void spread(const std::uint64_t (&state)[4], LaneState& out) noexcept {
  std::uint64_t steps[LaneState::kGenerators];
  for (std::size_t i = 0; i < LaneState::kGenerators; ++i) steps[i] = (i + 1) * kOdd;
  for (std::size_t first = 0; first < LaneState::kGenerators; first += kDoubles) {
    U64 any{};
    for (std::size_t word = 0; word < 4; ++word) {
      const U64 of_word = mixed(load<U64>(steps + first) + state[word]);
      store(out.word[word] + first, of_word);
      any |= of_word;
    }
    // The one state that xoshiro256++ cannot leave.
    const U64 first_word = load<U64>(out.word[0] + first);
    store(out.word[0] + first, any == 0 ? U64{} + kOdd : first_word);
  }
}

inline void open(const StreamGroup& group, const std::uint64_t* names, LaneState* out,
                 std::size_t count) noexcept {
  const std::array<std::uint32_t, 4>& world = group.world;
  for (std::size_t first = 0; first < count; first += kDoubles) {
    const std::size_t left = count - first < kDoubles ? count - first : kDoubles;
    U64 name{};
    __builtin_memcpy(&name, names + first, left * sizeof(std::uint64_t));
    const U64 index = U64{} + group.index;
    const PhiloxLanes purpose{{name, name >> 32, index, index >> 32}};
    const PhiloxLanes a = philox(purpose, world[0], world[1]);
    const PhiloxLanes b = philox(purpose, world[2], ~world[3]);
    const auto joined = [](U64 low, U64 high) { return (low & 0xFFFFFFFFU) | (high << 32); };
    U64 words[4] = {joined(a.word[0], a.word[1]), joined(a.word[2], a.word[3]),
                    joined(b.word[0], b.word[1]), joined(b.word[2], b.word[3])};
    words[0] = (words[0] | words[1] | words[2] | words[3]) == 0 ? U64{} + kOdd : words[0];
    for (std::size_t i = 0; i < left; ++i) {
      const std::uint64_t state[4] = {words[0][i], words[1][i], words[2][i], words[3][i]};
      spread(state, out[first + i]);
    }
  }
}

}  // namespace gatewright::sim::GATEWRIGHT_KERNEL_LEVEL
