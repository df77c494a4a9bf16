// Vectors of the width that the present instruction set has, and what arithmetic alone cannot say.
// Used by the kernels' one source, which is compiled once per level; included by nothing else.
#pragma once

#include <cstddef>
#include <cstdint>
#if defined(__x86_64__)
#include <immintrin.h>
#endif

// Everything below lies in a namespace of the level: code for one instruction set must never be
// taken for code for another.
#if defined(__AVX512F__)
#define GATEWRIGHT_KERNEL_LEVEL avx512
#define GATEWRIGHT_VECTOR_BYTES 64
#elif defined(__AVX2__)
#define GATEWRIGHT_KERNEL_LEVEL avx2
#define GATEWRIGHT_VECTOR_BYTES 32
#else
#define GATEWRIGHT_KERNEL_LEVEL portable
#define GATEWRIGHT_VECTOR_BYTES 16
#endif

namespace gatewright::sim::GATEWRIGHT_KERNEL_LEVEL {

inline constexpr std::size_t kVectorBytes = GATEWRIGHT_VECTOR_BYTES;
inline constexpr std::size_t kFloats = kVectorBytes / sizeof(float);
inline constexpr std::size_t kDoubles = kVectorBytes / sizeof(double);

using F32 __attribute__((vector_size(GATEWRIGHT_VECTOR_BYTES))) = float;
using I32 __attribute__((vector_size(GATEWRIGHT_VECTOR_BYTES))) = std::int32_t;
using U32 __attribute__((vector_size(GATEWRIGHT_VECTOR_BYTES))) = std::uint32_t;
using U64 __attribute__((vector_size(GATEWRIGHT_VECTOR_BYTES))) = std::uint64_t;
using F64 __attribute__((vector_size(GATEWRIGHT_VECTOR_BYTES))) = double;
/// As many floats as a vector holds doubles.
using HalfF32 __attribute__((vector_size(GATEWRIGHT_VECTOR_BYTES / 2))) = float;

template <typename Vector, typename T>
inline Vector load(const T* from) noexcept {
  Vector vector;
  __builtin_memcpy(&vector, from, sizeof vector);
  return vector;
}

template <typename Vector, typename T>
inline void store(T* to, Vector vector) noexcept {
  __builtin_memcpy(to, &vector, sizeof vector);
}

inline F32 all(float value) noexcept { return F32{} + value; }
inline F32 to_float(I32 value) noexcept { return __builtin_convertvector(value, F32); }
/// Towards zero.
inline I32 to_whole(F32 value) noexcept { return __builtin_convertvector(value, I32); }

inline F32 smaller(F32 a, F32 b) noexcept { return a < b ? a : b; }
inline F32 larger(F32 a, F32 b) noexcept { return a > b ? a : b; }

#if defined(__AVX512F__)
// The masked forms: g++ 12 takes the plain ones for the use of an uninitialised vector.
inline constexpr __mmask16 kAllFloats = 0xFFFF;
#endif

inline F32 square_root(F32 value) noexcept {
#if defined(__AVX512F__)
  return (F32)_mm512_maskz_sqrt_ps(kAllFloats, (__m512)value);
#elif defined(__AVX2__)
  return (F32)_mm256_sqrt_ps((__m256)value);
#elif defined(__x86_64__)
  return (F32)_mm_sqrt_ps((__m128)value);
#else
  for (std::size_t i = 0; i < kFloats; ++i) value[i] = __builtin_sqrtf(value[i]);
  return value;
#endif
}

/// Two neighbours in a table per lane.
struct Neighbours {
  F32 first;
  F32 second;
};

/// from[index] and from[index + 1], fetched together.
inline Neighbours look_up(const float* from, I32 index) noexcept {
#if defined(__AVX512F__)
  constexpr __mmask8 kAllPairs = 0xFF;
  const auto low = (__m256i)__builtin_shufflevector(index, index, 0, 1, 2, 3, 4, 5, 6, 7);
  const auto high = (__m256i)__builtin_shufflevector(index, index, 8, 9, 10, 11, 12, 13, 14, 15);
  const auto a = (F32)_mm512_mask_i32gather_pd(__m512d{}, kAllPairs, low, from, sizeof(float));
  const auto b = (F32)_mm512_mask_i32gather_pd(__m512d{}, kAllPairs, high, from, sizeof(float));
  return {__builtin_shufflevector(a, b, 0, 2, 4, 6, 8, 10, 12, 14, 16, 18, 20, 22, 24, 26, 28, 30),
          __builtin_shufflevector(a, b, 1, 3, 5, 7, 9, 11, 13, 15, 17, 19, 21, 23, 25, 27, 29, 31)};
#else
  Neighbours found;
  for (std::size_t i = 0; i < kFloats; ++i) {
    const float* place = from + index[i];
    found.first[i] = place[0];
    found.second[i] = place[1];
  }
  return found;
#endif
}

/// Calls loop(i) for every whole vector of `count` floats; then `rest(i, left)` for what is left of
/// the last one.
template <typename Loop, typename Rest>
inline void over_floats(std::size_t count, Loop loop, Rest rest) {
  std::size_t i = 0;
  for (; i + kFloats <= count; i += kFloats) loop(i);
  if (i < count) rest(i, count - i);
}

/// out[i] = function(in[i]), also for what is less than a vector.
template <typename Function>
inline void map(const float* in, float* out, std::size_t count, Function function) {
  over_floats(
      count, [&](std::size_t i) { store(out + i, function(load<F32>(in + i))); },
      [&](std::size_t i, std::size_t left) {
        F32 padded{};
        __builtin_memcpy(&padded, in + i, left * sizeof(float));
        padded = function(padded);
        __builtin_memcpy(out + i, &padded, left * sizeof(float));
      });
}

}  // namespace gatewright::sim::GATEWRIGHT_KERNEL_LEVEL
