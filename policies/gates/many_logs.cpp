#include "policies/gates/many_logs.h"

#include <array>
#include <bit>
#include <cstddef>
#include <cstdint>
#include <limits>

// One function, compiled for some instruction sets and chosen when the program is loaded, where the platform
// can do that. Sanitizers' checks are not ready when it chooses.
#if defined(__x86_64__) && defined(__gnu_linux__) && !defined(__SANITIZE_ADDRESS__) && \
    !defined(__SANITIZE_THREAD__) && !defined(__clang__)
#define GATEWRIGHT_CLONES __attribute__((target_clones("default", "avx2", "avx512f")))
#else
#define GATEWRIGHT_CLONES
#endif

namespace gatewright::gates {
namespace {

constexpr double kLn2High = 6.93147180369123816490e-01, kLn2Low = 1.90821492927058770002e-10;

/// Without a branch or a call, so that loops over it become vectors.
[[gnu::always_inline]] inline double log_of(double x) noexcept {
  constexpr std::uint64_t kSqrtHalf = 0x3fe6a09e667f3bcd;
  constexpr std::uint64_t kExponent = 0xfff0000000000000;
  constexpr std::uint64_t kBias = 1'024;  // keeps k positive
  const auto bits = std::bit_cast<std::uint64_t>(x);
  const std::uint64_t above = bits - kSqrtHalf;
  const double f = std::bit_cast<double>(bits - (above & kExponent)) - 1.0;
  // The bits of 2^52 + k + kBias.
  const std::uint64_t k_bits = ((above + (kBias << 52)) >> 52) | std::uint64_t{0x4330000000000000};
  const double k = std::bit_cast<double>(k_bits) - (0x1p52 + static_cast<double>(kBias));
  const double s = f / (2.0 + f);
  const double z = s * s;
  const double w = z * z;
  const double even = w * (3.999999999940941908e-01 +
                           w * (2.222219843214978396e-01 + w * 1.531383769920937332e-01));
  const double odd = z * (6.666666666666735130e-01 +
                          w * (2.857142874366239149e-01 +
                               w * (1.818357216161805012e-01 + w * 1.479819860511658591e-01)));
  const double half_square = 0.5 * f * f;
  const double log =
      k * kLn2High - ((half_square - (s * (half_square + even + odd) + k * kLn2Low)) - f);
  return x == x ? log : x;
}

/// For x <= 0; likewise.
[[gnu::always_inline]] inline double exp_of(double x) noexcept {
  constexpr double kLeast = -700.0;
  constexpr double kPerLn2 = 1.44269504088896338700;
  constexpr double kShift = 0x1.8p52;  // numbers there have a last bit of 1
  const double from = x < kLeast ? kLeast : x;
  const double shifted = from * kPerLn2 + kShift;
  const double k = shifted - kShift;
  const double high = from - k * kLn2High;
  const double low = k * kLn2Low;
  const double r = high - low;
  const double t = r * r;
  const double c =
      r - t * (1.66666666666666019037e-01 +
               t * (-2.77777777770155933842e-03 +
                    t * (6.61375632143793436117e-05 +
                         t * (-1.65339022054652515390e-06 + t * 4.13813679705723846039e-08))));
  const double power = 1.0 - ((low - (r * c) / (2.0 - c)) - high);
  return std::bit_cast<double>(std::bit_cast<std::uint64_t>(power) +
                               (std::bit_cast<std::uint64_t>(shifted) << 52));
}

/// The widest vector's numbers: sums are of every eighth number, on any processor.
constexpr std::size_t kLanes = 8;

}  // namespace

GATEWRIGHT_CLONES void take_logs(std::span<double> x) noexcept {
  double* const numbers = x.data();
  const std::size_t size = x.size();
  for (std::size_t i = 0; i < size; ++i) numbers[i] = log_of(numbers[i]);
}

GATEWRIGHT_CLONES double log_mean_exp(std::span<const double> x) noexcept {
  const double* const numbers = x.data();
  const std::size_t size = x.size();
  const std::size_t whole = size - size % kLanes;
  std::array<double, kLanes> largest;
  largest.fill(numbers[0]);
  for (std::size_t i = 0; i < whole; i += kLanes)
    for (std::size_t lane = 0; lane < kLanes; ++lane)
      largest[lane] = numbers[i + lane] > largest[lane] ? numbers[i + lane] : largest[lane];
  double most = numbers[size - 1];
  for (std::size_t i = whole; i < size; ++i) most = numbers[i] > most ? numbers[i] : most;
  for (const double one : largest) most = one > most ? one : most;

  std::array<double, kLanes> sums{};
  for (std::size_t i = 0; i < whole; i += kLanes)
    for (std::size_t lane = 0; lane < kLanes; ++lane)
      sums[lane] += exp_of(numbers[i + lane] - most);
  double sum = 0.0;
  for (std::size_t i = whole; i < size; ++i) sum += exp_of(numbers[i] - most);
  for (const double one : sums) sum += one;
  // The largest alone is 1.
  if (!(sum >= 1.0)) return std::numeric_limits<double>::quiet_NaN();
  return most + log_of(sum / static_cast<double>(size));
}

}  // namespace gatewright::gates
