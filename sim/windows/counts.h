// How many: exact Poisson and binomial counts.
// Used where windows are drawn, and where their quantiles are read; nothing is remembered from one draw to the next.
#pragma once

#include <cstdint>

#include "sim/streams.h"

namespace gatewright::sim {

/// Poisson with that mean; 0 where the mean is not positive.
[[nodiscard]] std::uint64_t draw_poisson(Stream& stream, double mean);

struct Trials {
  std::uint64_t count = 0;
  double probability = 0.0;  ///< of each to succeed; cut to [0, 1]
};
[[nodiscard]] std::uint64_t draw_binomial(Stream& stream, Trials trials);

}  // namespace gatewright::sim
