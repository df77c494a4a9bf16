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

/// The logarithm of a uniform number in (0, 1] from the upper 31 bits of each lane: relative precision
/// towards 0.
inline F32 log_of_unit(U32 lanes) noexcept { return log<31>(to_float((I32)(lanes >> 1)) + 0.5F); }

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

/// The two normals of a word for the length and one for the angle.
struct NormalPair {
  F32 first;
  F32 second;
};
inline NormalPair normal_pair(U32 length, U32 angle) noexcept {
  const F32 radius = square_root(log_of_unit(length) * -2.0F);
  // A half turn from 32 bits; the bit that the radius leaves says which half.
  const SineCosine on_circle = sine_cosine_of_turn(to_float((I32)angle) * 0x1p-33F);
  return {radius * on_circle.sine, (F32)((U32)(radius * on_circle.cosine) ^ (length << 31))};
}

inline void normals(LaneState& state, float* out, std::size_t count) noexcept {
  with_generators(state, [=](Generators& generators, std::size_t lane) {
    for (std::size_t i = lane; i < count; i += 2 * kLanes) {
      const U32 length = (U32)generators.next();
      const U32 angle = (U32)generators.next();
      const auto [z, other] = normal_pair(length, angle);
      store(out + i, z);
      store(out + i + kLanes, other);
    }
  });
}

/// What normals() would write at `places`, from the words that it would draw.
inline void normals_at(const std::uint64_t* words, const std::uint16_t* places, float* out,
                       std::size_t count) noexcept {
  constexpr std::size_t kBlock = 64;
  std::uint32_t lengths[kBlock] = {};
  std::uint32_t angles[kBlock] = {};
  std::int32_t others[kBlock] = {};
  float z[kBlock];
  for (std::size_t first = 0; first < count; first += kBlock) {
    const std::size_t left = count - first < kBlock ? count - first : kBlock;
    for (std::size_t i = 0; i < left; ++i) {
      const std::size_t place = places[first + i];
      const std::size_t pair = place / (2 * kLanes) * (2 * kLanes) + place % kLanes;
      const std::size_t half = pair % 2 * 32;
      lengths[i] = static_cast<std::uint32_t>(words[pair / 2] >> half);
      angles[i] = static_cast<std::uint32_t>(words[(pair + kLanes) / 2] >> half);
      others[i] = place % (2 * kLanes) < kLanes ? 0 : -1;
    }
    for (std::size_t i = 0; i < left; i += kFloats) {
      const NormalPair pair = normal_pair(load<U32>(lengths + i), load<U32>(angles + i));
      store(z + i, load<I32>(others + i) ? pair.second : pair.first);
    }
    __builtin_memcpy(out + first, z, left * sizeof(float));
  }
}

inline void exponentials(LaneState& state, float* out, std::size_t count) noexcept {
  with_generators(state, [=](Generators& generators, std::size_t lane) {
    for (std::size_t i = lane; i < count; i += kLanes)
      store(out + i, -log_of_unit((U32)generators.next()));
  });
}

/// 32 bits times 10,000 or less fit; cutting off twice is cutting off once.
inline void scaled(const std::uint32_t* words, std::uint32_t most, std::uint16_t* out,
                   std::size_t count) noexcept {
  for (std::size_t i = 0; i < count; ++i) {
    const std::uint32_t low = (words[i] & 0xFFFFU) * most >> 16;
    out[i] = static_cast<std::uint16_t>(((words[i] >> 16) * most + low) >> 15);
  }
}

inline double running_totals(const float* gaps, double before, double* out,
                             std::size_t count) noexcept {
  for (std::size_t i = 0; i < count; i += 8) {
    EightDoubles eight;
    for (std::size_t v = 0; v < EightDoubles::kVectors; ++v)
      eight.part[v] = __builtin_convertvector(load<HalfF32>(gaps + i + v * kDoubles), F64);
    eight = running_sums(eight);
    for (std::size_t v = 0; v < EightDoubles::kVectors; ++v)
      store(out + i + v * kDoubles, eight.part[v] + before);
    before += eight.part[EightDoubles::kVectors - 1][kDoubles - 1];
  }
  return before;
}

inline void moments(const double* totals, TimeMap map, double* out, std::size_t count) noexcept {
  for (std::size_t i = 0; i < count; ++i) {
    const double at = map.from + (totals[i] - map.total) * map.step;
    out[i] = at < map.most ? at : map.most;
  }
}

/// One term after another, as written.
inline void mix(const Term* terms, std::size_t term_count, float* out, std::size_t count) noexcept {
  const auto sum_at = [terms, term_count](std::size_t i, auto load_at) {
    F32 sum = load_at(terms[0].column + i) * terms[0].weight;
    for (std::size_t t = 1; t < term_count; ++t)
      sum = sum + load_at(terms[t].column + i) * terms[t].weight;
    return sum;
  };
  over_floats(
      count,
      [&](std::size_t i) {
        store(out + i, sum_at(i, [](const float* from) { return load<F32>(from); }));
      },
      [&](std::size_t i, std::size_t left) {
        const F32 sum = sum_at(i, [left](const float* from) {
          F32 padded{};
          __builtin_memcpy(&padded, from, left * sizeof(float));
          return padded;
        });
        __builtin_memcpy(out + i, &sum, left * sizeof(float));
      });
}

}  // namespace gatewright::sim::GATEWRIGHT_KERNEL_LEVEL
