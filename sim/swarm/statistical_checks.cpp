#include "sim/swarm/statistical_checks.h"

#include <algorithm>
#include <cmath>
#include <numeric>

namespace gatewright::sim {

void EValueCheck::add(double e_value) noexcept {
  for (std::size_t i = 0; i < kStakes.size(); ++i)
    log_capitals_[i] += std::log1p(kStakes[i] * (e_value - 1.0));
  log_most_ = std::max(log_most_, log_capital());
  sum_ += e_value;
  ++count_;
}

bool EValueCheck::is_broken(double error) const noexcept { return log_most_ >= -std::log(error); }

/// Of the bettors together, who started with equal parts of 1.
double EValueCheck::log_capital() const noexcept {
  const double largest = *std::ranges::max_element(log_capitals_);
  double sum = 0.0;
  for (const double log_capital : log_capitals_) sum += std::exp(log_capital - largest);
  return largest + std::log(sum / static_cast<double>(kStakes.size()));
}

void FalseAlarmCheck::add(double budget, bool alarm) {
  budgets_.push_back(budget);
  alarms_ += alarm ? 1 : 0;
}

double FalseAlarmCheck::tail_probability() const {
  // The distribution of the number of events, rollout by rollout, cut off where nobody looks.
  std::vector<double> below(alarms_, 0.0);  // P(exactly k so far), k < alarms
  if (below.empty()) return 1.0;
  below[0] = 1.0;
  for (const double p : budgets_) {
    for (std::size_t k = below.size() - 1; k > 0; --k)
      below[k] = below[k] * (1.0 - p) + below[k - 1] * p;
    below[0] *= 1.0 - p;
  }
  return std::max(0.0, 1.0 - std::accumulate(below.begin(), below.end(), 0.0));
}

double FalseAlarmCheck::allowed() const noexcept {
  return std::accumulate(budgets_.begin(), budgets_.end(), 0.0);
}

}  // namespace gatewright::sim
