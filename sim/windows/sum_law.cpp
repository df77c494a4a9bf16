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

/// So many rows are drawn in the time that it takes to split requests off for one more cell.
constexpr std::uint64_t kRowsPerCell = 4;
/// So few requests are not split any further.
constexpr std::uint64_t kTooFew = 4;
/// Rows are added so many numbers at a time.
constexpr std::size_t kBlock = 8;
constexpr std::size_t padded(std::size_t width) noexcept {
  return (width + kBlock - 1) / kBlock * kBlock;
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

}  // namespace

/// Sums of powers of the rows of a cell, standardised over all rows so that nothing is lost to
/// cancellation.
struct SumLaw::PowerSums {
  explicit PowerSums(std::size_t width)
      : first(width), products(width * (width + 1) / 2), third(width) {}
  void add(double weight, std::span<const double> z) noexcept {
    mass += weight;
    std::size_t place = 0;
    for (std::size_t i = 0; i < z.size(); ++i) {
      const double weighted = weight * z[i];
      first[i] += weighted;
      third[i] += weighted * z[i] * z[i];
      for (std::size_t j = 0; j <= i; ++j) products[place++] += weighted * z[j];
    }
  }
  void add(const PowerSums& other) noexcept {
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
    : width_(table.width),
      summed_(table.summed),
      shift_(std::move(table.shift)),
      stride_(padded(table.width)) {
  GATEWRIGHT_ASSERT(summed_ <= kMostWide && summed_ <= width_);
  shift_.resize(summed_);
  if (width_ == 0) {
    divisions_.resize(1);
    return;
  }
  const std::size_t count = table.numbers.size() / width_;
  GATEWRIGHT_ASSERT(count > 0 && table.fine <= count);
  all_ = {static_cast<std::uint32_t>(count - table.fine), static_cast<std::uint32_t>(table.fine)};
  if (table.cell.empty()) table.cell.assign(count, 0);
  const std::vector<std::uint32_t> order = sort_by_weight(table.numbers, table.cell);
  divide(table);
  find_bodies(order);
}

std::vector<std::uint32_t> SumLaw::sort_by_weight(std::span<const float> numbers,
                                                  std::vector<std::uint16_t>& cell) {
  const std::size_t count = cell.size();
  const auto mass_of = [this](std::size_t r) {
    return r < all_.whole ? static_cast<double>(kFine) : 1.0;
  };
  const auto all = static_cast<double>(all_.mass());
  std::vector<double> mean(summed_), sd(summed_);
  for (std::size_t r = 0; r < count; ++r)
    for (std::size_t j = 0; j < summed_; ++j)
      mean[j] += mass_of(r) * static_cast<double>(numbers[r * width_ + j]);
  for (double& m : mean) m /= all;
  for (std::size_t r = 0; r < count; ++r) {
    for (std::size_t j = 0; j < summed_; ++j) {
      const double away = static_cast<double>(numbers[r * width_ + j]) - mean[j];
      sd[j] += mass_of(r) * away * away;
    }
  }
  for (double& s : sd) s = s > 0.0 ? 1.0 / std::sqrt(s / all) : 0.0;

  // Weights are positive, so that their bits have their order; the upper ones, which tell weights that
  // are 1% apart, are enough. By how many rows are heavier.
  constexpr int kLowerBits = 16;
  std::vector<std::uint16_t> weight(count);
  std::vector<std::uint32_t> place(std::size_t{1} << (32 - kLowerBits));
  for (std::size_t r = 0; r < count; ++r) {
    double farthest = 0.0;
    for (std::size_t j = 0; j < summed_; ++j)
      farthest = std::max(
          farthest, std::fabs(static_cast<double>(numbers[r * width_ + j]) - mean[j]) * sd[j]);
    const auto bits = std::bit_cast<std::uint32_t>(static_cast<float>(farthest));
    weight[r] = static_cast<std::uint16_t>(~(bits >> kLowerBits));
    ++place[weight[r]];
  }
  std::exclusive_scan(place.begin(), place.end(), place.begin(), 0U);
  std::vector<std::uint32_t> by_weight(count);
  for (std::uint32_t r = 0; r < count; ++r) by_weight[place[weight[r]]++] = r;

  // Those that become heavy together, cell by cell: what is drawn of a cell is side by side.
  std::uint64_t mass = 0;
  const bool is_divided = std::ranges::any_of(cell, [](std::uint16_t c) { return c != 0; });
  for (auto first = by_weight.begin(); is_divided && first != by_weight.end();) {
    const auto level_with = [this, &mass](std::uint32_t r) {
      return std::bit_width(all_.mass() / (mass + (r < all_.whole ? kFine : 1)));
    };
    const auto level = level_with(*first);
    auto last = first;
    for (; last != by_weight.end() && level_with(*last) == level; ++last)
      mass += *last < all_.whole ? kFine : 1;
    std::ranges::stable_sort(first, last, {}, [&cell](std::uint32_t r) { return cell[r]; });
    first = last;
  }

  rows_.assign(count * stride_, 0.0F);
  std::vector<std::uint16_t> cell_of_sorted(count);
  std::vector<std::uint32_t> order;
  order.reserve(count);
  std::uint32_t whole = 0, fine = all_.whole;
  for (const std::uint32_t r : by_weight) {
    const std::uint32_t to = r < all_.whole ? whole++ : fine++;
    std::ranges::copy(numbers.subspan(r * width_, width_),
                      rows_.begin() + static_cast<std::ptrdiff_t>(to * stride_));
    cell_of_sorted[to] = cell[r];
    order.push_back(to);
  }
  cell = std::move(cell_of_sorted);
  return order;
}

void SumLaw::divide(Table& table) {
  divisions_.resize(1 + table.merged.size());
  divisions_.front().cell = std::move(table.cell);
  for (std::size_t d = 1; d < divisions_.size(); ++d) {
    auto& [from, merged] = table.merged[d - 1];
    divisions_[d].from = from;
    for (const std::uint16_t cell : divisions_.front().cell)
      divisions_[d].cell.push_back(merged[cell]);
    divisions_[d].takes = std::move(merged);
  }
  for (Division& division : divisions_) {
    division.cells.resize(std::size_t{*std::ranges::max_element(division.cell)} + 1);
    division.missing.resize(division.cells.size());
    for (std::size_t c = 0; c < table.missing.size(); ++c)
      division.missing[division.takes.empty() ? c : division.takes[c]] += table.missing[c];
    std::vector<std::uint64_t> mass(division.cells.size());
    for (std::uint32_t r = 0; r < division.cell.size(); ++r) {
      const bool is_whole = r < all_.whole;
      Cell& cell = division.cells[division.cell[r]];
      cell.rows.push_back(r);
      if (is_whole) ++cell.whole;
      mass[division.cell[r]] += is_whole ? kFine : 1;
    }
    division.order.resize(division.cells.size());
    std::iota(division.order.begin(), division.order.end(), std::uint16_t{0});
    std::ranges::stable_sort(division.order, std::greater<>(),
                             [&mass](std::uint16_t c) { return mass[c]; });
  }
}

void SumLaw::find_bodies(std::span<const std::uint32_t> order) {
  const std::size_t count = order.size();
  const auto number = [this](std::size_t r, std::size_t j) {
    return static_cast<double>(rows_[r * stride_ + j]);
  };
  std::vector<double> centre(summed_), scale(summed_, 0.0), z(summed_);
  for (std::size_t r = 0; r < count; ++r)
    for (std::size_t j = 0; j < summed_; ++j) centre[j] += number(r, j);
  for (double& c : centre) c /= static_cast<double>(count);
  for (std::size_t r = 0; r < count; ++r)
    for (std::size_t j = 0; j < summed_; ++j)
      scale[j] = std::max(scale[j], std::fabs(number(r, j) - centre[j]));
  std::vector<double> per_scale(summed_);
  std::ranges::transform(scale, per_scale.begin(),
                         [](double s) { return s > 0.0 ? 1.0 / s : 0.0; });

  levels_ = static_cast<std::size_t>(std::bit_width(all_.mass()));
  for (Division& division : divisions_) division.bodies.resize(levels_);
  const std::vector<std::uint16_t>& cell = divisions_.front().cell;
  const std::size_t cells = divisions_.front().cells.size();
  std::vector<PowerSums> sums(cells, PowerSums(summed_));
  std::vector<Share> first(cells);
  for (std::size_t c = 0; c < cells; ++c) {
    const auto& [rows, whole] = divisions_.front().cells[c];
    first[c] = {whole, static_cast<std::uint32_t>(rows.size()) - whole};
  }
  // From the lightest row to the heaviest: each body is the one before and some more.
  Share heavy = all_;
  std::size_t left = count;
  for (std::size_t level = 1; level <= levels_; ++level) {
    for (const std::uint64_t most = all_.mass() >> level; heavy.mass() > most;) {
      const std::uint32_t r = order[--left];
      const bool is_whole = r < all_.whole;
      for (std::size_t j = 0; j < summed_; ++j) z[j] = (number(r, j) - centre[j]) * per_scale[j];
      sums[cell[r]].add(is_whole ? static_cast<double>(kFine) : 1.0, z);
      --(is_whole ? heavy.whole : heavy.fine);
      --(is_whole ? first[cell[r]].whole : first[cell[r]].fine);
    }
    for (std::size_t d = 0; d < divisions_.size(); ++d) {
      Division& division = divisions_[d];
      const bool is_early = level < level_of(std::max<std::uint64_t>(division.from, 1));
      const bool is_late = d + 1 < divisions_.size() && level > level_of(divisions_[d + 1].from);
      if (is_early || is_late) continue;
      Body& body = division.bodies[level - 1];
      body.heavy = heavy;
      if (d == 0) {
        body.first = first;
        fill_body(sums, centre, scale, division.missing, body);
        continue;
      }
      std::vector<PowerSums> merged(division.cells.size(), PowerSums(summed_));
      body.first.resize(division.cells.size());
      for (std::size_t c = 0; c < cells; ++c) {
        merged[division.takes[c]].add(sums[c]);
        body.first[division.takes[c]].whole += first[c].whole;
        body.first[division.takes[c]].fine += first[c].fine;
      }
      fill_body(merged, centre, scale, division.missing, body);
    }
  }
}

void SumLaw::fill_body(const std::vector<PowerSums>& sums, std::span<const double> centre,
                       std::span<const double> scale, std::span<const double> missing,
                       Body& body) const {
  const std::size_t width = padded(summed_);
  body.mean.assign(sums.size() * width, 0.0);
  body.variance.assign(sums.size() * width, 0.0);
  // Of rows less their cell's mean, over all of them.
  std::vector<double> covariance(summed_ * (summed_ + 1) / 2), third(summed_);
  double all = 0.0;
  for (const PowerSums& of_cell : sums) {
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
  body.all = std::accumulate(body.weight.begin(), body.weight.end(), 0.0);
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
  const std::uint64_t mass = among.mass();
  const std::uint64_t whole = std::uint64_t{among.whole} * kFine;
  const std::uint64_t skipped = all_.whole - whole;  // modulo 2^64
  const Fresh fresh = more_rows(count, drawn);
  for (std::uint32_t& r : fresh.rows) {
    const std::uint64_t place = one_of(stream, mass);
    const std::uint64_t of_whole = place / kFine, of_fine = place + skipped;
    r = static_cast<std::uint32_t>(place < whole ? of_whole : of_fine);
    __builtin_prefetch(rows_.data() + r * stride_);
    __builtin_prefetch(division.cell.data() + r);
  }
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
  const Cell& among = division.cells[cell];
  const Share first = body.first[cell];
  const std::uint64_t mass = body.mass[cell];
  const std::uint64_t whole = std::uint64_t{among.whole - first.whole} * kFine;
  const std::uint64_t skipped = among.whole + first.fine - whole;  // modulo 2^64
  const Fresh fresh = more_rows(count, drawn);
  for (std::uint32_t& r : fresh.rows) {
    const std::uint64_t place = one_of(stream, mass);
    const std::uint64_t of_whole = first.whole + place / kFine, of_fine = place + skipped;
    r = among.rows[place < whole ? of_whole : of_fine];
    __builtin_prefetch(rows_.data() + r * stride_);
  }
  std::ranges::fill(fresh.cell_of_row, cell);
  drawn.cells[cell] += count;
}

void SumLaw::draw(std::uint64_t count, Stream& stream, Drawn& drawn) const {
  drawn.rows.clear();
  drawn.cell_of_row.clear();
  drawn.in_body.clear();
  drawn.cells.clear();
  drawn.division = 0;
  drawn.has_all_rows = true;
  if (width_ == 0 || count == 0) return;
  const std::size_t cells = divisions_.front().cells.size();
  if (count <= std::max<std::uint64_t>(kSingly, cells > 1 ? kRowsPerCell * cells : 0)) {
    draw_rows(count, all_, divisions_.front(), stream, drawn);
    return;
  }
  drawn.has_all_rows = false;
  while (drawn.division + 1 < divisions_.size() && divisions_[drawn.division + 1].from <= count)
    ++drawn.division;
  drawn.level = level_of(count);
  const Division& division = divisions_[drawn.division];
  const Body& body = division.bodies[drawn.level - 1];
  const double share = static_cast<double>(body.heavy.mass()) / static_cast<double>(all_.mass());
  const std::uint64_t heavy = draw_binomial(stream, {count, share});
  draw_rows(heavy, body.heavy, division, stream, drawn);
  drawn.cells.assign(division.cells.size(), 0);
  find_cells(division, drawn);
  split_over_cells(division, body, count - heavy, stream, drawn);
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

/// `left` requests that are no heavy ones.
void SumLaw::split_over_cells(const Division& division, const Body& body, std::uint64_t left,
                              Stream& stream, Drawn& drawn) const {
  std::uint64_t mass = all_.mass() - body.heavy.mass();
  double weight = body.all;
  for (std::size_t i = 0; i < division.order.size() && left > 0; ++i) {
    const std::uint16_t c = division.order[i];
    const bool is_last = i + 1 == division.order.size();
    if (left <= kTooFew && !is_last) {
      for (; left > 0; --left) {
        std::uint64_t place = one_of(stream, mass);
        std::size_t at = i;
        while (place >= body.mass[division.order[at]]) place -= body.mass[division.order[at++]];
        draw_rows(1, division.order[at], division, body, stream, drawn);
      }
      return;
    }
    const double share = body.weight[c] < weight ? body.weight[c] / weight : 1.0;
    const std::uint64_t here = is_last ? left : draw_binomial(stream, {left, share});
    left -= here;
    mass -= body.mass[c];
    weight -= body.weight[c];
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
