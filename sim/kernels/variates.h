// Columns of random variates from eight generators side by side.
// Used by the kernels' one source; which variate stands at which place does not depend on the level.
#pragma once

#include "sim/kernels/functions.h"
#include "sim/kernels/kernels.h"
#include "sim/kernels/lanes.h"

namespace gatewright::sim::GATEWRIGHT_KERNEL_LEVEL {

/// xoshiro256++ (Blackman and Vigna 2021), as many as a vector holds.
struct Generators {
  U64 s0, s1, s2, s3;

  static U64 rotl(U64 x, int by) noexcept { return (x << by) | (x >> (64 - by)); }
  U64 next() noexcept {
    const U64 result = rotl(s0 + s3, 23) + s0;
    const U64 shifted = s1 << 17;
    s2 ^= s0;
    s3 ^= s1;
    s1 ^= s2;
    s0 ^= s3;
    s2 ^= shifted;
    s3 = rotl(s3, 45);
    return result;
  }
};

/// Calls fill(generators, lane) for each vector of generators, which stay in registers meanwhile;
/// `lane` is the first of 32 bits that they give.
template <typename Fill>
inline void with_generators(LaneState& state, Fill fill) noexcept {
  for (std::size_t first = 0; first < LaneState::kGenerators; first += kDoubles) {
    Generators generators{load<U64>(state.word[0] + first), load<U64>(state.word[1] + first),
                          load<U64>(state.word[2] + first), load<U64>(state.word[3] + first)};
    fill(generators, 2 * first);
    store(state.word[0] + first, generators.s0);
    store(state.word[1] + first, generators.s1);
    store(state.word[2] + first, generators.s2);
    store(state.word[3] + first, generators.s3);
  }
}

/// Uniform in (0, 1] from the upper 31 bits of each lane: relative precision towards 0.
inline F32 unit(U32 lanes) noexcept { return to_float((I32)(lanes >> 1)) * 0x1p-31F + 0x1p-32F; }

inline void words(LaneState& state, std::uint32_t* out, std::size_t count) noexcept {
  with_generators(state, [=](Generators& generators, std::size_t lane) {
    for (std::size_t i = lane; i < count; i += kLanes) store(out + i, (U32)generators.next() >> 1);
  });
}

inline void long_words(LaneState& state, std::uint64_t* out, std::size_t count) noexcept {
  with_generators(state, [=](Generators& generators, std::size_t lane) {
    for (std::size_t i = lane / 2; i < count; i += LaneState::kGenerators)
      store(out + i, generators.next());
  });
}

inline void normals(LaneState& state, float* out, std::size_t count) noexcept {
  with_generators(state, [=](Generators& generators, std::size_t lane) {
    for (std::size_t i = lane; i < count; i += 2 * kLanes) {
      const U32 length = (U32)generators.next();
      const U32 angle = (U32)generators.next();
      const F32 radius = square_root(log(unit(length)) * -2.0F);
      // A half turn from 32 bits; the bit that the radius leaves says which half.
      const SineCosine on_circle = sine_cosine_of_turn(to_float((I32)angle) * 0x1p-33F);
      store(out + i, radius * on_circle.sine);
      store(out + i + kLanes, (F32)((U32)(radius * on_circle.cosine) ^ (length << 31)));
    }
  });
}

inline void exponentials(LaneState& state, float* out, std::size_t count) noexcept {
  with_generators(state, [=](Generators& generators, std::size_t lane) {
    for (std::size_t i = lane; i < count; i += kLanes)
      store(out + i, -log(unit((U32)generators.next())));
  });
}

}  // namespace gatewright::sim::GATEWRIGHT_KERNEL_LEVEL
