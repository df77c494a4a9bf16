// The Dirichlet-multinomial Bayes factor.
// Used by checks of the sample ratio.
// Never subtracts logarithms of gamma functions: deviances keep full precision up to 1e12 units.
#include "policies/gates/sequential_multinomial.h"

#include <cmath>
#include <utility>

#include "policies/gates/incomplete_beta.h"

namespace gatewright::gates {

SequentialMultinomial::SequentialMultinomial(std::vector<double> intended, double concentration)
    : intended_(std::move(intended)), concentration_(concentration) {}

double SequentialMultinomial::log_e(std::span<const double> counts) const noexcept {
  // With a_i = concentration x share_i and N = sum a + n, Stirling's formula turns
  // ln Gamma(a_i + x_i) - ln Gamma(a_i) - x_i ln share_i, summed, into the deviance of a + x from
  // N x share, half logarithms, and small errors.
  double n = 0.0;
  for (const double count : counts) n += count;
  const double whole = concentration_ + n;
  double log_e = 0.5 * std::log(whole / concentration_) + stirling_error(concentration_) -
                 stirling_error(whole);
  for (std::size_t i = 0; i < intended_.size(); ++i) {
    const double before = concentration_ * intended_[i], after = before + counts[i];
    log_e += deviance_part(after, whole * intended_[i]) - 0.5 * std::log(after / before) +
             stirling_error(after) - stirling_error(before);
  }
  return log_e;
}

}  // namespace gatewright::gates
