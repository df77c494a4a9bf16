// Random numbers for tests of policies/: keyed, small, and nobody else's.
// Used instead of the simulator's streams, so that an error in the simulator's sampling cannot hide here.
// Never uses the standard library's distributions, whose results differ between libraries.
#pragma once

#include <bit>
#include <cmath>
#include <cstdint>
#include <numbers>

#include "policies/observation.h"

namespace gatewright::testing {

/// xoshiro256++ (Blackman and Vigna 2019), its state filled by splitmix64 from (seed, replication).
class Random {
 public:
  Random(std::uint64_t seed, std::uint64_t replication) {
    std::uint64_t key = mix(seed) ^ std::rotl(mix(replication + 0x632be59bd9b4e019ULL), 17);
    for (std::uint64_t& word : state_) word = mix(key += 0x9e3779b97f4a7c15ULL);
  }

  std::uint64_t bits() {
    const std::uint64_t result = std::rotl(state_[0] + state_[3], 23) + state_[0];
    const std::uint64_t shifted = state_[1] << 17;
    state_[2] ^= state_[0];
    state_[3] ^= state_[1];
    state_[1] ^= state_[2];
    state_[0] ^= state_[3];
    state_[2] ^= shifted;
    state_[3] = std::rotl(state_[3], 45);
    return result;
  }

  /// Within (0, 1).
  double uniform() { return (static_cast<double>(bits() >> 12) + 0.5) * 0x1p-52; }

  /// Box and Muller 1958.
  double normal() {
    if (has_spare_) {
      has_spare_ = false;
      return spare_;
    }
    const double radius = std::sqrt(-2.0 * std::log(uniform()));
    const double angle = 2.0 * std::numbers::pi * uniform();
    spare_ = radius * std::sin(angle);
    has_spare_ = true;
    return radius * std::cos(angle);
  }

  /// Marsaglia and Tsang 2000; shapes below 1 by their power of a uniform.
  double gamma(double shape) {
    if (shape < 1.0) return gamma(shape + 1.0) * std::pow(uniform(), 1.0 / shape);
    const double d = shape - 1.0 / 3.0;
    const double c = 1.0 / std::sqrt(9.0 * d);
    for (;;) {
      const double x = normal();
      const double v = std::pow(1.0 + c * x, 3.0);
      if (v > 0.0 && std::log(uniform()) < 0.5 * x * x + d - d * v + d * std::log(v)) return d * v;
    }
  }

  /// Arrivals of a unit-rate process before `mean`.
  std::uint64_t poisson(double mean) {
    std::uint64_t count = 0;
    for (double at = -std::log(uniform()); at < mean; at -= std::log(uniform())) ++count;
    return count;
  }

  /// By the geometric gaps between events; meant for small p.
  std::uint64_t binomial(std::uint64_t count, double p) {
    const double scale = 1.0 / std::log1p(-p);
    std::uint64_t events = 0;
    for (double at = 0.0;; ++events) {
      at += std::floor(std::log(uniform()) * scale) + 1.0;
      if (at > static_cast<double>(count)) return events;
    }
  }

  /// Summary of `count` independent normal numbers, drawn as its sufficient statistics.
  Summary normal_summary(double mean, double sd, std::uint64_t count) {
    if (count == 0) return {};
    const double n = static_cast<double>(count);
    const double average = mean + sd * normal() / std::sqrt(n);
    const double squares = count > 1 ? 2.0 * sd * sd * gamma(0.5 * (n - 1.0)) : 0.0;
    return {.count = count, .sum = n * average, .sum_of_squares = squares + n * average * average};
  }

 private:
  static std::uint64_t mix(std::uint64_t z) {
    z += 0x9e3779b97f4a7c15ULL;
    z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9ULL;
    z = (z ^ (z >> 27)) * 0x94d049bb133111ebULL;
    return z ^ (z >> 31);
  }

  std::uint64_t state_[4];
  double spare_ = 0.0;
  bool has_spare_ = false;
};

}  // namespace gatewright::testing
