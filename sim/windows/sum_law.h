// The joint law of the sums of n independent requests' numbers: any n, at a cost that does not grow.
// Used by WindowLaw, one per kind of request; it knows rows of numbers, never what they mean.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <vector>

#include "sim/streams.h"

namespace gatewright::sim {

/// Rows are whole or fine: whole ones are equally likely, and kFine fine ones are as likely as a whole
/// one, where more detail is wanted. Every row lies in a cell. A sum of n rows is split by how far a row
/// lies from the mean, in standard deviations of its farthest number: the heaviest 1/2^k of the rows come
/// a binomial number of times, about 8 to 16, and are drawn one by one, so that what makes sums skewed is
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
    std::size_t fine = 0;               ///< so many rows, the last ones, are fine
    std::vector<std::uint16_t> cell{};  ///< per row, from 0; empty: there is one
    /// Cells that are told apart no longer where there are many requests: each takes some together.
    struct Merging {
      std::uint64_t from = 0;             ///< requests
      std::vector<std::uint16_t> cell{};  ///< per cell: the number of the one it goes into, from 0
    };
    std::vector<Merging> merged{};  ///< by rising number of requests
  };
  static constexpr std::size_t kFine = 32;
  explicit SumLaw(Table table);

  /// Numbers that are summed.
  [[nodiscard]] std::size_t width() const noexcept { return summed_; }
  /// All numbers of a row. Rows are in an order of their own.
  [[nodiscard]] std::span<const float> row(std::size_t r) const noexcept {
    return {rows_.data() + r * stride_, width_};
  }

  /// Of rows that were drawn: how many lie in each cell, and which they are; of cells that have more
  /// than kSingly of them some may be left out.
  struct Drawn {
    std::size_t division = 0;  ///< which cells these are: 0 the table's, i the i-th merged ones
    std::vector<std::uint64_t> cells;
    std::vector<std::uint32_t> rows;
    bool has_all_rows = false;           ///< because they were few
    std::vector<std::uint64_t> in_body;  ///< per cell: those that were not drawn one by one
  };
  /// Adds the sums of `count` independent rows to `sums`, of which there are width(), and says where they
  /// lie.
  void add(std::uint64_t count, Stream& stream, std::span<double> sums, Drawn& drawn) const;
  /// The cell of a row that was drawn.
  [[nodiscard]] std::uint16_t cell(const Drawn& drawn, std::uint32_t r) const noexcept {
    return divisions_[drawn.division].cell[r];
  }

  /// Most numbers that are summed.
  static constexpr std::size_t kMostWide = 128;
  /// Requests that are drawn one by one, at most: of all, on average, and of one cell.
  static constexpr std::uint64_t kSingly = 16;

 private:
  /// So many of a sorted list of whole rows and of one of fine rows: the first ones.
  struct Share {
    std::uint32_t whole = 0, fine = 0;
    /// In fine rows.
    [[nodiscard]] std::uint64_t mass() const noexcept {
      return std::uint64_t{whole} * kFine + fine;
    }
  };
  /// The law of the rows that are left when the heaviest are taken away. Per cell, then per number.
  struct Body {
    Share heavy;
    std::vector<Share> first;         ///< per cell: its rows before are heavy ones
    std::vector<std::uint64_t> mass;  ///< per cell: of the others, in fine rows
    std::vector<double> mean;
    std::vector<double> variance;
    std::vector<double> skewness;  ///< per number, within cells
    std::vector<double>
        factor;  ///< lower triangle, column after column, of the correlations' factor
  };
  struct Cell {
    std::vector<std::uint32_t> whole, fine;  ///< its rows, the heaviest first
  };
  /// A way to tell rows apart, for so many requests.
  struct Division {
    std::uint64_t from = 0;
    std::vector<std::uint16_t> cell;   ///< per row
    std::vector<std::uint16_t> takes;  ///< merged ones: per cell of the table, the one it goes into
    std::vector<Cell> cells;
    std::vector<std::uint16_t> order;  ///< of cells, the likeliest first
    /// bodies[k - 1]: without the first 1/2^k of the rows; the last one is of all rows. Those that are
    /// needed for numbers of requests from `from` until the next division begins.
    std::vector<Body> bodies;
  };
  struct PowerSums;
  /// The rows, the heaviest first.
  [[nodiscard]] std::vector<std::uint32_t> sort_by_weight(std::vector<std::uint16_t>& cell);
  void divide(Table& table);
  void find_bodies(std::span<const std::uint32_t> order);
  void fill_body(const std::vector<PowerSums>& sums, std::span<const double> centre,
                 std::span<const double> scale, Body& body) const;
  static std::uint64_t one_of(Stream& stream, std::uint64_t count) noexcept {
    __extension__ using Wide = unsigned __int128;
    return static_cast<std::uint64_t>((Wide{stream()} * count) >> 64);
  }
  [[nodiscard]] std::uint32_t draw_row(Stream& stream, Share among) const noexcept;
  /// One of a cell that is no heavy one.
  [[nodiscard]] static std::uint32_t draw_row(Stream& stream, const Cell& cell,
                                              Share first) noexcept;
  static void count_cells(const Division& division, Drawn& drawn) noexcept;
  void split_over_cells(const Division& division, const Body& body, std::uint64_t left,
                        Stream& stream, Drawn& drawn) const;
  void add_rows(std::span<const std::uint32_t> rows, std::span<double> sums) const noexcept;
  void add_body(const Body& body, std::span<const std::uint64_t> counts, Stream& stream,
                std::span<double> sums) const;
  /// The least k for which count / 2^k is at most kSingly.
  [[nodiscard]] std::size_t level_of(std::uint64_t count) const noexcept;

  std::vector<float> rows_;  ///< whole ones, the heaviest first, then fine ones, the heaviest first
  std::size_t width_;
  std::size_t summed_;
  std::size_t stride_;  ///< numbers from row to row: a multiple of kBlock
  Share all_;
  std::size_t levels_ = 0;
  std::vector<Division> divisions_;  ///< by rising `from`, the first from 0 on
};

}  // namespace gatewright::sim
