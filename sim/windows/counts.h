// How many: Poisson and binomial counts, at a cost that does not grow with them.
// Used where windows are drawn, and where their quantiles are read; nothing is remembered from one draw to the next.
#pragma once

#include <cstdint>

#include "sim/streams.h"

namespace gatewright::sim {

/// Counts with a variance below 20 are exact: of a Poisson law by tables of alternatives, of trials by few
/// hits of many boxes or by drawing 64 of them side by side (see counts.cpp). Others are a normal number bent by the expansion
/// of Cornish and Fisher (1938; to the third order) of the smooth law that rounds to the count's (its
/// cumulants are the count's less those of rounding: Sheppard 1898), and rounded: their distribution
/// function is off by less than 1e-5, and by ever less as they grow (tested against Boost.Math's).
inline constexpr double kBentFrom = 20.0;

/// Poisson with that mean; 0 where the mean is not positive.
[[nodiscard]] std::uint64_t draw_poisson(Stream& stream, double mean);

struct Trials {
  std::uint64_t count = 0;
  double probability = 0.0;  ///< of each to succeed; cut to [0, 1]
};
[[nodiscard]] std::uint64_t draw_binomial(Stream& stream, Trials trials);

/// Of a law on whole numbers.
struct Cumulants {
  double mean, variance, third, fourth, fifth;
};
[[nodiscard]] Cumulants cumulants_of_poisson(double mean) noexcept;
[[nodiscard]] Cumulants cumulants_of(Trials trials) noexcept;
/// What stands for a count of that law where a standard normal number is `z`; to be rounded.
[[nodiscard]] double bent(const Cumulants& law, double z) noexcept;

}  // namespace gatewright::sim
