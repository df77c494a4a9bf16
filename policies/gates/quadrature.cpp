// Legendre's nodes by Newton's method, and Gauss's elimination.
// Used while plans are compiled.
// Never meets a singular system: its callers' matrices are I - P with P substochastic.
#include "policies/gates/quadrature.h"

#include <cmath>
#include <numbers>
#include <utility>

namespace gatewright::gates {

QuadratureRule gauss_legendre(std::size_t nodes) {
  QuadratureRule rule{.nodes = std::vector<double>(nodes), .weights = std::vector<double>(nodes)};
  const double n = static_cast<double>(nodes);
  for (std::size_t i = 0; i < (nodes + 1) / 2; ++i) {
    double x = std::cos(std::numbers::pi * (static_cast<double>(i) + 0.75) / (n + 0.5));
    double slope = 1.0;
    for (int step = 0; step < 100; ++step) {
      double p = 1.0, before = 0.0;
      for (double j = 1.0; j <= n; j += 1.0) {
        const double next = ((2.0 * j - 1.0) * x * p - (j - 1.0) * before) / j;
        before = std::exchange(p, next);
      }
      slope = n * (x * p - before) / (x * x - 1.0);
      const double change = p / slope;
      x -= change;
      if (std::abs(change) < 1e-15) break;
    }
    const double weight = 2.0 / ((1.0 - x * x) * slope * slope);
    rule.nodes[i] = -x;
    rule.nodes[nodes - 1 - i] = x;
    rule.weights[i] = rule.weights[nodes - 1 - i] = weight;
  }
  return rule;
}

QuadratureRule scaled(const QuadratureRule& rule, const Interval& interval) {
  const double half = 0.5 * (interval.high - interval.low);
  const double middle = 0.5 * (interval.high + interval.low);
  QuadratureRule result = rule;
  for (double& node : result.nodes) node = middle + half * node;
  for (double& weight : result.weights) weight *= half;
  return result;
}

std::vector<double> solved(std::vector<double> matrix, std::vector<double> right) {
  const std::size_t n = right.size();
  const auto row = [&](std::size_t i) { return matrix.data() + i * n; };
  for (std::size_t column = 0; column < n; ++column) {
    std::size_t pivot = column;
    for (std::size_t i = column + 1; i < n; ++i)
      if (std::abs(row(i)[column]) > std::abs(row(pivot)[column])) pivot = i;
    if (pivot != column) {
      for (std::size_t j = column; j < n; ++j) std::swap(row(pivot)[j], row(column)[j]);
      std::swap(right[pivot], right[column]);
    }
    for (std::size_t i = column + 1; i < n; ++i) {
      const double factor = row(i)[column] / row(column)[column];
      if (factor == 0.0) continue;
      for (std::size_t j = column; j < n; ++j) row(i)[j] -= factor * row(column)[j];
      right[i] -= factor * right[column];
    }
  }
  for (std::size_t i = n; i-- > 0;) {
    for (std::size_t j = i + 1; j < n; ++j) right[i] -= row(i)[j] * right[j];
    right[i] /= row(i)[i];
  }
  return right;
}

}  // namespace gatewright::gates
