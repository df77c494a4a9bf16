// Vectors of the width that the present instruction set has, and what arithmetic alone cannot say.
// Used by the kernels' one source, which is compiled once per level; included by nothing else.
#pragma once

#include <cstddef>
#include <cstdint>
#include <utility>
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
using I16 __attribute__((vector_size(GATEWRIGHT_VECTOR_BYTES))) = std::int16_t;
using U16 __attribute__((vector_size(GATEWRIGHT_VECTOR_BYTES))) = std::uint16_t;
using I8 __attribute__((vector_size(GATEWRIGHT_VECTOR_BYTES))) = std::int8_t;
using U8 __attribute__((vector_size(GATEWRIGHT_VECTOR_BYTES))) = std::uint8_t;
using F64 __attribute__((vector_size(GATEWRIGHT_VECTOR_BYTES))) = double;
using QuarterU16 __attribute__((vector_size(GATEWRIGHT_VECTOR_BYTES / 4))) = std::uint16_t;
using HalfI32 __attribute__((vector_size(GATEWRIGHT_VECTOR_BYTES / 2))) = std::int32_t;
/// As many floats as a vector holds doubles.
using HalfF32 __attribute__((vector_size(GATEWRIGHT_VECTOR_BYTES / 2))) = float;
using HalfU32 __attribute__((vector_size(GATEWRIGHT_VECTOR_BYTES / 2))) = std::uint32_t;

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

/// The lower lanes and the upper ones.
struct Halves {
  HalfF32 low;
  HalfF32 high;
};
inline Halves halves(F32 x) noexcept {
#if defined(__AVX512F__)
  return {__builtin_shufflevector(x, x, 0, 1, 2, 3, 4, 5, 6, 7),
          __builtin_shufflevector(x, x, 8, 9, 10, 11, 12, 13, 14, 15)};
#elif defined(__AVX2__)
  return {__builtin_shufflevector(x, x, 0, 1, 2, 3), __builtin_shufflevector(x, x, 4, 5, 6, 7)};
#else
  return {__builtin_shufflevector(x, x, 0, 1), __builtin_shufflevector(x, x, 2, 3)};
#endif
}

inline F32 all(float value) noexcept { return F32{} + value; }
inline F32 to_float(I32 value) noexcept { return __builtin_convertvector(value, F32); }
/// Towards zero.
inline I32 to_whole(F32 value) noexcept { return __builtin_convertvector(value, I32); }

#if defined(__AVX512F__)
// The masked forms: g++ 12 takes the plain ones for the use of an uninitialised vector.
inline constexpr __mmask16 kAllFloats = 0xFFFF;
#endif

/// a < b ? a : b, which is one instruction only where one says so.
inline F32 smaller(F32 a, F32 b) noexcept {
#if defined(__AVX512F__)
  return (F32)_mm512_maskz_min_ps(kAllFloats, (__m512)a, (__m512)b);
#elif defined(__AVX2__)
  return (F32)_mm256_min_ps((__m256)a, (__m256)b);
#elif defined(__x86_64__)
  return (F32)_mm_min_ps((__m128)a, (__m128)b);
#else
  return a < b ? a : b;
#endif
}

/// a > b ? a : b.
inline F32 larger(F32 a, F32 b) noexcept {
#if defined(__AVX512F__)
  return (F32)_mm512_maskz_max_ps(kAllFloats, (__m512)a, (__m512)b);
#elif defined(__AVX2__)
  return (F32)_mm256_max_ps((__m256)a, (__m256)b);
#elif defined(__x86_64__)
  return (F32)_mm_max_ps((__m128)a, (__m128)b);
#else
  return a > b ? a : b;
#endif
}

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

/// The greatest lane.
inline float greatest(F32 value) noexcept {
#if defined(__AVX512F__)
  value = larger(value, __builtin_shufflevector(value, value, 8, 9, 10, 11, 12, 13, 14, 15, 0, 1, 2,
                                                3, 4, 5, 6, 7));
  value = larger(value, __builtin_shufflevector(value, value, 4, 5, 6, 7, 0, 1, 2, 3, 12, 13, 14,
                                                15, 8, 9, 10, 11));
#elif defined(__AVX2__)
  value = larger(value, __builtin_shufflevector(value, value, 4, 5, 6, 7, 0, 1, 2, 3));
#endif
  float found = value[0];
  for (std::size_t i = 1; i < 4; ++i) found = value[i] > found ? value[i] : found;
  return found;
}

inline F64 square_root(F64 value) noexcept {
#if defined(__AVX512F__)
  return (F64)_mm512_maskz_sqrt_pd(0xFF, (__m512d)value);
#elif defined(__AVX2__)
  return (F64)_mm256_sqrt_pd((__m256d)value);
#elif defined(__x86_64__)
  return (F64)_mm_sqrt_pd((__m128d)value);
#else
  for (std::size_t i = 0; i < kDoubles; ++i) value[i] = __builtin_sqrt(value[i]);
  return value;
#endif
}

// Between widths; g++ 12 takes halves of halves where one does not say so.

inline F64 to_double(HalfF32 values) noexcept {
#if defined(__AVX512F__)
  return (F64)_mm512_maskz_cvtps_pd(0xFF, (__m256)values);
#elif defined(__AVX2__)
  return (F64)_mm256_cvtps_pd((__m128)values);
#else
  return __builtin_convertvector(values, F64);
#endif
}

inline HalfU32 lower_halves(U64 values) noexcept {
#if defined(__AVX512F__)
  return (HalfU32)_mm512_maskz_cvtepi64_epi32(0xFF, (__m512i)values);
#else
  return __builtin_convertvector(values & 0xFFFFFFFFU, HalfU32);
#endif
}

inline U64 widened(QuarterU16 values) noexcept {
#if defined(__AVX512F__)
  return (U64)_mm512_maskz_cvtepu16_epi64(0xFF, (__m128i)values);
#elif defined(__AVX2__)
  return (U64)_mm256_cvtepu16_epi64(_mm_cvtsi64_si128((long long)(values)));
#else
  return __builtin_convertvector(values, U64);
#endif
}

inline I32 as_whole(F32 value) noexcept { return (I32)value; }
inline F32 as_float(I32 value) noexcept { return (F32)value; }

// ---- vectors abreast ----

/// Vectors that go through a function side by side. A processor looks some hundred operations ahead, which
/// of a chain of thirty is too few to fill the time that each waits for the one before: so the next
/// operation written is that of another chain.
template <typename Vector, std::size_t n>
struct Abreast {
  Vector part[n];
};

inline constexpr std::size_t kAbreast = 4;

/// function(0), function(1), ...: not a loop, which compilers keep in memory.
template <std::size_t n, typename Function>
[[gnu::always_inline]] inline auto abreast(Function function) noexcept {
  return [function]<std::size_t... k>(std::index_sequence<k...>) {
    return Abreast<decltype(function(0)), n>{{function(k)...}};
  }
  (std::make_index_sequence<n>{});
}

template <typename V, std::size_t n, typename Function>
[[gnu::always_inline]] inline auto each(const Abreast<V, n>& a, Function function) noexcept {
  return abreast<n>([&](std::size_t k) { return function(a.part[k]); });
}
template <typename A, typename B, std::size_t n, typename Function>
[[gnu::always_inline]] inline auto each(const Abreast<A, n>& a, const Abreast<B, n>& b,
                                        Function function) noexcept {
  return abreast<n>([&](std::size_t k) { return function(a.part[k], b.part[k]); });
}
/// A vector by itself.
template <typename V, typename Function>
[[gnu::always_inline]] inline auto each(const V& a, Function function) noexcept {
  return function(a);
}
template <typename A, typename B, typename Function>
[[gnu::always_inline]] inline auto each(const A& a, const B& b, Function function) noexcept {
  return function(a, b);
}

template <typename V, std::size_t n>
inline Abreast<V, n> operator+(const Abreast<V, n>& a, const Abreast<V, n>& b) noexcept {
  return each(a, b, [](V x, V y) { return x + y; });
}
template <typename V, std::size_t n>
inline Abreast<V, n> operator-(const Abreast<V, n>& a, const Abreast<V, n>& b) noexcept {
  return each(a, b, [](V x, V y) { return x - y; });
}
template <typename V, std::size_t n>
inline Abreast<V, n> operator*(const Abreast<V, n>& a, const Abreast<V, n>& b) noexcept {
  return each(a, b, [](V x, V y) { return x * y; });
}
template <typename V, std::size_t n, typename Scalar>
inline Abreast<V, n> operator+(const Abreast<V, n>& a, Scalar b) noexcept {
  return each(a, [b](V x) { return x + b; });
}
template <typename V, std::size_t n, typename Scalar>
inline Abreast<V, n> operator-(const Abreast<V, n>& a, Scalar b) noexcept {
  return each(a, [b](V x) { return x - b; });
}
template <typename V, std::size_t n, typename Scalar>
inline Abreast<V, n> operator*(const Abreast<V, n>& a, Scalar b) noexcept {
  return each(a, [b](V x) { return x * b; });
}
template <typename V, std::size_t n>
inline Abreast<V, n> operator&(const Abreast<V, n>& a, const Abreast<V, n>& b) noexcept {
  return each(a, b, [](V x, V y) { return x & y; });
}
template <typename V, std::size_t n>
inline Abreast<V, n> operator|(const Abreast<V, n>& a, const Abreast<V, n>& b) noexcept {
  return each(a, b, [](V x, V y) { return x | y; });
}
template <typename V, std::size_t n>
inline Abreast<V, n> operator^(const Abreast<V, n>& a, const Abreast<V, n>& b) noexcept {
  return each(a, b, [](V x, V y) { return x ^ y; });
}
template <typename V, std::size_t n>
inline Abreast<V, n> operator~(const Abreast<V, n>& a) noexcept {
  return each(a, [](V x) { return ~x; });
}
template <typename V, std::size_t n>
inline Abreast<V, n> operator<<(const Abreast<V, n>& a, int by) noexcept {
  return each(a, [by](V x) { return x << by; });
}
template <typename V, std::size_t n>
inline Abreast<V, n> operator>>(const Abreast<V, n>& a, int by) noexcept {
  return each(a, [by](V x) { return x >> by; });
}
template <std::size_t n>
inline Abreast<F32, n> to_float(const Abreast<I32, n>& a) noexcept {
  return each(a, [](I32 x) { return to_float(x); });
}
template <std::size_t n>
inline Abreast<I32, n> to_whole(const Abreast<F32, n>& a) noexcept {
  return each(a, [](F32 x) { return to_whole(x); });
}
template <std::size_t n>
inline Abreast<I32, n> as_whole(const Abreast<F32, n>& a) noexcept {
  return each(a, [](F32 x) { return (I32)x; });
}
template <std::size_t n>
inline Abreast<F32, n> as_float(const Abreast<I32, n>& a) noexcept {
  return each(a, [](I32 x) { return (F32)x; });
}
template <std::size_t n>
inline Abreast<F32, n> smaller(const Abreast<F32, n>& a, F32 b) noexcept {
  return each(a, [b](F32 x) { return smaller(x, b); });
}
template <std::size_t n>
inline Abreast<F32, n> smaller(F32 a, const Abreast<F32, n>& b) noexcept {
  return each(b, [a](F32 x) { return smaller(a, x); });
}
template <std::size_t n>
inline Abreast<F32, n> larger(const Abreast<F32, n>& a, F32 b) noexcept {
  return each(a, [b](F32 x) { return larger(x, b); });
}
template <std::size_t n>
inline Abreast<F32, n> square_root(const Abreast<F32, n>& a) noexcept {
  return each(a, [](F32 x) { return square_root(x); });
}

/// n vectors one after another.
template <std::size_t n, typename Vector, typename T>
inline Abreast<Vector, n> load_abreast(const T* from) noexcept {
  return abreast<n>(
      [from](std::size_t k) { return load<Vector>(from + k * (kVectorBytes / sizeof(T))); });
}
template <typename T, typename Vector, std::size_t n>
inline void store(T* to, const Abreast<Vector, n>& vectors) noexcept {
  for (std::size_t k = 0; k < n; ++k) store(to + k * (kVectorBytes / sizeof(T)), vectors.part[k]);
}

// ---- one bit per lane, the first lane lowest ----

/// Of what a comparison gives: lanes that are all ones, or 0.
inline std::uint64_t bits_of(I8 lanes) noexcept {
#if defined(__AVX512F__)
  return _mm512_movepi8_mask((__m512i)lanes);
#elif defined(__AVX2__)
  return static_cast<std::uint32_t>(_mm256_movemask_epi8((__m256i)lanes));
#elif defined(__x86_64__)
  return static_cast<std::uint32_t>(_mm_movemask_epi8((__m128i)lanes));
#else
  std::uint64_t bits = 0;
  for (std::size_t i = 0; i < kVectorBytes; ++i) bits |= std::uint64_t{lanes[i] != 0} << i;
  return bits;
#endif
}

inline std::uint64_t bits_of(I16 lanes) noexcept {
#if defined(__AVX512F__)
  return _mm512_movepi16_mask((__m512i)lanes);
#elif defined(__AVX2__)
  // Each half of the vector is packed by itself.
  const __m256i packed = _mm256_packs_epi16((__m256i)lanes, __m256i{});
  const auto bits = static_cast<std::uint32_t>(_mm256_movemask_epi8(packed));
  return (bits & 0xFFU) | (bits >> 8 & 0xFF00U);
#elif defined(__x86_64__)
  const __m128i packed = _mm_packs_epi16((__m128i)lanes, __m128i{});
  return static_cast<std::uint32_t>(_mm_movemask_epi8(packed));
#else
  std::uint64_t bits = 0;
  for (std::size_t i = 0; i < kVectorBytes / 2; ++i) bits |= std::uint64_t{lanes[i] != 0} << i;
  return bits;
#endif
}

inline std::uint64_t bits_of(I32 lanes) noexcept {
#if defined(__AVX512F__)
  return _mm512_movepi32_mask((__m512i)lanes);
#elif defined(__AVX2__)
  return static_cast<std::uint32_t>(_mm256_movemask_ps((__m256)lanes));
#elif defined(__x86_64__)
  return static_cast<std::uint32_t>(_mm_movemask_ps((__m128)lanes));
#else
  std::uint64_t bits = 0;
  for (std::size_t i = 0; i < kFloats; ++i) bits |= std::uint64_t{lanes[i] != 0} << i;
  return bits;
#endif
}

inline std::size_t count_bits(std::uint64_t bits) noexcept {
#if defined(__POPCNT__)
  return static_cast<std::size_t>(__builtin_popcountll(bits));
#else
  // By pairs, fours and bytes, as in Hacker's Delight (Warren 2012), figure 5-2.
  bits -= bits >> 1 & 0x5555555555555555U;
  bits = (bits & 0x3333333333333333U) + (bits >> 2 & 0x3333333333333333U);
  bits = (bits + (bits >> 4)) & 0x0F0F0F0F0F0F0F0FU;
  return bits * 0x0101010101010101U >> 56;
#endif
}

/// `values` in the lanes whose bits are set, `others` elsewhere.
inline F32 chosen(std::uint32_t bits, F32 values, F32 others) noexcept {
#if defined(__AVX512F__)
  const auto mask = static_cast<__mmask16>(bits);
  return (F32)_mm512_mask_mov_ps((__m512)others, mask, (__m512)values);
#else
#if defined(__AVX2__)
  constexpr I32 kLaneBits = {1, 2, 4, 8, 16, 32, 64, 128};
#else
  constexpr I32 kLaneBits = {1, 2, 4, 8};
#endif
  const I32 is_set = ((I32{} + static_cast<std::int32_t>(bits)) & kLaneBits) == kLaneBits;
  return is_set ? values : others;
#endif
}

#if defined(__AVX2__) && !defined(__AVX512F__)
/// The lanes whose bits are set, one after another, per pattern of bits.
struct SetLanes {
  alignas(kVectorBytes) std::uint32_t of[1U << kFloats][kFloats] = {};
  constexpr SetLanes() noexcept {
    for (std::uint32_t bits = 0; bits < (1U << kFloats); ++bits)
      for (std::uint32_t lane = 0, next = 0; lane < kFloats; ++lane)
        if ((bits >> lane & 1U) != 0) of[bits][next++] = lane;
  }
};
inline constexpr SetLanes kSetLanes;
#endif

/// Writes the lanes whose bits are set, one after another; writes a whole vector. Returns how many.
inline std::size_t write_chosen(std::uint32_t bits, F32 values, float* out) noexcept {
#if defined(__AVX512F__)
  // Merged into the values themselves: the form that puts zeros waits for what its register held before.
  const auto mask = static_cast<__mmask16>(bits);
  store(out, (F32)_mm512_mask_compress_ps((__m512)values, mask, (__m512)values));
  return static_cast<std::size_t>(__builtin_popcount(bits));
#elif defined(__AVX2__)
  const auto lanes = (__m256i)load<U32>(kSetLanes.of[bits]);
  store(out, (F32)_mm256_permutevar8x32_ps((__m256)values, lanes));
  return static_cast<std::size_t>(__builtin_popcount(bits));
#else
  std::size_t next = 0;
  for (std::size_t i = 0; i < kFloats; ++i) {
    out[next] = values[i];
    next += bits >> i & 1U;
  }
  return next;
#endif
}

/// The full product of the lower halves of each lane.
inline U64 product_of_halves(U64 a, U64 b) noexcept {
#if defined(__AVX512F__)
  return (U64)_mm512_maskz_mul_epu32(0xFF, (__m512i)a, (__m512i)b);
#elif defined(__AVX2__)
  return (U64)_mm256_mul_epu32((__m256i)a, (__m256i)b);
#elif defined(__x86_64__)
  return (U64)_mm_mul_epu32((__m128i)a, (__m128i)b);
#else
  return (a & 0xFFFFFFFFU) * (b & 0xFFFFFFFFU);
#endif
}

// ---- running sums ----

/// Sums of each lane and all before it, by sums of two, four and more neighbours.
inline U32 running_sums(U32 x) noexcept {
  const U32 zero{};
#if defined(__AVX512F__)
  x += __builtin_shufflevector(zero, x, 0, 16, 17, 18, 19, 20, 21, 22, 23, 24, 25, 26, 27, 28, 29,
                               30);
  x += __builtin_shufflevector(zero, x, 0, 0, 16, 17, 18, 19, 20, 21, 22, 23, 24, 25, 26, 27, 28,
                               29);
  x += __builtin_shufflevector(zero, x, 0, 0, 0, 0, 16, 17, 18, 19, 20, 21, 22, 23, 24, 25, 26, 27);
  x += __builtin_shufflevector(zero, x, 0, 0, 0, 0, 0, 0, 0, 0, 16, 17, 18, 19, 20, 21, 22, 23);
#elif defined(__AVX2__)
  x += __builtin_shufflevector(zero, x, 0, 8, 9, 10, 11, 12, 13, 14);
  x += __builtin_shufflevector(zero, x, 0, 0, 8, 9, 10, 11, 12, 13);
  x += __builtin_shufflevector(zero, x, 0, 0, 0, 0, 8, 9, 10, 11);
#else
  x += __builtin_shufflevector(zero, x, 0, 4, 5, 6);
  x += __builtin_shufflevector(zero, x, 0, 0, 4, 5);
#endif
  return x;
}

/// The last lane in all lanes.
inline U32 last_of(U32 x) noexcept {
#if defined(__AVX512F__)
  return __builtin_shufflevector(x, x, 15, 15, 15, 15, 15, 15, 15, 15, 15, 15, 15, 15, 15, 15, 15,
                                 15);
#elif defined(__AVX2__)
  return __builtin_shufflevector(x, x, 7, 7, 7, 7, 7, 7, 7, 7);
#else
  return __builtin_shufflevector(x, x, 3, 3, 3, 3);
#endif
}

// ---- tables ----

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

/// The 64 bits of from[index].
template <typename T>
inline U64 look_up(const T* from, U64 index) noexcept {
  static_assert(sizeof(T) == sizeof(std::uint64_t));
#if defined(__AVX512F__)
  return (U64)_mm512_mask_i64gather_epi64(__m512i{}, 0xFF, (__m512i)index, from, sizeof(T));
#else
  std::uint64_t found[kDoubles];
  for (std::size_t i = 0; i < kDoubles; ++i)
    __builtin_memcpy(found + i, from + index[i], sizeof(T));
  return load<U64>(found);
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

/// out[i] = function(in[i]), also for what is less than a vector; of vectors, and of vectors abreast.
template <typename Function>
inline void map(const float* in, float* out, std::size_t count, Function function) {
  constexpr std::size_t kStep = kAbreast * kFloats;
  const std::size_t abreast = count / kStep * kStep;
  for (std::size_t i = 0; i < abreast; i += kStep)
    store(out + i, function(load_abreast<kAbreast, F32>(in + i)));
  in += abreast;
  out += abreast;
  over_floats(
      count - abreast, [&](std::size_t i) { store(out + i, function(load<F32>(in + i))); },
      [&](std::size_t i, std::size_t left) {
        F32 padded{};
        __builtin_memcpy(&padded, in + i, left * sizeof(float));
        padded = function(padded);
        __builtin_memcpy(out + i, &padded, left * sizeof(float));
      });
}

}  // namespace gatewright::sim::GATEWRIGHT_KERNEL_LEVEL
