#include "analysis/aa.h"

#include <array>
#include <cmath>
#include <cstddef>
#include <limits>
#include <span>

#include <boost/math/distributions/students_t.hpp>

#include "sim/streams.h"

namespace gatewright::analysis {
namespace {

using Rows = std::span<const sim::TraceRow>;
using Exact = boost::math::policies::policy<boost::math::policies::promote_double<false>>;

/// Sums from which moments follow; logarithms of tokens are small, so nothing cancels that matters.
struct Sums {
  double count = 0.0;
  double sum = 0.0;
  double squares = 0.0;
  void add(double value) noexcept {
    count += 1.0;
    sum += value;
    squares += value * value;
  }
  [[nodiscard]] SampleMoments moments() const noexcept {
    const double mean = sum / count;
    return {count, mean, std::fmax(0.0, (squares - count * mean * mean) / (count - 1.0))};
  }
};

/// Both sides of a comparison: tokens in, tokens out.
struct Side {
  Sums input, output;
  void add(const sim::TraceRow& row) noexcept {
    input.add(std::log(static_cast<double>(row.input_tokens)));
    output.add(std::log(static_cast<double>(row.output_tokens)));
  }
};
using Sides = std::array<Side, 2>;

constexpr std::size_t kMetrics = 3;
constexpr std::array<const char*, kMetrics> kMetricNames{"output_tokens", "input_tokens",
                                                         "requests"};

struct Calls {
  std::array<std::uint64_t, kMetrics> changed{};
  std::uint64_t comparisons = 0;

  void add(const Sides& sides, double alpha) {
    const auto& [a, b] = sides;
    if (a.input.count < 2.0 || b.input.count < 2.0) return;
    ++comparisons;
    const double z = (a.input.count - b.input.count) / std::sqrt(a.input.count + b.input.count);
    const std::array<double, kMetrics> p{welch_p_value(a.output.moments(), b.output.moments()),
                                         welch_p_value(a.input.moments(), b.input.moments()),
                                         std::erfc(std::abs(z) / std::sqrt(2.0))};
    for (std::size_t i = 0; i < kMetrics; ++i) changed[i] += p[i] < alpha ? 1 : 0;
  }
};

/// The rows of each whole window.
std::vector<Rows> windows_of(const sim::Trace& trace, double length_seconds) {
  std::vector<Rows> windows;
  const Rows rows(trace.rows);
  // The span counts one mean gap after the last row: up to there silence is known.
  const auto whole = static_cast<std::size_t>(trace.span_seconds / length_seconds);
  std::size_t first = 0;
  for (std::size_t k = 0; k < whole; ++k) {
    const double end = static_cast<double>(k + 1) * length_seconds;
    std::size_t last = first;
    while (last < rows.size() && rows[last].at_seconds < end) ++last;
    windows.push_back(rows.subspan(first, last - first));
    first = last;
  }
  return windows;
}

}  // namespace

double welch_p_value(const SampleMoments& a, const SampleMoments& b) {
  const double of_a = a.variance / a.count;
  const double of_b = b.variance / b.count;
  const double difference = a.mean - b.mean;
  if (!(of_a + of_b > 0.0)) return difference == 0.0 ? 1.0 : 0.0;
  const double freedom = (of_a + of_b) * (of_a + of_b) /
                         (of_a * of_a / (a.count - 1.0) + of_b * of_b / (b.count - 1.0));
  const boost::math::students_t_distribution<double, Exact> law(freedom);
  const double t = std::abs(difference) / std::sqrt(of_a + of_b);
  return 2.0 * boost::math::cdf(boost::math::complement(law, t));
}

AaTable aa_table(const sim::Trace& trace, const AaOptions& options) {
  const double length = std::chrono::duration<double>(options.window).count();
  const std::vector<Rows> windows = windows_of(trace, length);
  Calls adjacent;
  Calls random;
  for (std::size_t k = 0; k + 1 < windows.size(); ++k) {
    const std::array<Rows, 2> pair{windows[k], windows[k + 1]};
    Sides sides;
    for (std::size_t side = 0; side < 2; ++side)
      for (const sim::TraceRow& row : pair[side]) sides[side].add(row);
    adjacent.add(sides, options.alpha);
    for (std::uint32_t split = 0; split < options.splits; ++split) {
      sim::Stream stream({options.seed, 0, "aa.split", std::uint64_t{k} * options.splits + split});
      Sides halves;
      for (const Rows& rows : pair)
        for (const sim::TraceRow& row : rows) halves[stream() >> 63].add(row);
      random.add(halves, options.alpha);
    }
  }

  AaTable table;
  table.windows = windows.size();
  for (std::size_t i = 0; i < kMetrics; ++i)
    table.rows.push_back({kMetricNames[i],
                          share(adjacent.changed[i], adjacent.comparisons, options.confidence),
                          share(random.changed[i], random.comparisons, options.confidence)});
  return table;
}

}  // namespace gatewright::analysis
