// The limit law of the largest distance of two empirical distribution functions.
// Used by ks and its tests.
// Never tabulates.
#pragma once

namespace gatewright::gates {

/// ln P(K > c) for Kolmogorov's variable: 2 sum (-1)^(k-1) exp(-2 k^2 c^2), and its complement's
/// theta series for small c (Feller, Annals of Mathematical Statistics 19 (1948) 177).
[[nodiscard]] double log_kolmogorov_above(double c) noexcept;

/// The c that K exceeds with probability `upper_tail`: c(5%) = 1.3581.
[[nodiscard]] double kolmogorov_quantile_above(double upper_tail) noexcept;

}  // namespace gatewright::gates
