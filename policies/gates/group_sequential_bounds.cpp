// The recursion over looks, and the roots that make a design spend its error.
// Used while a plan is compiled.
// Never integrates where the density is below 1e-17 of itself.
#include "policies/gates/group_sequential_bounds.h"

#include <algorithm>
#include <cmath>
#include <numbers>
#include <numeric>

#include "policies/gates/normal_law.h"
#include "policies/gates/numerics.h"
#include "policies/gates/quadrature.h"

namespace gatewright::gates {
namespace {

/// A Brownian motion with drift, watched at rising times and stopped where it crosses.
class StoppedMotion {
 public:
  StoppedMotion(double drift, bool two_sided) : drift_(drift), two_sided_(two_sided) {}

  struct Chances {
    double above = 0.0, below = 0.0;
  };

  /// To cross the bound (in standard deviations) at the next time `at`, for the first time.
  [[nodiscard]] Chances crossing(double at, double bound) const {
    const Step step = step_to(at);
    const double edge = bound * std::sqrt(at);
    Chances chances;
    for (std::size_t i = 0; i < places_.nodes.size(); ++i) {
      const double from = places_.nodes[i] + step.mean;
      chances.above += mass_[i] * normal_above((edge - from) / step.sd);
      if (two_sided_) chances.below += mass_[i] * normal_above((edge + from) / step.sd);
    }
    return chances;
  }

  /// Goes on to the time `at` unless the bound is crossed; `next`: the time after it, or `at`.
  void advance(double at, double bound, double next) {
    constexpr double kReach = 8.5;  // standard deviations beyond which next to nothing (1e-17) is
    const Step step = step_to(at);
    const double sd = std::sqrt(at);
    const double high = std::min(bound * sd, drift_ * at + kReach * sd);
    double low = drift_ * at - kReach * sd;
    if (two_sided_) low = std::max(low, -bound * sd);
    low = std::min(low, high - 1e-6 * sd);
    const double finest = next > at ? std::min(step.sd, std::sqrt(next - at)) : step.sd;
    const QuadratureRule grid = scaled(rule_for((high - low) / finest), {low, high});
    std::vector<double> mass(grid.nodes.size());
    for (std::size_t i = 0; i < mass.size(); ++i) {
      double density = 0.0;
      for (std::size_t j = 0; j < mass_.size(); ++j) {
        const double z = (grid.nodes[i] - places_.nodes[j] - step.mean) / step.sd;
        if (std::abs(z) < kReach) density += mass_[j] * normal_density(z);
      }
      mass[i] = grid.weights[i] * density / step.sd;
    }
    places_ = grid;
    mass_ = std::move(mass);
    time_ = at;
  }

 private:
  struct Step {
    double mean, sd;
  };
  [[nodiscard]] Step step_to(double at) const noexcept {
    return {.mean = drift_ * (at - time_), .sd = std::sqrt(at - time_)};
  }

  /// Four nodes per standard deviation of a step, and some for the ends: errors below 1e-12.
  const QuadratureRule& rule_for(double length) {
    constexpr double kLengthMax = 1000.0;
    const auto nodes =
        32 + 16 * static_cast<std::size_t>(std::ceil(0.25 * std::min(length, kLengthMax)));
    if (rule_.nodes.size() != nodes) rule_ = gauss_legendre(nodes);
    return rule_;
  }

  double drift_;
  bool two_sided_;
  double time_ = 0.0;
  QuadratureRule places_{.nodes = {0.0}, .weights = {1.0}};
  std::vector<double> mass_{1.0};
  QuadratureRule rule_;
};

/// The root of a falling function, by the Illinois variant of false position.
template <typename Function>
double root_of_falling(double low, double high, const Function& function) {
  double at_low = function(low), at_high = function(high);
  for (int step = 0; step < 100 && high - low > 1e-12; ++step) {
    const double x = (at_low * high - at_high * low) / (at_low - at_high);
    const double at_x = function(x);
    if (at_x == 0.0) return x;
    if (std::abs(at_x) < 1e-15) return x;
    if (at_x > 0.0) {
      low = x, at_low = at_x;
      at_high *= 0.5;
    } else {
      high = x, at_high = at_x;
      at_low *= 0.5;
    }
  }
  return 0.5 * (low + high);
}

/// Of one side's error up to the fraction t.
double spent(const GroupSequentialDesign& design, double t) {
  const double a = design.alpha;
  switch (design.rule) {
    case SpendingRule::spend_obrien_fleming:
      return 2.0 * normal_above(normal_quantile_above(0.5 * a) / std::sqrt(t));
    case SpendingRule::spend_pocock:
      return a * std::log1p((std::numbers::e - 1.0) * t);
    case SpendingRule::hwang_shih_decani:
      return design.gamma == 0.0 ? a * t
                                 : a * std::expm1(-design.gamma * t) / std::expm1(-design.gamma);
    case SpendingRule::pocock:
    case SpendingRule::obrien_fleming:
      break;
  }
  return a;
}

std::vector<double> spending_bounds(const GroupSequentialDesign& design) {
  const auto& fractions = design.fractions;
  StoppedMotion motion(0.0, design.two_sided);
  std::vector<double> bounds;
  double before = 0.0;
  for (std::size_t k = 0; k < fractions.size(); ++k) {
    const double wanted = spent(design, fractions[k]) - before;
    before += wanted;
    double low = -9.0, high = 39.0;
    for (int halving = 0; halving < 60; ++halving) {
      const double bound = 0.5 * (low + high);
      (motion.crossing(fractions[k], bound).above > wanted ? low : high) = bound;
    }
    bounds.push_back(high);
    if (k + 1 < fractions.size()) motion.advance(fractions[k], high, fractions[k + 1]);
  }
  return bounds;
}

std::vector<double> shaped_bounds(const GroupSequentialDesign& design, double scale) {
  std::vector<double> bounds;
  for (const double t : design.fractions)
    bounds.push_back(design.rule == SpendingRule::pocock ? scale : scale / std::sqrt(t));
  return bounds;
}

}  // namespace

double Crossings::total() const noexcept {
  return std::accumulate(above.begin(), above.end(), 0.0) +
         std::accumulate(below.begin(), below.end(), 0.0);
}

Crossings crossings(const BoundedLooks& looks, double drift) {
  const auto& fractions = looks.fractions;
  StoppedMotion motion(drift, looks.two_sided);
  Crossings result;
  for (std::size_t k = 0; k < fractions.size(); ++k) {
    const auto [above, below] = motion.crossing(fractions[k], looks.bounds[k]);
    result.above.push_back(above);
    result.below.push_back(below);
    if (k + 1 < fractions.size()) motion.advance(fractions[k], looks.bounds[k], fractions[k + 1]);
  }
  return result;
}

std::vector<double> group_sequential_bounds(const GroupSequentialDesign& design) {
  if (design.rule != SpendingRule::pocock && design.rule != SpendingRule::obrien_fleming)
    return spending_bounds(design);
  const double wanted = design.two_sided ? 2.0 * design.alpha : design.alpha;
  // One look needs at least the quantile of alpha, and all looks at most that of alpha / K.
  const double single = normal_quantile_above(design.alpha);
  const double split =
      normal_quantile_above(design.alpha / static_cast<double>(design.fractions.size()));
  const double scale = root_of_falling(single - 1e-9, split + 1e-9, [&](double c) {
    return crossings({.fractions = design.fractions,
                      .bounds = shaped_bounds(design, c),
                      .two_sided = design.two_sided},
                     0.0)
               .total() -
           wanted;
  });
  return shaped_bounds(design, scale);
}

}  // namespace gatewright::gates
