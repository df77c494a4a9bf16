// Distribution-free comparison of a quantile by order statistics, at planned looks.
// Used through the catalogue; the interval is open for tests and documentation.
// Never assumes a shape of the distributions.
#pragma once

#include "policies/gates/gate_test.h"

namespace gatewright {

/// Ranks from 1 of the order statistics between which the p-quantile lies with probability
/// `coverage` >= 1 - alpha, each side erring with at most alpha / 2; `upper` n + 1 stands for no
/// upper limit, `lower` 0 for no lower one. David and Nagaraja, Order Statistics (2003), section
/// 7.1.
struct QuantileRanks {
  double lower = 0.0, upper = 0.0;
  double coverage = 0.0;
};
struct QuantileSample {
  double count, probability;
};
[[nodiscard]] QuantileRanks quantile_ranks(const QuantileSample& sample, double alpha) noexcept;

[[nodiscard]] GateTestInfo order_statistic_info();

}  // namespace gatewright
