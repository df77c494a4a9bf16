// A trace as an A/A test: how often two halves of the same service are called different.
// Used by `gatewright aa`. Compares a window with the one before it, as a historical baseline does,
// and with a random split of the same requests, as a concurrent baseline does; nothing was released.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "analysis/intervals.h"
#include "policies/time.h"
#include "sim/traffic/trace.h"

namespace gatewright::analysis {

struct AaOptions {
  Duration window = std::chrono::minutes(5);
  double alpha = 0.05;         ///< two-sided level of the tests
  std::uint32_t splits = 200;  ///< random splits of each pair of windows
  double confidence = 0.95;    ///< of the intervals
  std::uint64_t seed = 1;
};

/// How often a test at level alpha calls "changed" what did not change. Shares have Clopper-Pearson
/// intervals, which take the comparisons as independent; neighbouring pairs share a window, so those
/// of before/after are somewhat too narrow.
struct AaRow {
  std::string metric;     ///< input_tokens, output_tokens: means of logarithms; requests: counts
  Estimate before_after;  ///< of pairs of adjacent windows
  Estimate random_split;  ///< of splits of the same pairs, each request to either side by a coin
};

struct AaTable {
  std::uint64_t windows = 0;  ///< whole ones
  std::vector<AaRow> rows;
};

/// Tokens: Welch's test on the logarithms (Welch 1947, degrees of freedom by Satterthwaite). Requests:
/// (a - b) / sqrt(a + b) of the two counts against the normal law, as if they were Poisson (Przyborowski
/// and Wilenski 1940). Pairs in which a side has fewer than two requests are left out.
[[nodiscard]] AaTable aa_table(const sim::Trace& trace, const AaOptions& options);

/// p-value, two-sided, of Welch's test on two samples that each have at least two values; 1 where both
/// have no variance and equal means, 0 where they have none and the means differ.
struct SampleMoments {
  double count = 0.0;
  double mean = 0.0;
  double variance = 0.0;  ///< divided by count - 1
};
[[nodiscard]] double welch_p_value(const SampleMoments& a, const SampleMoments& b);

}  // namespace gatewright::analysis
