// The joint law of the sums of a Poisson number of requests' numbers, at a cost that does not grow with it.
// Used by WindowLaw, one per kind of request; it knows rows of numbers, never what they mean.
#pragma once

#include <boost/align/aligned_allocator.hpp>
#include <boost/core/noinit_adaptor.hpp>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <span>
#include <vector>

#include "sim/kernels/kernels.h"
#include "sim/streams.h"

namespace gatewright::sim {

/// Rows are whole or fine: whole ones are equally likely, and kFine fine ones are as likely as a whole
/// one, where more detail is wanted. Every row lies in a cell. Requests come in a Poisson number, so that
/// those of any rows come in a Poisson number of their own, whatever the others do. Rows are told apart by how
/// far they lie from the mean, in standard deviations of their farthest number: the heaviest 1/2^k, of which
/// 8 to 16 are expected, or half as many among many, are drawn one by one, so that what makes sums skewed
/// is exact. The others, which are bounded, come in a number for each cell. Where that is small they are
/// drawn one by one as well; the rest is a normal vector with the means and the variances of as many rows of
/// each cell and the correlations within cells, each number bent to its skewness (Cornish and Fisher 1938,
/// first term; scaled back to the variance). Where up to 16 requests are expected, and more where there are
/// many cells, all are drawn one by one.
class SumLaw {
 public:
  /// Rows side by side.
  struct Table {
    /// Per number: of all rows, of which there is one at least. Read while the law is made, never kept.
    std::vector<std::span<const float>> columns{};
    std::size_t summed = 0;             ///< so many numbers, the first ones, are summed
    std::size_t fine = 0;               ///< so many rows, the last ones, are fine
    std::vector<std::uint16_t> cell{};  ///< per row, from 0; empty: there is one
    std::vector<double>
        missing{};  ///< per cell: fine rows that it should have and has not, or has too
                    ///< many; none in all; empty: none
    /// Per number that is summed: what rows are short of on average; sums of many rows get it. Empty: nothing.
    std::vector<double> shift{};
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

  /// What is written at once is not cleared first.
  template <typename T>
  using Uncleared = std::vector<T, boost::noinit_adaptor<std::allocator<T>>>;
  /// Of rows that were drawn: how many lie in each cell, and which they are; of cells that have more
  /// than kSingly of them some may be left out.
  struct Drawn {
    std::uint64_t count = 0;
    std::size_t division = 0;  ///< which cells these are: 0 the table's, i the i-th merged ones
    std::vector<std::uint64_t> cells;
    Uncleared<std::uint32_t> rows;
    Uncleared<std::uint16_t> cell_of_row;  ///< per row that was drawn
    bool has_all_rows = false;             ///< because they were few
    std::vector<CellCount> in_body;        ///< those that were not drawn one by one
    std::size_t level = 0;                 ///< whose body that is
  };
  /// Draws a Poisson number of independent rows, `mean` expected, but for what stands in them, which is
  /// fetched meanwhile.
  void draw(double mean, Stream& stream, Drawn& drawn) const;
  /// Adds their sums to `sums`, of which there are width(), and says where they lie.
  void add(Drawn& drawn, Stream& stream, std::span<double> sums) const;
  /// Most numbers that are summed.
  static constexpr std::size_t kMostWide = 128;
  /// Requests that are drawn one by one, at most: of one cell; and where so many of all or of the heaviest
  /// are expected.
  static constexpr std::uint64_t kSingly = 16;
  /// Of so many requests the heaviest need not be as many: the others are nearer to normal.
  static constexpr std::uint64_t kMany = 512;
  static constexpr std::uint64_t kHeavy = 8;

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
    std::vector<double> weight;       ///< the same with what is missing
    double all = 0.0;                 ///< the sum of these
    std::vector<double> per_weight;   ///< per cell: mass by weight
    /// Of the cells in their division's order, up to the last that has any: the weight before each.
    std::vector<double> before;
    std::vector<double> mean, variance, skewness, factor;  ///< see BentSums
  };
  struct Cell {
    std::vector<std::uint32_t> rows;  ///< whole ones, the heaviest first, then fine ones, likewise
    std::uint32_t whole = 0;          ///< so many
  };
  /// A way to tell rows apart, for so many requests.
  struct Division {
    std::uint64_t from = 0;
    std::vector<std::uint16_t> cell;   ///< per row
    std::vector<std::uint16_t> takes;  ///< merged ones: per cell of the table, the one it goes into
    std::vector<Cell> cells;
    std::vector<double> missing;       ///< per cell, see Table
    std::vector<std::uint16_t> order;  ///< of cells, the likeliest first
    /// bodies[k - 1]: without the first 1/2^k of the rows; the last one is of all rows. Those that are
    /// needed for numbers of requests from `from` until the next division begins.
    std::vector<Body> bodies;
  };
  struct CellSums;
  /// On which numbers that are summed have mean 0 and variance 1; a constant has unit 0.
  struct Scale {
    std::vector<double> centre, unit;
  };
  using Rows =
      std::vector<float, boost::noinit_adaptor<boost::alignment::aligned_allocator<float, 64>>>;
  [[nodiscard]] Scale scale_of(const Table& table) const;
  /// Puts the rows into their order. Returns which are the heaviest 1/2^k of them, for k from 0 to levels_.
  [[nodiscard]] std::vector<Share> sort_by_weight(Table& table, const Scale& scale);
  void divide(Table& table);
  void find_bodies(std::span<const Share> heavy, const Scale& scale);
  static void add_up(std::span<const std::uint16_t> order, Body& body);
  void fill_body(const std::vector<CellSums>& sums, std::span<const double> centre,
                 std::span<const double> scale, std::span<const double> missing, Body& body) const;
  /// Draws so many of the heaviest rows.
  void draw_rows(std::uint64_t count, Share among, const Division& division, Stream& stream,
                 Drawn& drawn) const;
  static void find_cells(const Division& division, Drawn& drawn) noexcept;
  /// Draws so many of a cell that are no heavy ones.
  void draw_rows(std::uint64_t count, std::uint16_t cell, const Division& division,
                 const Body& body, Stream& stream, Drawn& drawn) const;
  /// The same, of all cells but the likeliest ones, of which `skipped` are left out.
  void draw_rows_after(std::size_t skipped, std::uint64_t count, const Division& division,
                       const Body& body, Stream& stream, Drawn& drawn) const;
  /// Where those rows of a list stand, of which some whole ones and some fine ones are meant: whole ones from
  /// `begin` on, so many, and fine ones `gap` behind their end.
  class Slots {
   public:
    Slots(std::uint64_t begin, std::uint64_t whole, std::uint64_t gap) noexcept
        : begin_(begin), mass_(whole * kFine), gap_(gap) {}
    /// At a place, in fine rows. Without a branch: whether a row is whole is luck.
    [[nodiscard]] std::uint64_t at(std::uint64_t place) const noexcept {
      const std::uint64_t of_whole = place < mass_ ? place : mass_;
      const std::uint64_t is_fine = place >= mass_ ? 1 : 0;
      return begin_ + of_whole / kFine + (place - of_whole) + (gap_ & (0 - is_fine));
    }

   private:
    std::uint64_t begin_, mass_, gap_;
  };
  /// Those of a cell that are no heavy ones.
  [[nodiscard]] static Slots slots_of(const Cell& cell, Share heavy) noexcept {
    return {heavy.whole, std::uint64_t{cell.whole} - heavy.whole, heavy.fine};
  }
  /// Rows that were not drawn yet.
  struct Fresh {
    std::span<std::uint32_t> rows;
    std::span<std::uint16_t> cell_of_row;
  };
  static Fresh more_rows(std::uint64_t count, Drawn& drawn);
  void draw_body(const Division& division, const Body& body, double per_weight, Stream& stream,
                 Drawn& drawn) const;
  void add_rows(std::span<const std::uint32_t> rows, std::span<double> sums) const noexcept;
  void add_body(const Body& body, std::span<const CellCount> counts, Stream& stream,
                std::span<double> sums) const;
  /// The least k for which the heaviest are as few as they may be.
  [[nodiscard]] std::size_t level_of(std::uint64_t count) const noexcept;

  /// Whole ones, the heaviest first, then fine ones, the heaviest first; no row of up to eight numbers lies in two
  /// lines of the cache.
  Rows rows_;
  std::size_t width_;
  std::size_t summed_;
  std::vector<double> shift_;  ///< see Table
  std::size_t stride_;         ///< numbers from row to row
  Share all_;
  std::size_t levels_ = 0;
  std::vector<Division> divisions_;  ///< by rising `from`, the first from 0 on
};

}  // namespace gatewright::sim
