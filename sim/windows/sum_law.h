// The joint law of the sums of n independent requests' numbers: any n, at a cost that does not grow.
// Used by WindowLaw, one per kind of request; it knows rows of numbers, never what they mean.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <vector>

#include "sim/streams.h"

namespace gatewright::sim {

/// Rows are equally likely. A sum of n rows is split by how far a row lies from the mean, in standard
/// deviations of its farthest number: the heaviest 1/2^k of the rows come a binomial number of times,
/// about 8 to 16, and are drawn one by one, so that what makes sums skewed is exact; the others,
/// which are bounded, are a normal vector with their means and covariances, each number bent to its
/// skewness (Cornish and Fisher 1938, first term; scaled back to the variance). Up to 16 requests are
/// all drawn one by one.
class SumLaw {
 public:
  /// `rows`: row after row, `width` numbers each; at least one row.
  SumLaw(std::vector<float> rows, std::size_t width);

  [[nodiscard]] std::size_t width() const noexcept { return width_; }
  /// A row, every one equally likely.
  [[nodiscard]] std::span<const float> draw(Stream& stream) const noexcept {
    return {drawn(stream, count_), width_};
  }
  /// Adds the sums of `count` independent rows to `sums`, of which there are width().
  void add(std::uint64_t count, Stream& stream, std::span<double> sums) const;

  /// Requests that are drawn one by one, at most, on average.
  static constexpr std::uint64_t kSingly = 16;

 private:
  /// The law of the rows that are left when the heaviest are taken away.
  struct Body {
    std::vector<double> mean;
    std::vector<double> sd;
    std::vector<double> skewness;
    std::vector<double> factor;  ///< lower triangle, row after row, of the correlations' factor
  };
  void sort_by_weight();
  void find_bodies();
  [[nodiscard]] const float* row(std::size_t i) const noexcept { return rows_.data() + i * width_; }
  /// One of the `among` heaviest rows.
  [[nodiscard]] const float* drawn(Stream& stream, std::size_t among) const noexcept {
    __extension__ using Wide = unsigned __int128;
    return row(static_cast<std::size_t>((Wide{stream()} * among) >> 64));
  }
  void add_row(Stream& stream, std::size_t among, std::span<double> sums) const noexcept;
  void add_body(const Body& body, std::uint64_t count, Stream& stream,
                std::span<double> sums) const;

  std::vector<float> rows_;  ///< the heaviest first
  std::size_t width_;
  std::size_t count_;
  /// bodies_[k - 1]: without the first count_ >> k rows; the last one is of all rows.
  std::vector<Body> bodies_;
};

}  // namespace gatewright::sim
