// From a recorded trace to a profile of one's own: token laws and arrivals, and how well they fit.
// Used by `gatewright fit`. Never fits what the recording is too short to show: that stays at its
// default and is named.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <span>
#include <string>
#include <vector>

#include "sim/scenario.h"
#include "sim/traffic/trace.h"

namespace gatewright::sim {

/// Largest gap between two distributions (Kolmogorov and Smirnov).
struct TokenMisfit {
  double distance = 0.0;
  double critical = 0.0;  ///< what two samples of one law exceed once in twenty
};

/// Variance over mean of counts: measured, and over simulations as long as the recording.
struct DispersionMisfit {
  double seconds = 0.0;
  double measured = 0.0;
  double fitted_median = 0.0;
  double fitted_p5 = 0.0;
  double fitted_p95 = 0.0;
};

struct FittedTraffic {
  Traffic traffic;                 ///< profile, bursty arrivals, token laws, correlation
  double rank_correlation = 0.0;   ///< Spearman's, of input and output
  std::vector<std::string> notes;  ///< what was left at its default, and why
  TokenMisfit input, output;
  std::vector<DispersionMisfit> dispersion;
};

/// Tokens: a law through at most 64 points of the recording's own; the copula's correlation is 2 sin(pi r / 6) of
/// Spearman's r (Kruskal 1958). Arrivals: the mean rate; of the modulation the variance of counts over
/// 60 s beyond Poisson's, and the correlation time whose covariances of counts over 10 s, up to five
/// minutes apart, come closest to those measured (least squares); both as a sample about its own mean
/// shows them, and without the slow modulation's part, which stands beside. Recordings of at least 12
/// hours also give the slow modulation, from counts over 10 minutes. `profile` names the defaults.
[[nodiscard]] FittedTraffic fit_traffic(const Trace& trace, const std::string& profile,
                                        std::uint64_t seed);

}  // namespace gatewright::sim
