// Stitched boundaries and the law of the iterated logarithm for empirical distributions.
// Used by dkw_sequence and by tests.
// Never tabulates: the constants come out of the theorems.
#include "policies/gates/uniform_boundaries.h"

#include <algorithm>
#include <cmath>
#include <numbers>

namespace gatewright::gates {
namespace {

/// Riemann's zeta for s > 1: twenty terms and Euler and Maclaurin's remainder, to 1e-15.
double zeta(double s) noexcept {
  constexpr double kTerms = 20.0;
  double sum = 0.0;
  for (double k = 1.0; k < kTerms; k += 1.0) sum += std::pow(k, -s);
  const double last = std::pow(kTerms, -s);
  const double w = 1.0 / (kTerms * kTerms);
  const double third = s * (s + 1.0) * (s + 2.0);
  const double fifth = third * (s + 3.0) * (s + 4.0);
  return sum + last * (kTerms / (s - 1.0) + 0.5 +
                       (s / 12.0 - w * (third / 720.0 - w * fifth / 30240.0)) / kTerms);
}

double k1(double eta) noexcept {
  return (std::pow(eta, 0.25) + std::pow(eta, -0.25)) / std::numbers::sqrt2;
}
double k2(double eta) noexcept { return 0.5 * (std::sqrt(eta) + 1.0); }

/// The bound of one epoch's sub-gamma sum at level exp(-level).
double epoch_bound(double v, double level, double c, double eta) noexcept {
  const double linear = k2(eta) * c * level;
  return std::sqrt(k1(eta) * k1(eta) * v * level + linear * linear) + linear;
}

double log_odds(double p) noexcept { return std::log(p / (1.0 - p)); }

}  // namespace

double poly_stitching_bound(double v, const PolyStitching& settings) noexcept {
  const auto [s, eta] = settings.stitching;
  const double variance = std::max(v, settings.v_min);
  const double level = s * std::log(std::log(eta * variance / settings.v_min)) +
                       std::log(zeta(s) / (settings.alpha * std::pow(std::log(eta), s)));
  return epoch_bound(variance, level, settings.c, eta);
}

double double_stitching_bound(const QuantileTime& at, const DoubleStitching& settings) noexcept {
  const auto [s, eta] = settings.stitching;
  const auto& [t_opt, alpha, delta, stitching] = settings;
  const double p = at.probability;
  const double t = std::max(at.samples, t_opt);
  const double r =
      p >= 0.5 ? p
               : std::min(0.5, 1.0 / (1.0 + std::exp(-(log_odds(p) +
                                                       2.0 * delta * std::sqrt(t_opt * eta / t)))));
  const double variance = r * (1.0 - r);
  const double steps = std::sqrt(t / t_opt) * std::abs(log_odds(p)) / (2.0 * delta) + 1.0;
  const double z = zeta(s);
  const double level = s * std::log(std::log(eta * t / t_opt)) + s * std::log(steps) +
                       std::log(2.0 * z * (2.0 * z + 1.0) / (alpha * std::pow(std::log(eta), s)));
  return delta * std::sqrt(eta * t * variance / t_opt) +
         epoch_bound(variance * t, level, (1.0 - 2.0 * p) / 3.0, eta);
}

double distribution_band(const BandTime& at, double c) noexcept {
  return kBandScale * std::sqrt((std::log1p(std::log(at.samples / at.from)) + c) / at.samples);
}

double log_band_error(double c) noexcept {
  if (!(c > 0.0)) return 0.0;
  // gamma^2 = (2 / eta) (A - sqrt(2 (eta - 1) / C))^2 must exceed 1, which ends the range of eta.
  const auto log_error = [c](double excess) {
    const double eta = 1.0 + excess;
    const double root = kBandScale - std::sqrt(2.0 * excess / c);
    const double gamma_squared = 2.0 / eta * root * root;
    if (!(root > 0.0 && gamma_squared > 1.0)) return 0.0;
    return 2.0 * std::numbers::ln2 - gamma_squared * c +
           std::log1p(1.0 / ((gamma_squared - 1.0) * std::log1p(excess)));
  };
  // The error has one minimum in eta, and where it promises nothing it is flat at 0: the range is
  // found first, then the minimum by the golden section.
  double inside = 0.0, outside = 2.0 * kBandScale * kBandScale - 1.0;
  for (int halving = 0; halving < 60; ++halving) {
    const double excess = 0.5 * (inside + outside);
    (std::sqrt(0.5 * (1.0 + excess)) + std::sqrt(2.0 * excess / c) < kBandScale ? inside
                                                                                : outside) = excess;
  }
  constexpr double kGolden = 0.6180339887498949;
  double low = 0.0, high = inside;
  double a = high - kGolden * (high - low), b = low + kGolden * (high - low);
  double at_a = log_error(a), at_b = log_error(b);
  for (int step = 0; step < 60; ++step) {
    if (at_a < at_b) {
      high = b, b = a, at_b = at_a;
      a = high - kGolden * (high - low), at_a = log_error(a);
    } else {
      low = a, a = b, at_a = at_b;
      b = low + kGolden * (high - low), at_b = log_error(b);
    }
  }
  return std::min({0.0, at_a, at_b});
}

double band_constant(double error) noexcept {
  double low = 0.0, high = 1.0;
  while (log_band_error(high) > std::log(error) && high < 1e6) high *= 2.0;
  for (int halving = 0; halving < 60; ++halving) {
    const double c = 0.5 * (low + high);
    (log_band_error(c) > std::log(error) ? low : high) = c;
  }
  return high;
}

}  // namespace gatewright::gates
