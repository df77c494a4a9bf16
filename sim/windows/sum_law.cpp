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

/// Most numbers per request.
constexpr std::size_t kMostWide = 64;
/// Below this share of its variance a number is a linear function of those before it.
constexpr double kNothingLeft = 1e-9;

/// Sums of powers of rows, standardised over all rows so that nothing is lost to cancellation.
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

SumLaw::SumLaw(std::vector<float> rows, std::size_t width)
    : rows_(std::move(rows)), width_(width), count_(width == 0 ? 0 : rows_.size() / width) {
  GATEWRIGHT_ASSERT(width <= kMostWide);
  if (width_ == 0) return;
  GATEWRIGHT_ASSERT(count_ > 0);
  sort_by_weight();
  find_bodies();
}

void SumLaw::sort_by_weight() {
  std::vector<double> mean(width_), sd(width_);
  for (std::size_t r = 0; r < count_; ++r)
    for (std::size_t j = 0; j < width_; ++j) mean[j] += static_cast<double>(row(r)[j]);
  for (double& m : mean) m /= static_cast<double>(count_);
  for (std::size_t r = 0; r < count_; ++r) {
    for (std::size_t j = 0; j < width_; ++j) {
      const double away = static_cast<double>(row(r)[j]) - mean[j];
      sd[j] += away * away;
    }
  }
  for (double& s : sd) s = std::sqrt(s / static_cast<double>(count_));

  std::vector<float> weight(count_);
  for (std::size_t r = 0; r < count_; ++r) {
    double farthest = 0.0;
    for (std::size_t j = 0; j < width_; ++j)
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
  for (const std::uint32_t r : order) sorted.insert(sorted.end(), row(r), row(r) + width_);
  rows_ = std::move(sorted);
}

void SumLaw::find_bodies() {
  std::vector<double> centre(width_), scale(width_, 0.0), z(width_);
  for (std::size_t r = 0; r < count_; ++r)
    for (std::size_t j = 0; j < width_; ++j) centre[j] += static_cast<double>(row(r)[j]);
  for (double& c : centre) c /= static_cast<double>(count_);
  for (std::size_t r = 0; r < count_; ++r)
    for (std::size_t j = 0; j < width_; ++j)
      scale[j] = std::max(scale[j], std::fabs(static_cast<double>(row(r)[j]) - centre[j]));

  const auto levels = static_cast<std::size_t>(std::bit_width(count_));
  bodies_.resize(levels);
  PowerSums sums(width_);
  // From the lightest row to the heaviest: each body is the one before and some more.
  std::size_t left = count_;
  for (std::size_t level = 1; level <= levels; ++level) {
    for (const std::size_t first = count_ >> level; left > first;) {
      --left;
      for (std::size_t j = 0; j < width_; ++j)
        z[j] = scale[j] > 0.0 ? (static_cast<double>(row(left)[j]) - centre[j]) / scale[j] : 0.0;
      sums.add(z);
    }
    const auto n = static_cast<double>(sums.count);
    Body& body = bodies_[level - 1];
    body.mean.resize(width_);
    body.sd.resize(width_);
    body.skewness.resize(width_);
    body.factor.resize(sums.products.size());
    std::size_t place = 0;
    for (std::size_t i = 0; i < width_; ++i)
      for (std::size_t j = 0; j <= i; ++j, ++place)
        body.factor[place] = sums.products[place] / n - sums.first[i] * sums.first[j] / (n * n);
    for (std::size_t j = 0; j < width_; ++j) {
      const double m = sums.first[j] / n;
      const double second = sums.products[j * (j + 1) / 2 + j] / n;
      const double variance = std::max(0.0, second - m * m);
      const double sd = std::sqrt(variance);
      const double central = sums.third[j] / n - 3.0 * m * second + 2.0 * m * m * m;
      body.mean[j] = centre[j] + scale[j] * m;
      body.sd[j] = scale[j] * sd;
      body.skewness[j] = sd > 0.0 ? central / (variance * sd) : 0.0;
    }
    factorise(body.factor, width_);
    // Rows of unit length: what they make of independent normals is standard normal.
    for (std::size_t i = 0; i < width_; ++i) {
      const auto begin = body.factor.begin() + static_cast<std::ptrdiff_t>(i * (i + 1) / 2);
      const auto end = begin + static_cast<std::ptrdiff_t>(i + 1);
      const double length = std::sqrt(std::inner_product(begin, end, begin, 0.0));
      if (length > 0.0)
        std::transform(begin, end, begin, [length](double w) { return w / length; });
    }
  }
}

void SumLaw::add(std::uint64_t count, Stream& stream, std::span<double> sums) const {
  if (width_ == 0 || count == 0) return;
  if (count <= kSingly) {
    for (std::uint64_t i = 0; i < count; ++i) add_row(stream, count_, sums);
    return;
  }
  // The least k for which count / 2^k is at most kSingly.
  const auto k =
      std::min(static_cast<std::size_t>(std::bit_width((count - 1) / kSingly)), bodies_.size());
  const std::size_t heavy = count_ >> k;
  const std::uint64_t singly =
      draw_binomial(stream, {count, static_cast<double>(heavy) / static_cast<double>(count_)});
  for (std::uint64_t i = 0; i < singly; ++i) add_row(stream, heavy, sums);
  if (singly < count) add_body(bodies_[k - 1], count - singly, stream, sums);
}

void SumLaw::add_row(Stream& stream, std::size_t among, std::span<double> sums) const noexcept {
  const float* chosen = drawn(stream, among);
  for (std::size_t j = 0; j < width_; ++j) sums[j] += static_cast<double>(chosen[j]);
}

void SumLaw::add_body(const Body& body, std::uint64_t count, Stream& stream,
                      std::span<double> sums) const {
  boost::random::normal_distribution<double> normal;
  std::array<double, kMostWide> fresh;  // NOLINT: the first width_ are filled
  for (std::size_t j = 0; j < width_; ++j) fresh[j] = normal(stream);
  const auto n = static_cast<double>(count);
  const double root = std::sqrt(n);
  const double* weight = body.factor.data();
  for (std::size_t i = 0; i < width_; ++i) {
    double z = 0.0;
    for (std::size_t j = 0; j <= i; ++j) z += *weight++ * fresh[j];
    const double bend = body.skewness[i] / (6.0 * root);
    const double bent = (z + bend * (z * z - 1.0)) / std::sqrt(1.0 + 2.0 * bend * bend);
    sums[i] += n * body.mean[i] + root * body.sd[i] * bent;
  }
}

}  // namespace gatewright::sim
