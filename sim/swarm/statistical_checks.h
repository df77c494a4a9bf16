// The invariants that only many worlds together can break: S11 and S12.
// Used by the swarm and by tests of gate tests; each says "broken" of an honest test with probability
// at most 1%, over the whole swarm and however long it runs.
#pragma once

#include <array>
#include <cstdint>
#include <span>
#include <vector>

namespace gatewright::sim {

/// An error that a statistical checker may make.
inline constexpr double kCheckerError = 0.01;

/// S11: whether e-values, one per independent world, have a mean of at most 1. A bettor stakes a fixed
/// share of what it has on each being larger; if the mean is at most 1 its capital is a nonnegative
/// supermartingale, which reaches 1 / error with probability at most `error` (Ville 1939). No variance
/// has to exist, which those of e-values often do not. The capital is that of several bettors, after
/// Waudby-Smith and Ramdas, "Estimating means of bounded random variables by betting", JRSS B 86
/// (2024) 1.
class EValueCheck {
 public:
  void add(double e_value) noexcept;
  [[nodiscard]] bool is_broken(double error = kCheckerError) const noexcept;
  [[nodiscard]] std::uint64_t count() const noexcept { return count_; }
  [[nodiscard]] double mean() const noexcept {
    return count_ > 0 ? sum_ / static_cast<double>(count_) : 0.0;
  }

 private:
  static constexpr std::array kStakes = {0.01, 0.03, 0.1, 0.3};
  [[nodiscard]] double log_capital() const noexcept;

  std::array<double, kStakes.size()> log_capitals_{};
  double log_most_ = 0.0;  ///< the largest capital on the way, since looking at any time is allowed
  double sum_ = 0.0;
  std::uint64_t count_ = 0;
};

/// S12: false alarms of independent healthy rollouts, each within its own budget. At least as many
/// have, if every budget is kept, at most the probability that as many of independent events with
/// just these probabilities occur; that is computed exactly.
class FalseAlarmCheck {
 public:
  void add(double budget, bool alarm);
  /// P(at least `alarms()` of the rollouts) if each rate were its budget.
  [[nodiscard]] double tail_probability() const;
  [[nodiscard]] bool is_broken(double error = kCheckerError) const {
    return tail_probability() < error;
  }
  [[nodiscard]] std::uint64_t rollouts() const noexcept { return budgets_.size(); }
  [[nodiscard]] std::uint64_t alarms() const noexcept { return alarms_; }
  /// How many the budgets allow on average.
  [[nodiscard]] double allowed() const noexcept;

 private:
  std::vector<double> budgets_;
  std::uint64_t alarms_ = 0;
};

}  // namespace gatewright::sim
