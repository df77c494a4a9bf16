// Mean and variance of what is added one by one.
// Used by statistical tests.
// Never for many numbers far from 0: the sums are plain.
#pragma once

#include <cmath>

namespace gatewright::testing {

struct Moments {
  void add(double x) {
    ++n;
    sum += x;
    squares += x * x;
  }
  [[nodiscard]] double mean() const { return sum / n; }
  [[nodiscard]] double variance() const { return squares / n - mean() * mean(); }
  [[nodiscard]] double sd() const { return std::sqrt(variance()); }
  double n = 0, sum = 0, squares = 0;
};

}  // namespace gatewright::testing
