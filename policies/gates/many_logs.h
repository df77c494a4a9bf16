// ln and the mean of exp of many numbers at once, several by one instruction.
// Used by the gate tests that weigh a few dozen alternatives in every window.
// Never differs between processors: each instruction set rounds every step alike.
#pragma once

#include <span>

namespace gatewright::gates {

/// Overwrites each number with its natural logarithm, within 1 ulp, for normal numbers above 0. NaN stays
/// NaN; others give a number without meaning. ln(2^k (1 + f)) with 1 + f in [sqrt(1/2), sqrt(2)):
/// ln(1 + f) = 2 artanh(f / (2 + f)) (Abramowitz and Stegun 4.1.27), its powers weighed as in fdlibm's
/// e_log.c (Sun Microsystems 1993).
void take_logs(std::span<double> x) noexcept;

/// ln of the mean of exp(x), of at least one x; NaN where one of them is, or where the largest is infinite.
/// e^(k ln 2 + r) with |r| <= ln(2) / 2 as 2^k (1 + 2 r / (R(r^2) - r)), with R as in fdlibm's e_exp.c; what
/// is more than 700 below the largest counts as 700 below.
[[nodiscard]] double log_mean_exp(std::span<const double> x) noexcept;

}  // namespace gatewright::gates
