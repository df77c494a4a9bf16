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

constexpr std::size_t kMostCells = 4096;
/// So many rows are drawn in the time that it takes to split requests off for one more cell.
constexpr std::uint64_t kRowsPerCell = 4;
/// Below this share of its variance a number is a linear function of those before it.
constexpr double kNothingLeft = 1e-9;

/// Sums of powers of the rows of a cell, standardised over all rows so that nothing is lost to
/// cancellation.
struct PowerSums {
  explicit PowerSums(std::size_t width)
      : first(width), products(width * (width + 1) / 2), third(width) {}
  void add(std::span<const double> z) noexcept {
    ++count;
    std::size_t place = 0;
    for (std::size_t i = 0; i < z.size(); ++i) {
      first[i] += z[i];
      third[i] += z[i] * z[i] * z[i];
      for (std::size_t j = 0; j <= i; ++j) products[place++] += z[i] * z[j];
    }
  }
  std::size_t count = 0;
  std::vector<double> first, products, third;
};

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

SumLaw::SumLaw(Table table)
    : rows_(std::move(table.numbers)),
      width_(table.width),
      summed_(table.summed),
      count_(table.width == 0 ? 0 : rows_.size() / table.width) {
  GATEWRIGHT_ASSERT(summed_ <= kMostWide && summed_ <= width_);
  if (width_ == 0) return;
  GATEWRIGHT_ASSERT(count_ > 0);
  if (table.cell.empty()) table.cell.assign(count_, 0);
  cells_ = std::size_t{*std::ranges::max_element(table.cell)} + 1;
  sort_by_weight(std::move(table.cell));
  of_cell_.resize(cells_);
  for (std::uint32_t r = 0; r < count_; ++r) of_cell_[cell_[r]].push_back(r);
  find_bodies();
}

void SumLaw::sort_by_weight(std::vector<std::uint16_t> cell) {
  std::vector<double> mean(summed_), sd(summed_);
  for (std::size_t r = 0; r < count_; ++r)
    for (std::size_t j = 0; j < summed_; ++j) mean[j] += static_cast<double>(row(r)[j]);
  for (double& m : mean) m /= static_cast<double>(count_);
  for (std::size_t r = 0; r < count_; ++r) {
    for (std::size_t j = 0; j < summed_; ++j) {
      const double away = static_cast<double>(row(r)[j]) - mean[j];
      sd[j] += away * away;
    }
  }
  for (double& s : sd) s = std::sqrt(s / static_cast<double>(count_));

  std::vector<float> weight(count_);
  for (std::size_t r = 0; r < count_; ++r) {
    double farthest = 0.0;
    for (std::size_t j = 0; j < summed_; ++j)
      if (sd[j] > 0.0)
        farthest = std::max(farthest, std::fabs(static_cast<double>(row(r)[j]) - mean[j]) / sd[j]);
    weight[r] = static_cast<float>(farthest);
  }
  std::vector<std::uint32_t> order(count_);
  std::iota(order.begin(), order.end(), 0U);
  std::ranges::stable_sort(
      order, [&weight](std::uint32_t a, std::uint32_t b) { return weight[a] > weight[b]; });
  std::vector<float> sorted;
  sorted.reserve(rows_.size());
  cell_.reserve(count_);
  for (const std::uint32_t r : order) {
    sorted.insert(sorted.end(), row(r).begin(), row(r).end());
    cell_.push_back(cell[r]);
  }
  rows_ = std::move(sorted);
}

void SumLaw::find_bodies() {
  std::vector<double> centre(summed_), scale(summed_, 0.0), z(summed_);
  for (std::size_t r = 0; r < count_; ++r)
    for (std::size_t j = 0; j < summed_; ++j) centre[j] += static_cast<double>(row(r)[j]);
  for (double& c : centre) c /= static_cast<double>(count_);
  for (std::size_t r = 0; r < count_; ++r)
    for (std::size_t j = 0; j < summed_; ++j)
      scale[j] = std::max(scale[j], std::fabs(static_cast<double>(row(r)[j]) - centre[j]));

  const auto levels = static_cast<std::size_t>(std::bit_width(count_));
  bodies_.resize(levels);
  std::vector<PowerSums> sums(cells_, PowerSums(summed_));
  std::vector<std::uint32_t> first(cells_);
  for (std::size_t c = 0; c < cells_; ++c)
    first[c] = static_cast<std::uint32_t>(of_cell_[c].size());
  // From the lightest row to the heaviest: each body is the one before and some more.
  std::size_t left = count_;
  for (std::size_t level = 1; level <= levels; ++level) {
    for (const std::size_t heavy = count_ >> level; left > heavy;) {
      --left;
      for (std::size_t j = 0; j < summed_; ++j)
        z[j] = scale[j] > 0.0 ? (static_cast<double>(row(left)[j]) - centre[j]) / scale[j] : 0.0;
      sums[cell_[left]].add(z);
      --first[cell_[left]];
    }
    Body& body = bodies_[level - 1];
    body.first = first;
    body.mean.assign(cells_ * summed_, 0.0);
    body.variance.assign(cells_ * summed_, 0.0);
    // Of rows less their cell's mean, over all of them.
    std::vector<double> covariance(summed_ * (summed_ + 1) / 2), third(summed_);
    const auto all = static_cast<double>(count_ - left);
    for (std::size_t c = 0; c < cells_; ++c) {
      if (sums[c].count == 0) continue;
      const auto n = static_cast<double>(sums[c].count);
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
      if (length > 0.0)
        std::transform(begin, end, begin, [length](double w) { return w / length; });
    }
    for (std::size_t j = 0; j < summed_; ++j)
      for (std::size_t i = j; i < summed_; ++i)
        body.factor.push_back(covariance[i * (i + 1) / 2 + j]);
  }
}

std::size_t SumLaw::level_of(std::uint64_t count) const noexcept {
  if (summed_ == 0) return bodies_.size();  // nothing is heavy
  return std::min(static_cast<std::size_t>(std::bit_width((count - 1) / kSingly)), bodies_.size());
}

void SumLaw::add(std::uint64_t count, Stream& stream, std::span<double> sums) const {
  if (width_ == 0 || count == 0) return;
  if (count <= kSingly) {
    for (std::uint64_t i = 0; i < count; ++i) add_row(one_of(stream, count_), sums);
    return;
  }
  GATEWRIGHT_ASSERT(cells_ == 1);
  const std::size_t k = level_of(count);
  const std::size_t heavy = count_ >> k;
  const std::uint64_t singly =
      draw_binomial(stream, {count, static_cast<double>(heavy) / static_cast<double>(count_)});
  for (std::uint64_t i = 0; i < singly; ++i) add_row(one_of(stream, heavy), sums);
  const std::uint64_t rest = count - singly;
  if (rest > 0) add_body(bodies_[k - 1], std::span(&rest, 1), stream, sums);
}

void SumLaw::add(std::uint64_t count, Stream& stream, std::span<double> sums, Drawn& drawn) const {
  drawn.cells.assign(cells_, 0);
  drawn.rows.clear();
  drawn.has_all_rows = count <= std::max<std::uint64_t>(kSingly, kRowsPerCell * cells_);
  if (width_ == 0 || count == 0) return;
  const auto draw = [&](std::uint32_t r) {
    add_row(r, sums);
    drawn.rows.push_back(r);
    ++drawn.cells[cell_[r]];
  };
  if (drawn.has_all_rows) {
    for (std::uint64_t i = 0; i < count; ++i) {
      drawn.rows.push_back(one_of(stream, count_));
      __builtin_prefetch(rows_.data() + drawn.rows.back() * width_);
    }
    for (const std::uint32_t r : drawn.rows) {
      add_row(r, sums);
      ++drawn.cells[cell_[r]];
    }
    return;
  }
  const std::size_t k = level_of(count);
  const std::size_t heavy = count_ >> k;
  const Body& body = bodies_[k - 1];
  std::uint64_t left =
      count -
      draw_binomial(stream, {count, static_cast<double>(heavy) / static_cast<double>(count_)});
  for (std::uint64_t i = left; i < count; ++i) draw(one_of(stream, heavy));

  auto rows_left = static_cast<double>(count_ - heavy);
  std::array<std::uint64_t, kMostCells> counts;  // NOLINT: the first cells_ are filled
  for (std::size_t c = 0; c < cells_; ++c) {
    const auto rows = static_cast<double>(of_cell_[c].size() - body.first[c]);
    counts[c] = c + 1 == cells_ ? left : draw_binomial(stream, {left, rows / rows_left});
    left -= counts[c];
    rows_left -= rows;
    if (drawn.cells[c] + counts[c] <= kSingly) {
      const std::span few = std::span(of_cell_[c]).subspan(body.first[c]);
      for (; counts[c] > 0; --counts[c]) draw(few[one_of(stream, few.size())]);
    } else {
      drawn.cells[c] += counts[c];
    }
  }
  add_body(body, std::span(counts).first(cells_), stream, sums);
}

void SumLaw::add_row(std::uint32_t r, std::span<double> sums) const noexcept {
  const float* numbers = rows_.data() + r * width_;
  for (std::size_t j = 0; j < summed_; ++j) sums[j] += static_cast<double>(numbers[j]);
}

void SumLaw::add_body(const Body& body, std::span<const std::uint64_t> counts, Stream& stream,
                      std::span<double> sums) const {
  std::array<double, kMostWide> variance;  // NOLINT: of these three the first summed_ are filled
  std::array<double, kMostWide> z;         // NOLINT
  std::fill_n(variance.begin(), summed_, 0.0);
  std::fill_n(z.begin(), summed_, 0.0);
  double n = 0.0;
  for (std::size_t c = 0; c < cells_; ++c) {
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
    const double bent = (z[j] + bend * (z[j] * z[j] - 1.0)) / std::sqrt(1.0 + 2.0 * bend * bend);
    sums[j] += std::sqrt(variance[j]) * bent;
  }
}

}  // namespace gatewright::sim
