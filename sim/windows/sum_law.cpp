#include "sim/windows/sum_law.h"

#include <algorithm>
#include <array>
#include <bit>
#include <boost/random/normal_distribution.hpp>
#include <cmath>
#include <numeric>

#include "policies/assert.h"
#include "sim/windows/counts.h"

namespace gatewright::sim {
namespace {

/// So many rows are drawn in the time that it takes to split requests off for one more cell.
constexpr std::uint64_t kRowsPerCell = 4;
/// Rows are added so many numbers at a time.
constexpr std::size_t kBlock = 8;
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
    : rows_(std::move(table.numbers)),
      width_(table.width),
      summed_(table.summed),
      stride_((table.width + kBlock - 1) / kBlock * kBlock) {
  GATEWRIGHT_ASSERT(summed_ <= kMostWide && summed_ <= width_);
  if (width_ == 0) return;
  const std::size_t count = rows_.size() / width_;
  GATEWRIGHT_ASSERT(count > 0 && table.fine <= count);
  all_ = {static_cast<std::uint32_t>(count - table.fine), static_cast<std::uint32_t>(table.fine)};
  if (table.cell.empty()) table.cell.assign(count, 0);
  const std::vector<std::uint32_t> order = sort_by_weight(table.cell);
  divide(table);
  find_bodies(order);
}

std::vector<std::uint32_t> SumLaw::sort_by_weight(std::vector<std::uint16_t>& cell) {
  const std::size_t count = cell.size();
  const auto mass_of = [this](std::size_t r) {
    return r < all_.whole ? static_cast<double>(kFine) : 1.0;
  };
  const auto all = static_cast<double>(all_.mass());
  std::vector<double> mean(summed_), sd(summed_);
  for (std::size_t r = 0; r < count; ++r)
    for (std::size_t j = 0; j < summed_; ++j)
      mean[j] += mass_of(r) * static_cast<double>(rows_[r * width_ + j]);
  for (double& m : mean) m /= all;
  for (std::size_t r = 0; r < count; ++r) {
    for (std::size_t j = 0; j < summed_; ++j) {
      const double away = static_cast<double>(rows_[r * width_ + j]) - mean[j];
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
      farthest = std::max(farthest,
                          std::fabs(static_cast<double>(rows_[r * width_ + j]) - mean[j]) * sd[j]);
    const auto bits = std::bit_cast<std::uint32_t>(static_cast<float>(farthest));
    weight[r] = static_cast<std::uint16_t>(~(bits >> kLowerBits));
    ++place[weight[r]];
  }
  std::exclusive_scan(place.begin(), place.end(), place.begin(), 0U);
  std::vector<std::uint32_t> by_weight(count);
  for (std::uint32_t r = 0; r < count; ++r) by_weight[place[weight[r]]++] = r;

  std::vector<float> sorted(count * stride_, 0.0F);
  std::vector<std::uint16_t> cell_of_sorted(count);
  std::vector<std::uint32_t> order;
  order.reserve(count);
  std::uint32_t whole = 0, fine = all_.whole;
  for (const std::uint32_t r : by_weight) {
    const std::uint32_t to = r < all_.whole ? whole++ : fine++;
    std::copy_n(rows_.begin() + static_cast<std::ptrdiff_t>(r * width_), width_,
                sorted.begin() + static_cast<std::ptrdiff_t>(to * stride_));
    cell_of_sorted[to] = cell[r];
    order.push_back(to);
  }
  rows_ = std::move(sorted);
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
    std::vector<std::uint64_t> mass(division.cells.size());
    for (std::uint32_t r = 0; r < division.cell.size(); ++r) {
      const bool is_whole = r < all_.whole;
      Cell& cell = division.cells[division.cell[r]];
      (is_whole ? cell.whole : cell.fine).push_back(r);
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
    const auto& [whole, fine] = divisions_.front().cells[c];
    first[c] = {static_cast<std::uint32_t>(whole.size()), static_cast<std::uint32_t>(fine.size())};
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
        fill_body(sums, centre, scale, body);
        continue;
      }
      std::vector<PowerSums> merged(division.cells.size(), PowerSums(summed_));
      body.first.resize(division.cells.size());
      for (std::size_t c = 0; c < cells; ++c) {
        merged[division.takes[c]].add(sums[c]);
        body.first[division.takes[c]].whole += first[c].whole;
        body.first[division.takes[c]].fine += first[c].fine;
      }
      fill_body(merged, centre, scale, body);
    }
  }
}

void SumLaw::fill_body(const std::vector<PowerSums>& sums, std::span<const double> centre,
                       std::span<const double> scale, Body& body) const {
  body.mean.assign(sums.size() * summed_, 0.0);
  body.variance.assign(sums.size() * summed_, 0.0);
  // Of rows less their cell's mean, over all of them.
  std::vector<double> covariance(summed_ * (summed_ + 1) / 2), third(summed_);
  double all = 0.0;
  for (const PowerSums& of_cell : sums) {
    body.mass.push_back(static_cast<std::uint64_t>(of_cell.mass));
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
      body.mean[c * summed_ + i] = centre[i] + scale[i] * m;
      body.variance[c * summed_ + i] = scale[i] * scale[i] * std::max(0.0, second - m * m);
      third[i] += n / all * (sums[c].third[i] / n - 3.0 * m * second + 2.0 * m * m * m);
    }
  }
  body.skewness.resize(summed_);
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
  for (std::size_t j = 0; j < summed_; ++j)
    for (std::size_t i = j; i < summed_; ++i)
      body.factor.push_back(covariance[i * (i + 1) / 2 + j]);
}

std::size_t SumLaw::level_of(std::uint64_t count) const noexcept {
  if (summed_ == 0) return levels_;  // nothing is heavy
  return std::min(static_cast<std::size_t>(std::bit_width((count - 1) / kSingly)), levels_);
}

std::uint32_t SumLaw::draw_row(Stream& stream, Share among) const noexcept {
  const std::uint64_t place = one_of(stream, among.mass());
  const std::uint64_t whole = std::uint64_t{among.whole} * kFine;
  return static_cast<std::uint32_t>(place < whole ? place / kFine : all_.whole + (place - whole));
}

std::uint32_t SumLaw::draw_row(Stream& stream, const Cell& cell, Share first) noexcept {
  const std::uint64_t whole = (cell.whole.size() - first.whole) * kFine;
  const std::uint64_t place = one_of(stream, whole + (cell.fine.size() - first.fine));
  return place < whole ? cell.whole[first.whole + place / kFine]
                       : cell.fine[first.fine + (place - whole)];
}

void SumLaw::add(std::uint64_t count, Stream& stream, std::span<double> sums, Drawn& drawn) const {
  drawn.rows.clear();
  drawn.division = 0;
  drawn.has_all_rows = true;
  if (width_ == 0 || count == 0) {
    drawn.cells.clear();
    return;
  }
  const std::size_t cells = divisions_.front().cells.size();
  if (count <= std::max<std::uint64_t>(kSingly, cells > 1 ? kRowsPerCell * cells : 0)) {
    for (std::uint64_t i = 0; i < count; ++i) {
      drawn.rows.push_back(draw_row(stream, all_));
      __builtin_prefetch(rows_.data() + drawn.rows.back() * stride_);
    }
    drawn.cells.assign(cells, 0);
    count_cells(divisions_.front(), drawn);
    add_rows(drawn.rows, sums);
    return;
  }
  drawn.has_all_rows = false;
  while (drawn.division + 1 < divisions_.size() && divisions_[drawn.division + 1].from <= count)
    ++drawn.division;
  const Division& division = divisions_[drawn.division];
  const Body& body = division.bodies[level_of(count) - 1];
  const double share = static_cast<double>(body.heavy.mass()) / static_cast<double>(all_.mass());
  const std::uint64_t heavy = draw_binomial(stream, {count, share});
  drawn.cells.assign(division.cells.size(), 0);
  for (std::uint64_t i = 0; i < heavy; ++i) {
    const std::uint32_t r = draw_row(stream, body.heavy);
    drawn.rows.push_back(r);
    __builtin_prefetch(rows_.data() + r * stride_);
  }
  count_cells(division, drawn);
  drawn.in_body.assign(division.cells.size(), 0);
  split_over_cells(division, body, count - heavy, stream, drawn);
  add_rows(drawn.rows, sums);
  add_body(body, drawn.in_body, stream, sums);
}

/// Those of the rows that were drawn.
void SumLaw::count_cells(const Division& division, Drawn& drawn) noexcept {
  if (division.cells.size() == 1) {
    drawn.cells.front() = drawn.rows.size();
    return;
  }
  for (const std::uint32_t r : drawn.rows) ++drawn.cells[division.cell[r]];
}

/// `left` requests that are no heavy ones.
void SumLaw::split_over_cells(const Division& division, const Body& body, std::uint64_t left,
                              Stream& stream, Drawn& drawn) const {
  const auto draw = [&](std::size_t c) {
    drawn.rows.push_back(draw_row(stream, division.cells[c], body.first[c]));
    __builtin_prefetch(rows_.data() + drawn.rows.back() * stride_);
    ++drawn.cells[c];
  };
  std::uint64_t mass = all_.mass() - body.heavy.mass();
  for (std::size_t i = 0; i < division.order.size() && left > 0; ++i) {
    const std::uint16_t c = division.order[i];
    const bool is_last = i + 1 == division.order.size();
    if (left <= kSingly && !is_last) {
      // Too few to be split any further.
      for (; left > 0; --left) {
        std::uint64_t place = one_of(stream, mass);
        std::size_t at = i;
        while (place >= body.mass[division.order[at]]) place -= body.mass[division.order[at++]];
        draw(division.order[at]);
      }
      return;
    }
    const double share = static_cast<double>(body.mass[c]) / static_cast<double>(mass);
    std::uint64_t here = is_last ? left : draw_binomial(stream, {left, share});
    left -= here;
    mass -= body.mass[c];
    if (drawn.cells[c] + here <= kSingly) {
      for (; here > 0; --here) draw(c);
    } else {
      drawn.in_body[c] = here;
      drawn.cells[c] += here;
    }
  }
}

void SumLaw::add_rows(std::span<const std::uint32_t> rows, std::span<double> sums) const noexcept {
  for (std::size_t first = 0; first < summed_; first += kBlock) {
    std::array<double, kBlock> block{};
    for (const std::uint32_t r : rows) {
      const float* numbers = rows_.data() + r * stride_ + first;
      for (std::size_t j = 0; j < kBlock; ++j) block[j] += static_cast<double>(numbers[j]);
    }
    const std::size_t used = std::min(kBlock, summed_ - first);
    for (std::size_t j = 0; j < used; ++j) sums[first + j] += block[j];
  }
}

void SumLaw::add_body(const Body& body, std::span<const std::uint64_t> counts, Stream& stream,
                      std::span<double> sums) const {
  std::array<double, kMostWide> variance;  // NOLINT: of these three the first summed_ are filled
  std::array<double, kMostWide> z;         // NOLINT
  std::fill_n(variance.begin(), summed_, 0.0);
  std::fill_n(z.begin(), summed_, 0.0);
  double n = 0.0;
  for (std::size_t c = 0; c < counts.size(); ++c) {
    if (counts[c] == 0) continue;
    const auto count = static_cast<double>(counts[c]);
    n += count;
    const double* mean = body.mean.data() + c * summed_;
    const double* of_one = body.variance.data() + c * summed_;
    for (std::size_t j = 0; j < summed_; ++j) {
      sums[j] += count * mean[j];
      variance[j] += count * of_one[j];
    }
  }
  if (n == 0.0) return;
  boost::random::normal_distribution<double> normal;
  const double* weight = body.factor.data();
  for (std::size_t j = 0; j < summed_; ++j) {
    const double fresh = normal(stream);
    for (std::size_t i = j; i < summed_; ++i) z[i] += *weight++ * fresh;
  }
  const double sixth = 1.0 / (6.0 * std::sqrt(n));
  for (std::size_t j = 0; j < summed_; ++j) {
    const double bend = body.skewness[j] * sixth;
    const double bent = z[j] + bend * (z[j] * z[j] - 1.0);
    sums[j] += std::sqrt(variance[j] / (1.0 + 2.0 * bend * bend)) * bent;
  }
}

}  // namespace gatewright::sim
