#include "policies/histogram.h"

#include <algorithm>
#include <bit>
#include <cmath>
#include <limits>

namespace gatewright {
namespace {

constexpr int kFractionBits = 52;  // of an IEEE double
constexpr int kBinBits = std::countr_zero(static_cast<unsigned>(HistogramGrid::kBinsPerOctave));
constexpr std::uint32_t kLast = HistogramGrid::kBins - 1;
static_assert(HistogramGrid::kBinsPerOctave == 1 << kBinBits);
static_assert(std::numeric_limits<double>::is_iec559);

/// Lower end of a bin within the range; that of the last bin is the upper end of the range.
double edge(std::uint32_t bin) noexcept {
  const auto steps = static_cast<int>(bin - 1);
  const int octave = steps / HistogramGrid::kBinsPerOctave;
  const int within = steps % HistogramGrid::kBinsPerOctave;
  return std::ldexp(1.0 + static_cast<double>(within) / HistogramGrid::kBinsPerOctave,
                    octave + HistogramGrid::kSmallestExponent);
}

}  // namespace

std::uint32_t HistogramGrid::bin(double value) noexcept {
  // Written so that NaN, for which every comparison is false, falls into bin 0.
  if (!(value >= edge(1))) return 0;
  if (value >= edge(kLast)) return kLast;
  // Exponent and leading fraction bits of a double number the bins in order.
  constexpr std::uint64_t kOrigin = static_cast<std::uint64_t>(1023 + kSmallestExponent)
                                    << kBinBits;
  const auto bits = std::bit_cast<std::uint64_t>(value);
  return static_cast<std::uint32_t>((bits >> (kFractionBits - kBinBits)) - kOrigin) + 1;
}

double HistogramGrid::lower(std::uint32_t bin) noexcept {
  return bin == 0 ? 0.0 : edge(std::min(bin, kLast));
}

double HistogramGrid::upper(std::uint32_t bin) noexcept {
  return bin >= kLast ? std::numeric_limits<double>::infinity() : edge(bin + 1);
}

double HistogramGrid::middle(std::uint32_t bin) noexcept {
  const double low = lower(bin);
  if (bin == 0 || bin >= kLast) return low;
  const double high = upper(bin);
  return 2.0 * low * high / (low + high);
}

std::uint64_t count(HistogramView view) noexcept {
  std::uint64_t total = 0;
  for (const HistogramBin& bin : view) total += bin.count;
  return total;
}

double quantile(HistogramView view, double probability) noexcept {
  const std::uint64_t total = count(view);
  if (total == 0) return std::numeric_limits<double>::quiet_NaN();
  // 0.07 x 100 is a little above 7 in binary; a few units in the last place are not another rank.
  constexpr double kRounding = 1.0 - 4.0 * std::numeric_limits<double>::epsilon();
  const double rank = std::ceil(static_cast<double>(total) * probability * kRounding);
  std::uint64_t seen = 0;
  for (const HistogramBin& bin : view) {
    seen += bin.count;
    if (static_cast<double>(seen) >= rank) return HistogramGrid::middle(bin.bin);
  }
  return HistogramGrid::middle(view.back().bin);
}

void Histogram::add(double value, std::uint64_t times) {
  if (counts_.empty()) counts_.resize(HistogramGrid::kBins);
  counts_[HistogramGrid::bin(value)] += times;
}

void Histogram::merge(HistogramView other) {
  if (counts_.empty()) counts_.resize(HistogramGrid::kBins);
  for (const HistogramBin& bin : other) counts_[bin.bin] += bin.count;
}

void Histogram::clear() noexcept { std::ranges::fill(counts_, 0); }

HistogramView Histogram::view() const {
  bins_.clear();
  for (std::uint32_t bin = 0; bin < counts_.size(); ++bin)
    if (counts_[bin] > 0) bins_.push_back({.bin = bin, .count = counts_[bin]});
  return bins_;
}

}  // namespace gatewright
