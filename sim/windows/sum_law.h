// The joint law of the sums of n independent requests' numbers: any n, at a cost that does not grow.
// Used by WindowLaw, one per kind of request; it knows rows of numbers, never what they mean.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <vector>

#include "sim/streams.h"

namespace gatewright::sim {

/// Rows are equally likely, and every row lies in a cell. A sum of n rows is split by how far a row lies
/// from the mean, in standard deviations of its farthest number: the heaviest 1/2^k of the rows come a
/// binomial number of times, about 8 to 16, and are drawn one by one, so that what makes sums skewed is
/// exact. The others, which are bounded, are split over the cells by a multinomial law. Where a cell has
/// few of them they are drawn one by one as well; the rest is a normal vector with the means and the
/// variances of as many rows of each cell and the correlations within cells, each number bent to its
/// skewness (Cornish and Fisher 1938, first term; scaled back to the variance). Up to 16 requests are
/// all drawn one by one, and more where there are many cells.
class SumLaw {
 public:
  /// Rows side by side.
  struct Table {
    std::vector<float> numbers;         ///< row after row; at least one row
    std::size_t width = 0;              ///< numbers per row
    std::size_t summed = 0;             ///< of which so many, the first ones, are summed
    std::vector<std::uint16_t> cell{};  ///< per row, from 0; empty: there is one
  };
  explicit SumLaw(Table table);

  /// Numbers that are summed.
  [[nodiscard]] std::size_t width() const noexcept { return summed_; }
  [[nodiscard]] std::size_t cells() const noexcept { return cells_; }
  /// All numbers of a row, and its cell. Rows are in an order of their own.
  [[nodiscard]] std::span<const float> row(std::size_t r) const noexcept {
    return {rows_.data() + r * width_, width_};
  }
  [[nodiscard]] std::uint16_t cell(std::size_t r) const noexcept { return cell_[r]; }
  [[nodiscard]] std::size_t rows() const noexcept { return count_; }

  /// Adds the sums of `count` independent rows to `sums`, of which there are width().
  void add(std::uint64_t count, Stream& stream, std::span<double> sums) const;

  /// Of rows that were drawn: how many lie in each cell, and which they are; of cells that have more
  /// than kSingly of them some may be left out.
  struct Drawn {
    std::vector<std::uint64_t> cells;
    std::vector<std::uint32_t> rows;
    bool has_all_rows = false;  ///< because they were few
  };
  /// The same, and says where they lie.
  void add(std::uint64_t count, Stream& stream, std::span<double> sums, Drawn& drawn) const;

  /// Most numbers that are summed.
  static constexpr std::size_t kMostWide = 128;
  /// Requests that are drawn one by one, at most: of all, on average, and of one cell.
  static constexpr std::uint64_t kSingly = 16;

 private:
  /// The law of the rows that are left when the heaviest are taken away. Per cell, then per number.
  struct Body {
    std::vector<std::uint32_t> first;  ///< per cell: its rows before are heavy ones
    std::vector<double> mean;
    std::vector<double> variance;
    std::vector<double> skewness;  ///< per number, within cells
    std::vector<double>
        factor;  ///< lower triangle, column after column, of the correlations' factor
  };
  void sort_by_weight(std::vector<std::uint16_t> cell);
  void find_bodies();
  [[nodiscard]] static std::uint32_t one_of(Stream& stream, std::size_t count) noexcept {
    __extension__ using Wide = unsigned __int128;
    return static_cast<std::uint32_t>((Wide{stream()} * count) >> 64);
  }
  void add_row(std::uint32_t r, std::span<double> sums) const noexcept;
  /// `counts`: per cell.
  void add_body(const Body& body, std::span<const std::uint64_t> counts, Stream& stream,
                std::span<double> sums) const;
  /// The least k for which count / 2^k is at most kSingly.
  [[nodiscard]] std::size_t level_of(std::uint64_t count) const noexcept;

  std::vector<float> rows_;  ///< the heaviest first
  std::size_t width_;
  std::size_t summed_;
  std::size_t count_;
  std::size_t cells_ = 1;
  std::vector<std::uint16_t> cell_;                  ///< per row
  std::vector<std::vector<std::uint32_t>> of_cell_;  ///< its rows, the heaviest first
  /// bodies_[k - 1]: without the first count_ >> k rows; the last one is of all rows.
  std::vector<Body> bodies_;
};

}  // namespace gatewright::sim
