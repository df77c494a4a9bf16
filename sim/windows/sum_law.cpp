#include "sim/windows/sum_law.h"

#include <algorithm>
#include <array>
#include <bit>
#include <boost/random/normal_distribution.hpp>
#include <cmath>
#include <numeric>

#include "policies/assert.h"
#include "sim/kernels/kernels.h"
#include "sim/windows/counts.h"

namespace gatewright::sim {
namespace {

/// So many rows are drawn in the time that it takes to draw how many there are of one more cell: of all,
/// and of those cells that are left.
constexpr std::uint64_t kRowsPerCell = 4;
constexpr std::uint64_t kRowsPerCellLeft = 2;
/// Rows are added so many numbers at a time.
constexpr std::size_t kBlock = 8;
constexpr std::size_t padded(std::size_t width) noexcept {
  return (width + kBlock - 1) / kBlock * kBlock;
}
/// Short rows share lines of the cache, and none lies in two.
constexpr std::size_t stride_of(std::size_t width) noexcept {
  return width <= kBlock / 2 ? std::bit_ceil(width) : padded(width);
}
/// Below this share of its variance a number is a linear function of those before it.
constexpr double kNothingLeft = 1e-9;

/// The lower triangular factor of a covariance matrix, packed; overwrites it. Where nothing is left of
/// a number's variance its own column is zero.
void factorise(std::vector<double>& matrix, std::size_t width) {
  const auto at = [&matrix](std::size_t i, std::size_t j) -> double& {
    return matrix[i * (i + 1) / 2 + j];
  };
  for (std::size_t j = 0; j < width; ++j) {
    const double whole = at(j, j);
    for (std::size_t k = 0; k < j; ++k) at(j, j) -= at(j, k) * at(j, k);
    const bool is_left = at(j, j) > kNothingLeft * whole && whole > 0.0;
    at(j, j) = is_left ? std::sqrt(at(j, j)) : 0.0;
    for (std::size_t i = j + 1; i < width; ++i) {
      for (std::size_t k = 0; k < j; ++k) at(i, j) -= at(i, k) * at(j, k);
      at(i, j) = is_left ? at(i, j) / at(j, j) : 0.0;
    }
  }
}

/// Calls take(i, place) for `count` places below a bound, two from a word: the second from what the first
/// leaves of it (Brackett-Rozinsky and Lemire 2024). Their likelihoods are off by at most bound^2 / 2^64.
template <typename Take>
void draw_places(std::uint64_t count, std::uint64_t bound, Stream& stream, Take take) {
  __extension__ using Wide = unsigned __int128;
  const auto part = [bound](std::uint64_t word) { return Wide{word} * bound; };
  const auto place = [](Wide product) { return static_cast<std::uint64_t>(product >> 64); };
  Stream own = stream;  // in registers
  for (std::uint64_t i = 0; i + 1 < count; i += 2) {
    const Wide first = part(own());
    take(i, place(first));
    take(i + 1, place(part(static_cast<std::uint64_t>(first))));
  }
  if (count % 2 != 0) take(count - 1, place(part(own())));
  stream = own;
}

}  // namespace

/// Sums of powers of the rows of a cell, standardised over all rows so that nothing is lost to
/// cancellation.
struct SumLaw::CellSums {
  explicit CellSums(std::size_t width)
      : first(width), products(width * (width + 1) / 2), third(width) {}
  /// Of so many rows, each as likely as `weight` fine ones.
  void add(double weight, std::size_t rows, const PowerSums& of_rows, std::size_t width) noexcept {
    mass += weight * static_cast<double>(rows);
    std::size_t place = 0;
    for (std::size_t i = 0; i < first.size(); ++i) {
      first[i] += weight * of_rows.first[i];
      third[i] += weight * of_rows.third[i];
      for (std::size_t j = 0; j <= i; ++j)
        products[place++] += weight * of_rows.products[i * width + j];
    }
  }
  void add(const CellSums& other) noexcept {
    const auto add_all = [](std::vector<double>& to, const std::vector<double>& from) {
      std::ranges::transform(to, from, to.begin(), std::plus<>());
    };
    mass += other.mass;
    add_all(first, other.first);
    add_all(products, other.products);
    add_all(third, other.third);
  }
  double mass = 0.0;
  std::vector<double> first, products, third;
};

SumLaw::SumLaw(Table table)
    : width_(table.columns.size()),
      summed_(table.summed),
      shift_(std::move(table.shift)),
      stride_(stride_of(table.columns.size())) {
  GATEWRIGHT_ASSERT(summed_ <= kMostWide && summed_ <= width_);
  shift_.resize(summed_);
  if (width_ == 0) {
    divisions_.resize(1);
    return;
  }
  const std::size_t count = table.columns.front().size();
  GATEWRIGHT_ASSERT(count > 0 && table.fine <= count);
  all_ = {static_cast<std::uint32_t>(count - table.fine), static_cast<std::uint32_t>(table.fine)};
  levels_ = static_cast<std::size_t>(std::bit_width(all_.mass()));
  if (table.cell.empty()) table.cell.assign(count, 0);
  const Scale scale = scale_of(table);
  const std::vector<Share> heavy = sort_by_weight(table, scale);
  divide(table);
  find_bodies(heavy, scale);
  for (Division& division : divisions_)
    for (Body& body : division.bodies)
      if (!body.weight.empty()) add_up(division.order, body);
}

void SumLaw::add_up(std::span<const std::uint16_t> order, Body& body) {
  std::size_t filled = 0;
  double before = 0.0;
  for (std::size_t i = 0; i < order.size(); ++i) {
    body.before.push_back(before);
    before += body.weight[order[i]];
    if (body.weight[order[i]] > 0.0) filled = i + 1;
  }
  body.before.resize(filled);
  body.all = before;
  std::ranges::transform(body.mass, body.weight, std::back_inserter(body.per_weight),
                         [](std::uint64_t mass, double weight) {
                           return weight > 0.0 ? static_cast<double>(mass) / weight : 0.0;
                         });
}

SumLaw::Scale SumLaw::scale_of(const Table& table) const {
  Scale scale;
  const auto all = static_cast<double>(all_.mass());
  for (std::size_t j = 0; j < summed_; ++j) {
    const float* column = table.columns[j].data();
    // About one of them, so that little is lost to cancellation.
    const float about = column[0];
    const Sums whole = kernels().sums_about(column, nullptr, about, all_.whole);
    const Sums fine = kernels().sums_about(column + all_.whole, nullptr, about, all_.fine);
    const double mean = (static_cast<double>(kFine) * whole.values + fine.values) / all;
    const double square = (static_cast<double>(kFine) * whole.squares + fine.squares) / all;
    scale.centre.push_back(
        static_cast<double>(static_cast<float>(static_cast<double>(about) + mean)));
    scale.unit.push_back(std::sqrt(std::max(0.0, square - mean * mean)));
  }
  return scale;
}

std::vector<SumLaw::Share> SumLaw::sort_by_weight(Table& table, const Scale& scale) {
  std::vector<std::uint16_t>& cell = table.cell;
  const std::size_t count = cell.size();

  // Weights are positive, so that their bits have their order; the upper ones, which tell weights that
  // are 1% apart, are enough. What is lighter than the lightest is like it.
  constexpr int kLowerBits = 16;
  constexpr float kLightest = 0x1p-8F, kHeaviest = 0x1p23F;
  const auto upper_bits = [](float of) { return std::bit_cast<std::uint32_t>(of) >> kLowerBits; };
  constexpr std::size_t kBlockOfRows = 1'024;
  std::vector<std::uint16_t> rank(count);  ///< 0: the heaviest
  for (std::size_t begin = 0; begin < count; begin += kBlockOfRows) {
    const std::size_t size = std::min(kBlockOfRows, count - begin);
    std::array<float, kBlockOfRows> weight{};
    for (std::size_t j = 0; j < summed_; ++j)
      if (scale.unit[j] > 0.0)
        kernels().farthest(table.columns[j].data() + begin, static_cast<float>(scale.centre[j]),
                           static_cast<float>(1.0 / scale.unit[j]), weight.data(), size);
    for (std::size_t i = 0; i < size; ++i)
      rank[begin + i] = static_cast<std::uint16_t>(
          upper_bits(kHeaviest) - upper_bits(std::clamp(weight[i], kLightest, kHeaviest)));
  }
  // Rows from one to another, by how many come before.
  std::vector<std::uint32_t> by_weight(count), place;
  const auto sort = [&](std::uint32_t from, std::uint32_t to) {
    place.assign(upper_bits(kHeaviest) - upper_bits(kLightest) + std::size_t{1}, 0);
    for (std::uint32_t r = from; r < to; ++r) ++place[rank[r]];
    std::exclusive_scan(place.begin(), place.end(), place.begin(), from);
    for (std::uint32_t r = from; r < to; ++r) by_weight[place[rank[r]]++] = r;
  };
  const auto rows = static_cast<std::uint32_t>(count);
  sort(0, all_.whole);
  sort(all_.whole, rows);

  std::vector<Share> heavy(levels_ + 1);
  heavy.front() = all_;
  Share taken;
  for (std::size_t level = levels_; level > 0; --level) {
    const std::uint64_t most = all_.mass() >> level;
    for (;;) {
      const bool is_whole_left = taken.whole < all_.whole, is_fine_left = taken.fine < all_.fine;
      const bool is_whole =
          is_whole_left && (!is_fine_left || rank[by_weight[taken.whole]] <=
                                                 rank[by_weight[all_.whole + taken.fine]]);
      if (taken.mass() + (is_whole ? kFine : 1) > most) break;
      ++(is_whole ? taken.whole : taken.fine);
    }
    heavy[level] = taken;
  }

  // Those that become heavy together, cell by cell: what is drawn of a cell is side by side.
  const std::size_t cells = std::size_t{*std::ranges::max_element(cell)} + 1;
  if (cells > 1) {
    std::vector<std::uint32_t> by_cell(count);
    const auto sort_cells = [&](std::uint32_t from, std::uint32_t to) {
      place.assign(cells, 0);
      for (std::uint32_t i = from; i < to; ++i) ++place[cell[by_weight[i]]];
      std::exclusive_scan(place.begin(), place.end(), place.begin(), from);
      for (std::uint32_t i = from; i < to; ++i) by_cell[place[cell[by_weight[i]]]++] = by_weight[i];
    };
    Share before;
    for (std::size_t level = levels_ + 1; level-- > 0;) {
      sort_cells(before.whole, heavy[level].whole);
      sort_cells(all_.whole + before.fine, all_.whole + heavy[level].fine);
      before = heavy[level];
    }
    by_weight = std::move(by_cell);
  }

  std::vector<std::uint32_t> to(count);
  std::vector<std::uint16_t> cell_of_sorted(count);
  for (std::uint32_t i = 0; i < rows; ++i) {
    to[by_weight[i]] = i;
    cell_of_sorted[i] = cell[by_weight[i]];
  }
  cell = std::move(cell_of_sorted);
  rows_.resize(count * stride_ + kBlock);  // the last row is read as far as the others
  std::fill(rows_.end() - static_cast<std::ptrdiff_t>(kBlock), rows_.end(), 0.0F);
  // A line of the cache at a time, of which no number is written after another row's.
  const std::vector<float> nothing(width_ < stride_ ? count : 0);
  const auto copy_line = [&]<std::size_t kSize>(std::size_t first) {
    std::array<const float*, kSize> columns;  // NOLINT: filled at once
    for (std::size_t k = 0; k < kSize; ++k)
      columns[k] = first + k < width_ ? table.columns[first + k].data() : nothing.data();
    for (std::size_t r = 0; r < count; ++r) {
      float* row = rows_.data() + to[r] * stride_ + first;
      for (std::size_t k = 0; k < kSize; ++k) row[k] = columns[k][r];
    }
  };
  if (stride_ == 1) copy_line.template operator()<1>(0);
  if (stride_ == 2) copy_line.template operator()<2>(0);
  if (stride_ == 4) copy_line.template operator()<4>(0);
  if (stride_ < kBlock) return heavy;
  for (std::size_t first = 0; first < stride_; first += kBlock)
    copy_line.template operator()<kBlock>(first);
  return heavy;
}

void SumLaw::divide(Table& table) {
  divisions_.resize(1 + table.merged.size());
  divisions_.front().cell = std::move(table.cell);
  for (std::size_t d = 1; d < divisions_.size(); ++d) {
    auto& [from, merged] = table.merged[d - 1];
    divisions_[d].from = from;
    divisions_[d].cell.reserve(divisions_.front().cell.size());
    for (const std::uint16_t cell : divisions_.front().cell)
      divisions_[d].cell.push_back(merged[cell]);
    divisions_[d].takes = std::move(merged);
  }
  for (Division& division : divisions_) {
    division.cells.resize(std::size_t{*std::ranges::max_element(division.cell)} + 1);
    division.missing.resize(division.cells.size());
    for (std::size_t c = 0; c < table.missing.size(); ++c)
      division.missing[division.takes.empty() ? c : division.takes[c]] += table.missing[c];
    std::vector<std::uint32_t> size(division.cells.size());
    for (std::uint32_t r = 0; r < all_.whole; ++r) ++division.cells[division.cell[r]].whole;
    for (const std::uint16_t cell : division.cell) ++size[cell];
    for (std::size_t c = 0; c < size.size(); ++c) division.cells[c].rows.reserve(size[c]);
    for (std::uint32_t r = 0; r < division.cell.size(); ++r)
      division.cells[division.cell[r]].rows.push_back(r);
    std::vector<std::uint64_t> mass;
    for (const auto& [rows, whole] : division.cells)
      mass.push_back(Share{whole, static_cast<std::uint32_t>(rows.size()) - whole}.mass());
    division.order.resize(division.cells.size());
    std::iota(division.order.begin(), division.order.end(), std::uint16_t{0});
    std::ranges::stable_sort(division.order, std::greater<>(),
                             [&mass](std::uint16_t c) { return mass[c]; });
  }
}

void SumLaw::find_bodies(std::span<const Share> heavy, const Scale& scale) {
  for (Division& division : divisions_) division.bodies.resize(levels_);
  const std::vector<std::uint16_t>& cell = divisions_.front().cell;
  const std::size_t cells = divisions_.front().cells.size();
  std::vector<CellSums> sums(cells, CellSums(summed_));
  std::vector<Share> first(cells);
  for (std::size_t c = 0; c < cells; ++c) {
    const auto& [rows, whole] = divisions_.front().cells[c];
    first[c] = {whole, static_cast<std::uint32_t>(rows.size()) - whole};
  }
  const std::size_t width = padded(summed_);
  std::vector<double> centre(width), per_unit(width), of_first(width), of_third(width);
  std::vector<double> products(width * width);
  for (std::size_t j = 0; j < summed_; ++j) {
    centre[j] = scale.centre[j];
    per_unit[j] = scale.unit[j] > 0.0 ? 1.0 / scale.unit[j] : 0.0;
  }
  const PowerSums of_rows{of_first.data(), of_third.data(), products.data()};
  // Rows that become heavy together stand cell by cell.
  const auto add_rows = [&](std::size_t from, std::size_t to) {
    const bool is_whole = from < all_.whole;
    while (from < to) {
      const std::uint16_t c = cell[from];
      std::size_t end = cells == 1 ? to : from + 1;
      while (end < to && cell[end] == c) ++end;
      const std::size_t count = end - from;
      kernels().power_sums(
          {.numbers = rows_.data() + from * stride_, .stride = stride_, .summed = summed_},
          {.centre = centre.data(), .per_unit = per_unit.data()}, count, of_rows);
      sums[c].add(is_whole ? static_cast<double>(kFine) : 1.0, count, of_rows, width);
      (is_whole ? first[c].whole : first[c].fine) -= static_cast<std::uint32_t>(count);
      from = end;
    }
  };
  // From the lightest rows to the heaviest: each body is the one before and some more.
  for (std::size_t level = 1; level <= levels_; ++level) {
    add_rows(heavy[level].whole, heavy[level - 1].whole);
    add_rows(std::size_t{all_.whole} + heavy[level].fine,
             std::size_t{all_.whole} + heavy[level - 1].fine);
    for (std::size_t d = 0; d < divisions_.size(); ++d) {
      Division& division = divisions_[d];
      const bool is_early = level < level_of(std::max<std::uint64_t>(division.from, 1));
      const bool is_late = d + 1 < divisions_.size() && level > level_of(divisions_[d + 1].from);
      if (is_early || is_late) continue;
      Body& body = division.bodies[level - 1];
      body.heavy = heavy[level];
      if (d == 0) {
        body.first = first;
        fill_body(sums, scale.centre, scale.unit, division.missing, body);
        continue;
      }
      std::vector<CellSums> merged(division.cells.size(), CellSums(summed_));
      body.first.resize(division.cells.size());
      for (std::size_t c = 0; c < cells; ++c) {
        merged[division.takes[c]].add(sums[c]);
        body.first[division.takes[c]].whole += first[c].whole;
        body.first[division.takes[c]].fine += first[c].fine;
      }
      fill_body(merged, scale.centre, scale.unit, division.missing, body);
    }
  }
}

void SumLaw::fill_body(const std::vector<CellSums>& sums, std::span<const double> centre,
                       std::span<const double> scale, std::span<const double> missing,
                       Body& body) const {
  const std::size_t width = padded(summed_);
  body.mean.assign(sums.size() * width, 0.0);
  body.variance.assign(sums.size() * width, 0.0);
  // Of rows less their cell's mean, over all of them.
  std::vector<double> covariance(summed_ * (summed_ + 1) / 2), third(summed_);
  double all = 0.0;
  for (const CellSums& of_cell : sums) {
    body.mass.push_back(static_cast<std::uint64_t>(of_cell.mass));
    body.weight.push_back(
        of_cell.mass > 0.0 ? std::max(0.0, of_cell.mass + missing[body.weight.size()]) : 0.0);
    all += of_cell.mass;
  }
  for (std::size_t c = 0; c < sums.size(); ++c) {
    const double n = sums[c].mass;
    if (n == 0.0) continue;
    std::size_t place = 0;
    for (std::size_t i = 0; i < summed_; ++i) {
      for (std::size_t j = 0; j <= i; ++j, ++place)
        covariance[place] +=
            (sums[c].products[place] - sums[c].first[i] * sums[c].first[j] / n) / all;
      const double m = sums[c].first[i] / n;
      const double second = sums[c].products[i * (i + 1) / 2 + i] / n;
      body.mean[c * width + i] = centre[i] + scale[i] * m + shift_[i];
      body.variance[c * width + i] = scale[i] * scale[i] * std::max(0.0, second - m * m);
      third[i] += n / all * (sums[c].third[i] / n - 3.0 * m * second + 2.0 * m * m * m);
    }
  }
  body.skewness.assign(width, 0.0);
  for (std::size_t j = 0; j < summed_; ++j) {
    const double variance = covariance[j * (j + 1) / 2 + j];
    body.skewness[j] = variance > 0.0 ? third[j] / (variance * std::sqrt(variance)) : 0.0;
  }
  factorise(covariance, summed_);
  // Rows of unit length: what they make of independent normals is standard normal.
  for (std::size_t i = 0; i < summed_; ++i) {
    const auto begin = covariance.begin() + static_cast<std::ptrdiff_t>(i * (i + 1) / 2);
    const auto end = begin + static_cast<std::ptrdiff_t>(i + 1);
    const double length = std::sqrt(std::inner_product(begin, end, begin, 0.0));
    if (length > 0.0) std::transform(begin, end, begin, [length](double w) { return w / length; });
  }
  body.factor.assign(summed_ * width, 0.0);
  for (std::size_t j = 0; j < summed_; ++j)
    for (std::size_t i = j; i < summed_; ++i)
      body.factor[j * width + i] = covariance[i * (i + 1) / 2 + j];
}

std::size_t SumLaw::level_of(std::uint64_t count) const noexcept {
  if (summed_ == 0) return levels_;  // nothing is heavy
  const std::uint64_t heavy = count < kMany ? kSingly : kHeavy;
  return std::min(static_cast<std::size_t>(std::bit_width((count - 1) / heavy)), levels_);
}

SumLaw::Fresh SumLaw::more_rows(std::uint64_t count, Drawn& drawn) {
  const std::size_t before = drawn.rows.size();
  drawn.rows.resize(before + count);
  drawn.cell_of_row.resize(before + count);
  return {std::span(drawn.rows).subspan(before), std::span(drawn.cell_of_row).subspan(before)};
}

void SumLaw::draw_rows(std::uint64_t count, Share among, const Division& division, Stream& stream,
                       Drawn& drawn) const {
  const Slots slots(0, among.whole, all_.whole - among.whole);
  const Fresh fresh = more_rows(count, drawn);
  const float* const rows = rows_.data();
  const std::uint16_t* const cells = division.cell.data();
  draw_places(count, among.mass(), stream,
              [=, stride = stride_](std::uint64_t i, std::uint64_t place) {
                const auto r = static_cast<std::uint32_t>(slots.at(place));
                fresh.rows[i] = r;
                __builtin_prefetch(rows + r * stride);
                __builtin_prefetch(cells + r);
              });
}

/// Of all rows that were drawn.
void SumLaw::find_cells(const Division& division, Drawn& drawn) noexcept {
  const bool is_one_cell = division.cells.size() == 1;
  for (std::size_t i = 0; i < drawn.rows.size(); ++i) {
    drawn.cell_of_row[i] = is_one_cell ? std::uint16_t{0} : division.cell[drawn.rows[i]];
    ++drawn.cells[drawn.cell_of_row[i]];
  }
}

void SumLaw::draw_rows(std::uint64_t count, std::uint16_t cell, const Division& division,
                       const Body& body, Stream& stream, Drawn& drawn) const {
  const Fresh fresh = more_rows(count, drawn);
  const Slots slots = slots_of(division.cells[cell], body.first[cell]);
  const std::uint32_t* const among = division.cells[cell].rows.data();
  const float* const rows = rows_.data();
  draw_places(count, body.mass[cell], stream,
              [=, stride = stride_](std::uint64_t i, std::uint64_t place) {
                fresh.rows[i] = among[slots.at(place)];
                __builtin_prefetch(rows + fresh.rows[i] * stride);
              });
  std::ranges::fill(fresh.cell_of_row, cell);
  drawn.cells[cell] += count;
}

void SumLaw::draw_rows_after(std::size_t skipped, std::uint64_t count, const Division& division,
                             const Body& body, Stream& stream, Drawn& drawn) const {
  const std::span<const double> before = std::span(body.before).subspan(skipped);
  const std::span<const std::uint16_t> order = std::span(division.order).subspan(skipped);
  const double length = body.all - before.front();
  const Fresh fresh = more_rows(count, drawn);
  for (std::uint64_t i = 0; i < count; ++i) {
    const double at = before.front() + stream.uniform() * length;
    std::size_t place = 0;
    for (std::size_t j = 1; j < before.size(); ++j) place += at >= before[j] ? 1U : 0U;
    const std::uint16_t cell = order[place];
    const auto mass = static_cast<double>(body.mass[cell]);
    const double within = (at - before[place]) * body.per_weight[cell];
    const Cell& among = division.cells[cell];
    const Slots slots = slots_of(among, body.first[cell]);
    fresh.rows[i] = among.rows[slots.at(static_cast<std::uint64_t>(std::min(within, mass - 1.0)))];
    fresh.cell_of_row[i] = cell;
    __builtin_prefetch(rows_.data() + fresh.rows[i] * stride_);
  }
  for (const std::uint16_t cell : fresh.cell_of_row) ++drawn.cells[cell];
}

void SumLaw::draw(double mean, Stream& stream, Drawn& drawn) const {
  drawn.rows.clear();
  drawn.cell_of_row.clear();
  drawn.in_body.clear();
  drawn.cells.clear();
  drawn.division = 0;
  const std::size_t cells = divisions_.front().cells.size();
  const std::uint64_t singly = std::max(kSingly, cells > 1 ? kRowsPerCell * cells : 0);
  drawn.has_all_rows = width_ == 0 || mean <= static_cast<double>(singly);
  if (drawn.has_all_rows) {
    drawn.count = draw_poisson(stream, mean);
    if (width_ > 0) draw_rows(drawn.count, all_, divisions_.front(), stream, drawn);
    return;
  }
  const auto about = static_cast<std::uint64_t>(std::ceil(mean));
  while (drawn.division + 1 < divisions_.size() && divisions_[drawn.division + 1].from <= about)
    ++drawn.division;
  drawn.level = level_of(about);
  const Division& division = divisions_[drawn.division];
  const Body& body = division.bodies[drawn.level - 1];
  const double per_weight = mean / (body.all + static_cast<double>(body.heavy.mass()));
  drawn.count = draw_poisson(stream, per_weight * static_cast<double>(body.heavy.mass()));
  draw_rows(drawn.count, body.heavy, division, stream, drawn);
  drawn.cells.assign(division.cells.size(), 0);
  find_cells(division, drawn);
  draw_body(division, body, per_weight, stream, drawn);
}

void SumLaw::add(Drawn& drawn, Stream& stream, std::span<double> sums) const {
  const Division& division = divisions_[drawn.division];
  if (drawn.has_all_rows && !drawn.rows.empty()) {
    drawn.cells.assign(division.cells.size(), 0);
    find_cells(division, drawn);
  }
  add_rows(drawn.rows, sums);
  if (!drawn.in_body.empty())
    add_body(division.bodies[drawn.level - 1], drawn.in_body, stream, sums);
}

/// `per_weight`: requests that are expected per weight of the body.
void SumLaw::draw_body(const Division& division, const Body& body, double per_weight,
                       Stream& stream, Drawn& drawn) const {
  const std::size_t cells = body.before.size();
  for (std::size_t i = 0; i < cells; ++i) {
    const double left = per_weight * (body.all - body.before[i]);
    if (left <= static_cast<double>(kRowsPerCellLeft * (cells - i - 1))) {
      const std::uint64_t here = draw_poisson(stream, left);
      draw_rows_after(i, here, division, body, stream, drawn);
      drawn.count += here;
      return;
    }
    const std::uint16_t c = division.order[i];
    const std::uint64_t here = draw_poisson(stream, per_weight * body.weight[c]);
    drawn.count += here;
    if (here == 0) continue;
    if (drawn.cells[c] + here <= kSingly) {
      draw_rows(here, c, division, body, stream, drawn);
    } else {
      drawn.in_body.push_back({.count = static_cast<double>(here), .cell = c});
      drawn.cells[c] += here;
    }
  }
}

void SumLaw::add_rows(std::span<const std::uint32_t> rows, std::span<double> sums) const noexcept {
  static_assert(kMostWide % kBlock == 0);
  std::array<double, kMostWide> of_rows;  // NOLINT: the first summed_ are filled
  if (rows.empty()) return;
  kernels().sums_of_rows({.numbers = rows_.data(), .stride = stride_, .summed = summed_},
                         rows.data(), rows.size(), of_rows.data());
  for (std::size_t j = 0; j < summed_; ++j) sums[j] += of_rows[j];
}

void SumLaw::add_body(const Body& body, std::span<const CellCount> counts, Stream& stream,
                      std::span<double> sums) const {
  std::array<double, kMostWide> fresh;    // NOLINT: of both the beginning is filled
  std::array<double, kMostWide> of_body;  // NOLINT
  stream.fill_normal(std::span(fresh).first(summed_));
  kernels().bent_sums({.mean = body.mean.data(),
                       .variance = body.variance.data(),
                       .skewness = body.skewness.data(),
                       .factor = body.factor.data(),
                       .width = padded(summed_),
                       .summed = summed_},
                      counts.data(), counts.size(), fresh.data(), of_body.data());
  for (std::size_t j = 0; j < summed_; ++j) sums[j] += of_body[j];
}

}  // namespace gatewright::sim
