// Exponential, logarithm, sine and cosine on vectors, to about one unit in the last place of a float.
// Used by the kernels' one source; polynomials of the project's own, fitted for least greatest error on
// the ranges given, added up in pairs so that few operations wait for others (Estrin 1960), and no fused
// operation, so that every machine rounds alike.
#pragma once

#include "sim/kernels/lanes.h"

namespace gatewright::sim::GATEWRIGHT_KERNEL_LEVEL {

// Of a vector, or of several abreast.

/// e^x for x in [-87, 88]: x = n ln 2 + f, |f| <= ln 2 / 2, and e^f = 1 + f + f^2 P(f).
template <typename Floats>
inline Floats exp(const Floats& x) noexcept {
  constexpr float kLog2E = 1.44269504F;
  constexpr float kLn2High = 0x1.62e4p-1F;  // few bits, so that n times it is exact
  constexpr float kLn2Low = 0x1.7f7d1cp-20F;
  constexpr float kToWhole = 0x1.8p23F;        // adding it rounds to the nearest whole number
  const Floats whole = x * kLog2E + kToWhole;  // n in its lowest bits
  const Floats n = whole - kToWhole;
  const Floats f = (x - n * kLn2High) - n * kLn2Low;
  const Floats square = f * f;
  const Floats low = f * 0x1.55548ep-3F + 0.5F;
  const Floats high = (f * 0x1.123b56p-7F + 0x1.55545ep-5F) + square * 0x1.6db426p-10F;
  const Floats p = low + square * high;
  const Floats mantissa = (square * p + f) + 1.0F;
  return as_float(as_whole(mantissa) + (as_whole(whole) << 23));
}

/// ln (x / 2^shift) for normal x > 0: x = 2^e m, m in [sqrt(1/2), sqrt(2)), f = m - 1, and
/// ln m = f + f^2 (f P(f) - 1/2).
template <int shift = 0, typename Floats>
inline Floats log(const Floats& x) noexcept {
  constexpr std::int32_t kRootHalf = 0x3f3504f3;
  constexpr float kLn2High = 0x1.62e4p-1F;
  constexpr float kLn2Low = 0x1.7f7d1cp-20F;
  const auto e = (as_whole(x) - kRootHalf) >> 23;
  const Floats f = as_float(as_whole(x) - (e << 23)) - 1.0F;
  const Floats exponent = to_float(e - shift);
  const Floats square = f * f;
  const Floats fourth = square * square;
  const Floats low =
      (f * -0x1.000006p-2F + 0x1.555548p-2F) + square * (f * -0x1.555c4ep-3F + 0x1.99a4b6p-3F);
  const Floats high =
      (f * -0x1.fc220ep-4F + 0x1.233766p-3F) + square * (f * -0x1.de3bf8p-4F + 0x1.e6f08cp-4F);
  const Floats p = low + fourth * (high + fourth * 0x1.14573ep-4F);
  return exponent * kLn2High + (f + (square * (f * p - 0.5F) + exponent * kLn2Low));
}

template <typename Floats>
struct SineCosine {
  Floats sine;
  Floats cosine;
};

/// Of 2 pi t, t in [-1/4, 1/4]; within 1.2e-7.
template <typename Floats>
inline SineCosine<Floats> sine_cosine_of_turn(const Floats& t) noexcept {
  const Floats q = t * t;
  Floats s = q * 0x1.3c983cp+5F + -0x1.3238bap+6F;
  s = s * q + 0x1.4667b8p+6F;
  s = s * q + -0x1.4abbb8p+5F;
  s = s * q + 0x1.921fb4p+2F;
  Floats c = q * -0x1.8fb73ep+4F + 0x1.e126f2p+5F;
  c = c * q + -0x1.55d076p+6F;
  c = c * q + 0x1.03c1e4p+6F;
  c = c * q + -0x1.3bd3ccp+4F;
  c = c * q + 1.0F;
  return {s * t, c};
}

}  // namespace gatewright::sim::GATEWRIGHT_KERNEL_LEVEL
