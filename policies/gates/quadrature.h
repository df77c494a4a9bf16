// Gauss and Legendre's rule, and systems of linear equations of the size it makes.
// Used while plans are compiled: group-sequential bounds, run lengths of charts.
// Never used in a rollout: it allocates.
#pragma once

#include <cstddef>
#include <vector>

namespace gatewright::gates {

/// Nodes and weights on [-1, 1].
struct QuadratureRule {
  std::vector<double> nodes, weights;
};
[[nodiscard]] QuadratureRule gauss_legendre(std::size_t nodes);

/// The same on [low, high].
struct Interval {
  double low, high;
};
[[nodiscard]] QuadratureRule scaled(const QuadratureRule& rule, const Interval& interval);

/// Solves A x = b for a dense matrix in rows; Gauss with partial pivoting.
[[nodiscard]] std::vector<double> solved(std::vector<double> matrix, std::vector<double> right);

}  // namespace gatewright::gates
