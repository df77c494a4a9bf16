// Run lengths by Nystrom's method and by exact elimination in chains.
// Used while a plan is compiled.
// Never iterates to a limit that may not be reached: brackets double, then halve.
#include "policies/gates/run_length.h"

#include <algorithm>
#include <cmath>
#include <limits>
#include <vector>

#include "policies/gates/normal_law.h"
#include "policies/gates/quadrature.h"

namespace gatewright::gates {
namespace {

/// Eight nodes per standard deviation of a step.
std::size_t nodes_for(double length) noexcept {
  return 32 + static_cast<std::size_t>(std::ceil(8.0 * std::min(length, 50.0)));
}

/// Where a rising function reaches `wanted`; its argument starts at 0 and is doubled from `first`.
template <typename Function>
double place_of(double wanted, double first, int halvings, const Function& rising) {
  double low = 0.0, high = first;
  for (int doubling = 0; doubling < 40 && rising(high) < wanted; ++doubling) {
    low = high;
    high *= 2.0;
  }
  for (int halving = 0; halving < halvings; ++halving) {
    const double middle = 0.5 * (low + high);
    (rising(middle) < wanted ? low : high) = middle;
  }
  return high;
}

constexpr int kHalvings = 34;  // 1e-10 of the first bracket

}  // namespace

double cusum_run_length(const CusumChart& chart, double mean) {
  // L(z) = 1 + L(0) Phi(-z') + int_0^h L(y) phi(y - z') dy with z' = z + mean - k; unknown 0 is
  // L(0).
  const double drift = mean - chart.reference;
  const QuadratureRule grid = scaled(gauss_legendre(nodes_for(chart.limit)), {0.0, chart.limit});
  const std::size_t n = grid.nodes.size() + 1;
  std::vector<double> matrix(n * n);
  for (std::size_t i = 0; i < n; ++i) {
    const double from = (i == 0 ? 0.0 : grid.nodes[i - 1]) + drift;
    matrix[i * n] = -normal_above(from);
    for (std::size_t j = 1; j < n; ++j)
      matrix[i * n + j] = -grid.weights[j - 1] * normal_density(grid.nodes[j - 1] - from);
    matrix[i * n + i] += 1.0;
  }
  return solved(std::move(matrix), std::vector<double>(n, 1.0)).front();
}

double cusum_limit(double reference, double looks) {
  return place_of(looks, 1.0, kHalvings, [&](double limit) {
    return cusum_run_length({.reference = reference, .limit = limit}, 0.0);
  });
}

double ewma_run_length(const EwmaChart& chart, double mean) {
  // L(z) = 1 + (1 / w) int L(y) phi((y - (1 - w) z) / w - mean) dy over the values without alarm. A
  // one-sided chart falls as deep as it likes; below kDepth deviations nothing returns in time.
  constexpr double kDepth = 9.0;
  const double w = chart.weight;
  const double sd = std::sqrt(w / (2.0 - w));
  const double high = chart.limit * sd;
  const double low = chart.two_sided ? -high : std::min(mean, 0.0) - kDepth * sd;
  const QuadratureRule grid =
      scaled(gauss_legendre(nodes_for((high - low) / w * 0.5)), {low, high});
  const std::size_t n = grid.nodes.size() + 1;
  const auto place = [&](std::size_t i) { return i == 0 ? 0.0 : grid.nodes[i - 1]; };
  std::vector<double> matrix(n * n);
  for (std::size_t i = 0; i < n; ++i) {
    for (std::size_t j = 1; j < n; ++j)
      matrix[i * n + j] =
          -grid.weights[j - 1] / w * normal_density((place(j) - (1.0 - w) * place(i)) / w - mean);
    matrix[i * n + i] += 1.0;
  }
  return solved(std::move(matrix), std::vector<double>(n, 1.0)).front();
}

double ewma_limit(double weight, double looks) {
  return place_of(looks, 1.0, kHalvings, [&](double limit) {
    return ewma_run_length({.weight = weight, .limit = limit}, 0.0);
  });
}

double bernoulli_run_length(const BernoulliChart& chart, double p) {
  // L(b) = 1 + (1 - p) L(b - 1) + p L(b + step), with L = 0 from the limit on. From the top down
  // each L(b) is an affine function of L(b - 1), and L(b + step) one of L(b): the composition of
  // the `step` functions between them. It slides along as two parts, as a queue is made of two
  // stacks: taking a function off by its inverse would let errors grow without bound.
  struct Affine {
    double constant = 0.0, slope = 1.0;
    Affine after(const Affine& first) const noexcept {
      return {.constant = constant + slope * first.constant, .slope = slope * first.slope};
    }
  };
  const auto limit = static_cast<std::size_t>(chart.limit);
  const auto step = static_cast<std::size_t>(chart.step);
  std::vector<Affine> down(limit);   // down[b]: L(b) from L(b - 1)
  std::vector<Affine> outer(limit);  // outer[b]: L(b) from L(parted_at)
  std::size_t parted_at = limit;
  Affine inner;  // L(parted_at) from L(b)
  for (std::size_t b = limit; b-- > 0;) {
    Affine jump{.constant = 0.0, .slope = 0.0};  // L(b + step) from L(b)
    if (b + step < limit) {
      if (parted_at < limit) inner = inner.after(down[b + 1]);
      if (b + step <= parted_at) {
        parted_at = b;
        inner = {};
        outer[b] = {};
        for (std::size_t j = b + 1; j <= b + step; ++j) outer[j] = down[j].after(outer[j - 1]);
      }
      jump = outer[b + step].after(inner);
    }
    const double rest = 1.0 - p * jump.slope;
    down[b] = {.constant = (1.0 + p * jump.constant) / rest, .slope = (1.0 - p) / rest};
  }
  // At 0 a good request leaves B where it is.
  return down[0].constant / (1.0 - down[0].slope);
}

double bernoulli_limit(double step, double p, double requests) {
  double low = 0.0, high = step;
  const auto run_length = [&](double limit) {
    return bernoulli_run_length({.step = step, .limit = limit}, p);
  };
  while (run_length(high) < requests && high < 1e7) {
    low = high;
    high *= 2.0;
  }
  while (high - low > 1.0) {
    const double middle = std::floor(0.5 * (low + high));
    (run_length(middle) < requests ? low : high) = middle;
  }
  return high;
}

double poisson_run_length(const PoissonChart& chart, double mean) {
  const double steps = chart.steps;
  const auto states = static_cast<std::size_t>(std::round(chart.limit * steps));
  const double down = std::round(chart.reference * steps);
  std::vector<double> matrix(states * states);
  for (std::size_t i = 0; i < states; ++i) {
    double probability = std::exp(-mean);
    for (double count = 0.0;; count += 1.0) {
      const double to = std::max(0.0, static_cast<double>(i) + count * steps - down);
      if (to >= static_cast<double>(states)) break;
      matrix[i * states + static_cast<std::size_t>(to)] -= probability;
      probability *= mean / (count + 1.0);
    }
    matrix[i * states + i] += 1.0;
  }
  return solved(std::move(matrix), std::vector<double>(states, 1.0)).front();
}

double poisson_limit(const PoissonChart& chart, double mean, double looks) {
  constexpr double kStatesMax = 512.0;
  double low = 0.0, high = 1.0;  // in steps
  const auto run_length = [&](double states) {
    return poisson_run_length(
        {.reference = chart.reference, .limit = states / chart.steps, .steps = chart.steps}, mean);
  };
  while (run_length(high) < looks) {
    if (high >= kStatesMax) return std::numeric_limits<double>::infinity();
    low = high;
    high *= 2.0;
  }
  while (high - low > 1.0) {
    const double middle = std::floor(0.5 * (low + high));
    (run_length(middle) < looks ? low : high) = middle;
  }
  return high / chart.steps;
}

}  // namespace gatewright::gates
