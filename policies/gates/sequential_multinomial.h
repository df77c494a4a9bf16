// Anytime test of counts in categories against stated shares: sample ratio mismatch.
// Used by the staged policy's guard, which knows the shares that were intended; no gate test does.
// Never suspects a category of which nothing was expected: that needs no statistics.
#pragma once

#include <cstdint>
#include <span>
#include <vector>

namespace gatewright::gates {

/// The Bayes factor of Lindon and Malek, "Anytime-valid inference for multinomial count data"
/// (NeurIPS 2022, arXiv 2011.03567): shares ~ Dirichlet(concentration x intended) against the
/// intended shares, which with counts x and n in all is
///
///     ln B = ln Beta(alpha + x) - ln Beta(alpha) - sum x ln(intended).
///
/// It is a martingale of mean 1 while units are assigned as intended, so 1 / error decides, at any
/// look. The authors' software has concentration 10,000, which is nearly blind before some thousands
/// of units; 100 is 1,000 times as watchful there (see tests/independent). Where the intended shares
/// change, each period has its own counts, and the factors multiply.
///
/// Not a gate test: a gate test knows the counts of both arms but not the exposure that was intended
/// (GateTest never sees stages), and its harm is a margin of a metric. The staged policy, which knows
/// the exposure of each window, has it as a standing check: see policies/staged/sample_ratio_guard.h.
class SequentialMultinomial {
 public:
  /// `intended` are two or more shares above 0 that sum to 1.
  SequentialMultinomial(std::vector<double> intended, double concentration);

  /// ln of the Bayes factor; `counts` has the order of `intended`.
  [[nodiscard]] double log_e(std::span<const double> counts) const noexcept;

 private:
  std::vector<double> intended_;
  double concentration_;
};

}  // namespace gatewright::gates
