#include "sim/telemetry/value_ranges.h"

#include <algorithm>
#include <boost/random/exponential_distribution.hpp>
#include <boost/random/normal_distribution.hpp>
#include <cmath>
#include <limits>
#include <optional>

#include "policies/assert.h"
#include "sim/windows/counts.h"

namespace gatewright::sim {
namespace {

/// Up to so many values of several stretches are drawn one by one.
constexpr std::uint64_t kFew = 32;
constexpr float kInfinity = std::numeric_limits<float>::infinity();

bool is_one_number(const ValueRange& range) noexcept {
  return range.among.front() == range.among.back();
}

float value_at(const ValueRange& range, double uniform) noexcept {
  const auto size = range.among.size();
  return range
      .among[std::min(static_cast<std::size_t>(uniform * static_cast<double>(size)), size - 1)];
}

/// Gamma with that shape, at least 1 (Marsaglia and Tsang, ACM Transactions on Mathematical Software 26
/// (2000) 363); Boost's takes tangents, which would be half of the cost of a quantile.
double draw_gamma(Stream& stream, double shape) {
  boost::random::normal_distribution<double> normal;
  const double d = shape - 1.0 / 3.0;
  const double c = 1.0 / std::sqrt(9.0 * d);
  for (;;) {
    const double x = normal(stream);
    const double root = 1.0 + c * x;
    if (root <= 0.0) continue;
    const double v = root * root * root;
    const double u = stream.uniform();
    if (u < 1.0 - 0.0331 * x * x * x * x || std::log(u) < 0.5 * x * x + d * (1.0 - v + std::log(v)))
      return d * v;
  }
}

/// A number of its values, and these.
struct Point {
  float value;
  std::uint64_t count;
};

/// Order statistics `rank` and `rank` + 1 among ranges and known values, narrowed down.
class Selection {
 public:
  Selection(std::vector<ValueRange> ranges, std::span<float> known, std::uint64_t rank,
            Stream& stream)
      : ranges_(std::move(ranges)), known_(known), rank_(rank), stream_(stream) {}

  [[nodiscard]] std::pair<double, double> find() {
    if (const auto found = narrow_to_stretches()) return *found;
    for (;;) {
      if (ranges_.empty()) return of_known(rank_);
      if (ranges_.size() == 1)
        if (const auto found = beside_known()) return *found;
      std::uint64_t open = 0;
      const ValueRange* largest = nullptr;
      for (const ValueRange& range : ranges_) {
        if (is_one_number(range)) continue;
        open += range.count;
        if (largest == nullptr || range.count > largest->count) largest = &range;
      }
      if (open <= kFew) return of_points();
      // The middle of the largest stretch, or the next greater number if that is its first one.
      const std::span<const float> among = largest->among;
      float pivot = among[among.size() / 2];
      if (pivot == among.front()) pivot = *std::ranges::upper_bound(among, pivot);
      if (const auto found = split_at(pivot)) return *found;
    }
  }

 private:
  using Found = std::pair<double, double>;

  /// Uses the ends of stretches that lie within no other.
  std::optional<Found> narrow_to_stretches() {
    std::ranges::sort(ranges_, {}, [](const ValueRange& range) { return range.among.front(); });
    std::size_t first = 0, last = ranges_.size();  // those kept
    std::uint64_t below = 0, kept_below = 0;
    float highest = -kInfinity, from = -kInfinity, to = kInfinity;
    for (std::size_t i = 0; i < ranges_.size(); ++i) {
      const float begin = ranges_[i].among.front();
      if (i > 0 && begin > highest) {
        const auto known_below = static_cast<std::uint64_t>(
            std::ranges::count_if(known_, [begin](float value) { return value < begin; }));
        const std::uint64_t before = below + known_below;
        if (before <= rank_) {
          first = i;
          from = begin;
          kept_below = before;
        } else if (before == rank_ + 1) {
          return split_at(begin);
        } else {
          last = i;
          to = begin;
          break;
        }
      }
      highest = std::max(highest, ranges_[i].among.back());
      below += ranges_[i].count;
    }
    ranges_.erase(ranges_.begin() + static_cast<std::ptrdiff_t>(last), ranges_.end());
    ranges_.erase(ranges_.begin(), ranges_.begin() + static_cast<std::ptrdiff_t>(first));
    if (!known_.empty()) {
      const auto begin = std::partition(known_.begin(), known_.end(),
                                        [from](float value) { return value < from; });
      const auto end =
          std::partition(begin, known_.end(), [to](float value) { return value < to; });
      known_ = {begin, end};
    }
    rank_ -= kept_below;
    return std::nullopt;
  }

  /// With one stretch, where no known value lies within it.
  std::optional<Found> beside_known() {
    const ValueRange& range = ranges_.front();
    std::uint64_t below = 0;
    for (const float value : known_) {
      if (value >= range.among.front() && value <= range.among.back()) return std::nullopt;
      below += value < range.among.front() ? 1U : 0U;
    }
    const std::uint64_t past = below + range.count;
    if (rank_ >= past) return of_known(rank_ - range.count);
    if (rank_ + 1 < below) return of_known(rank_);
    if (rank_ + 1 == below) return Found(of_known(rank_).first, of_one_stretch(0).first);
    const Found within = of_one_stretch(rank_ - below);
    if (rank_ + 1 < past || past == range.count + known_.size()) return within;
    return Found(within.first, of_known(below).first);
  }

  /// Uniform order statistics by gamma spacings.
  Found of_one_stretch(std::uint64_t rank) {
    const ValueRange& range = ranges_.front();
    boost::random::exponential_distribution<double> exponential;
    const double before = draw_gamma(stream_, static_cast<double>(rank + 1));
    const double gap = exponential(stream_);
    const std::uint64_t above = range.count - rank - 1;
    if (above == 0) {
      const double low = value_at(range, before / (before + gap));
      return {low, low};
    }
    const double after = draw_gamma(stream_, static_cast<double>(above));
    const double all = before + gap + after;
    return {value_at(range, before / all), value_at(range, (before + gap) / all)};
  }

  Found of_known(std::uint64_t rank) {
    const auto place = known_.begin() + static_cast<std::ptrdiff_t>(rank);
    std::ranges::nth_element(known_, place);
    const bool is_last = place + 1 == known_.end();
    return {*place, is_last ? *place : *std::min_element(place + 1, known_.end())};
  }

  Found of_points() {
    std::vector<Point> points;
    for (const ValueRange& range : ranges_) {
      if (is_one_number(range))
        points.push_back({range.among.front(), range.count});
      else
        for (std::uint64_t i = 0; i < range.count; ++i)
          points.push_back({value_at(range, stream_.uniform()), 1});
    }
    for (const float value : known_) points.push_back({value, 1});
    std::ranges::sort(points, {}, &Point::value);
    std::uint64_t seen = 0;
    for (std::size_t i = 0; i < points.size(); ++i) {
      seen += points[i].count;
      if (seen <= rank_) continue;
      const bool is_last = seen == rank_ + 1 && i + 1 < points.size();
      return {points[i].value, points[i + (is_last ? 1 : 0)].value};
    }
    GATEWRIGHT_ASSERT(false);
    return {};
  }

  /// Keeps what lies on the side of both ranks, or finds them where they part.
  std::optional<Found> split_at(float pivot) {
    std::vector<ValueRange> below, above;
    std::uint64_t low = 0;
    for (const ValueRange& range : ranges_) {
      const auto place = std::ranges::lower_bound(range.among, pivot);
      const auto size = static_cast<std::size_t>(place - range.among.begin());
      const double share = static_cast<double>(size) / static_cast<double>(range.among.size());
      const std::uint64_t count = draw_binomial(stream_, {range.count, share});
      if (count > 0) below.push_back({range.among.first(size), count});
      if (count < range.count) above.push_back({range.among.subspan(size), range.count - count});
      low += count;
    }
    const auto middle = std::partition(known_.begin(), known_.end(),
                                       [pivot](float value) { return value < pivot; });
    const std::span<float> known_below(known_.begin(), middle);
    const std::span<float> known_above(middle, known_.end());
    low += known_below.size();
    if (rank_ + 1 == low) {
      const double left = Selection(below, known_below, rank_, stream_).find().first;
      if (above.empty() && known_above.empty()) return std::pair(left, left);
      return std::pair(left, Selection(above, known_above, 0, stream_).find().first);
    }
    const bool is_below = rank_ < low;
    ranges_ = is_below ? std::move(below) : std::move(above);
    known_ = is_below ? known_below : known_above;
    if (!is_below) rank_ -= low;
    return std::nullopt;
  }

  std::vector<ValueRange> ranges_;
  std::span<float> known_;
  std::uint64_t rank_;
  Stream& stream_;
};

}  // namespace

void ValueRanges::clear() noexcept {
  ranges_.clear();
  count_ = 0;
  luck_ = 0;
}

void ValueRanges::add(ValueRange range, std::uint64_t luck) {
  if (range.count == 0) return;
  count_ += range.count;
  luck_ += luck;
  const auto known = std::ranges::find_if(ranges_, [&range](const ValueRange& other) {
    return other.among.data() == range.among.data() && other.among.size() == range.among.size();
  });
  if (known != ranges_.end())
    known->count += range.count;
  else
    ranges_.push_back(range);
}

void ValueRanges::add(const ValueRanges& other) {
  luck_ += other.luck_;
  for (const ValueRange& range : other.ranges_) add(range, 0);
}

std::pair<double, double> ValueRanges::select(std::span<float> known, std::uint64_t rank) const {
  GATEWRIGHT_ASSERT(rank < count_ + known.size());
  Stream stream({luck_, rank, "telemetry.values", 0});
  return Selection(ranges_, known, rank, stream).find();
}

ValueRanges::Below::Below(const ValueRanges& ranges)
    : left_(ranges.ranges_), stream_({ranges.luck_, 0, "telemetry.values_below", 0}) {}

std::uint64_t ValueRanges::Below::at_most(double bound) {
  for (ValueRange& range : left_) {
    const auto place = std::ranges::upper_bound(range.among, bound);
    const auto size = static_cast<std::size_t>(place - range.among.begin());
    if (size == 0) continue;
    const double share = static_cast<double>(size) / static_cast<double>(range.among.size());
    const std::uint64_t count = draw_binomial(stream_, {range.count, share});
    below_ += count;
    range = {range.among.subspan(size), range.count - count};
  }
  std::erase_if(left_, [](const ValueRange& range) { return range.count == 0; });
  return below_;
}

}  // namespace gatewright::sim
