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
  drawn.rows.resize(before + count, boost::container::default_init);
  drawn.cell_of_row.resize(before + count, boost::container::default_init);
  return {{drawn.rows.data() + before, count}, {drawn.cell_of_row.data() + before, count}};
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
  add_rows({drawn.rows.data(), drawn.rows.size()}, sums);
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
