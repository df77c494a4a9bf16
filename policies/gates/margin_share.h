// How much of its harm margin a metric has used up: e-values against any share of the margin.
// Used by combined gates, which add the shares of several metrics up.
// Never weighs evidence in a way of its own: the e-values are those of the gate's own test, at other
// margins.
#pragma once

#include <memory>
#include <span>
#include <vector>

#include "policies/gates/gate_test.h"

namespace gatewright {

/// At share t of a margin the candidate may be worse than the baseline by t times as much: a ratio r
/// becomes 1 + t (r - 1), a difference m becomes t m.
class MarginShare {
 public:
  /// Logarithms of two e-values at one share t: against using at most t, and against using t or more.
  struct LogE {
    double harm = 0.0;
    double safety = 0.0;
  };

  MarginShare() = default;
  MarginShare(const MarginShare&) = delete;
  MarginShare& operator=(const MarginShare&) = delete;
  virtual ~MarginShare() = default;

  [[nodiscard]] virtual std::size_t slots() const noexcept = 0;
  /// Takes in one Samples event with requests of both arms. `slots` starts as zeros.
  virtual void update(std::span<double> slots, const Observation& observation) const noexcept = 0;
  /// Fills `at`, one entry per share; false, and nothing filled, before there are enough samples.
  [[nodiscard]] virtual bool log_e(std::span<const double> slots,
                                   std::span<LogE> at) const noexcept = 0;
};

/// For a gate whose test is normal_mixture or beta_binomial_mixture, against the baseline; `shares`
/// rise from 0. `budget` tunes the evidence. Null, with what is wrong by path within the gate
/// ("test", "harm"), for any other gate.
[[nodiscard]] std::unique_ptr<MarginShare> make_margin_share(const GateSpec& gate,
                                                             std::span<const double> shares,
                                                             const Budget& budget,
                                                             Diagnostics& diagnostics);

}  // namespace gatewright
