#include "sim/telemetry/value_ranges.h"

#include <algorithm>
#include <array>
#include <boost/container/small_vector.hpp>
#include <boost/random/exponential_distribution.hpp>
#include <boost/random/normal_distribution.hpp>
#include <cmath>
#include <limits>
#include <optional>
#include <utility>

#include "policies/assert.h"
#include "sim/kernels/kernels.h"
#include "sim/windows/counts.h"

namespace gatewright::sim {
namespace {

/// Up to so many values of several stretches are drawn one by one.
constexpr std::uint64_t kFew = 32;
constexpr float kInfinity = std::numeric_limits<float>::infinity();

bool is_one_number(const ValueRange& range) noexcept {
  return range.among.front() == range.among.back();
}

std::size_t place_at(const ValueRange& range, double uniform) noexcept {
  const auto size = range.among.size();
  return std::min(static_cast<std::size_t>(uniform * static_cast<double>(size)), size - 1);
}

float value_at(const ValueRange& range, double uniform) noexcept {
  if (!range.is_smooth) return range.among[place_at(range, uniform)];
  // Each number stands in the middle of what it stands for.
  const double last = static_cast<double>(range.among.size() - 1);
  const double at = std::clamp(uniform * (last + 1.0) - 0.5, 0.0, last);
  const auto below = static_cast<std::size_t>(at);
  const double low = range.among[below];
  const double high = range.among[std::min(below + 1, range.among.size() - 1)];
  return static_cast<float>(low + (high - low) * (at - static_cast<double>(below)));
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

using Found = std::pair<double, double>;
/// Few ranges take no memory.
using Ranges = boost::container::small_vector<ValueRange, 8>;

/// Uniform order statistics `rank` and `rank` + 1 of as many as the range has, by gamma spacings; that itself
/// where it is the last.
std::pair<double, double> uniforms_at(const ValueRange& range, std::uint64_t rank, Stream& stream) {
  boost::random::exponential_distribution<double> exponential;
  const double before = draw_gamma(stream, static_cast<double>(rank + 1));
  const double gap = exponential(stream);
  const std::uint64_t above = range.count - rank - 1;
  if (above == 0) {
    const double last = before / (before + gap);
    return {last, last};
  }
  const double after = draw_gamma(stream, static_cast<double>(above));
  const double of_all = 1.0 / (before + gap + after);
  return {before * of_all, (before + gap) * of_all};
}

Found of_one_stretch(const ValueRange& range, std::uint64_t rank, Stream& stream) {
  const auto [low, high] = uniforms_at(range, rank, stream);
  return {value_at(range, low), value_at(range, high)};
}

/// Up to so many known values are ranked by comparing each with each, without a branch.
constexpr std::size_t kRanked = 4 * kLanes;
/// Up to so many known values are looked through without taking memory.
constexpr std::size_t kMostKnown = 256;

/// The `rank`-th smallest and the one after it; reorders them.
Found of_known(std::span<float> known, std::uint64_t rank) {
  const std::uint64_t next = std::min<std::uint64_t>(rank + 1, known.size() - 1);
  if (known.size() > kRanked) {
    const auto place = known.begin() + static_cast<std::ptrdiff_t>(rank);
    std::ranges::nth_element(known, place);
    return {*place, next == rank ? *place : *std::min_element(place + 1, known.end())};
  }
  std::array<float, kRanked> all;
  const std::size_t size = (known.size() + kLanes - 1) / kLanes * kLanes;
  std::fill(std::ranges::copy(known, all.begin()).out,
            all.begin() + static_cast<std::ptrdiff_t>(size), kInfinity);
  const auto [first, second] = kernels().at_ranks(all.data(), known.size(), rank, next);
  return {first, second};
}

std::uint64_t count_below(std::span<const float> values, float bound) noexcept {
  std::uint32_t below = 0;
  for (const float value : values) below += value < bound ? 1U : 0U;
  return below;
}

/// Of ranges and known values those among which a rank lies: they are apart from all others.
struct Place {
  std::span<const ValueRange> ranges;
  float from = -kInfinity, to = kInfinity;
  std::uint64_t below = 0;       ///< values
  std::optional<float> parts{};  ///< the rank is the last one below this number
};

/// Uses the ends of stretches that lie within no other; `ranges` are in the order of their beginnings.
Place place_of(std::span<const ValueRange> ranges, std::span<const float> known,
               std::uint64_t rank) noexcept {
  Place place;
  std::size_t first = 0, last = ranges.size();  // those kept
  std::uint64_t below = 0;
  float highest = -kInfinity;
  for (std::size_t i = 0; i < ranges.size(); ++i) {
    const float begin = ranges[i].among.front();
    if (i > 0 && begin > highest) {
      const std::uint64_t before = below + count_below(known, begin);
      if (before == rank + 1) {
        place.parts = begin;
        break;
      }
      if (before > rank) {
        last = i;
        place.to = begin;
        break;
      }
      first = i;
      place.from = begin;
      place.below = before;
    }
    highest = std::max(highest, ranges[i].among.back());
    below += ranges[i].count;
  }
  place.ranges = ranges.subspan(first, last - first);
  return place;
}

/// Values from `low` to `high`, both counted. Without a branch: where values lie is luck.
std::uint64_t count_within(std::span<const float> values, float low, float high) noexcept {
  std::uint32_t within = 0;
  for (const float value : values)
    within += static_cast<std::uint32_t>(value >= low) & static_cast<std::uint32_t>(value <= high);
  return within;
}

/// Order statistics `rank` and `rank` + 1 among one range and known values, where none of these that
/// matters lies within it.
std::optional<Found> beside_known(const ValueRange& range, std::span<float> known,
                                  std::uint64_t rank, Stream& stream) {
  const float back = range.among.back();
  const std::uint64_t below = count_below(known, range.among.front());
  std::uint32_t up_to = 0;
  for (const float value : known) up_to += value <= back ? 1U : 0U;
  const std::uint64_t past = up_to + range.count;
  if (rank >= past) return of_known(known, rank - range.count);
  if (rank + 1 < below) return of_known(known, rank);
  if (up_to != below) return std::nullopt;
  if (rank + 1 == below)
    return Found(of_known(known, rank).first, of_one_stretch(range, 0, stream).first);
  const Found within = of_one_stretch(range, rank - below, stream);
  if (rank + 1 < past || up_to == known.size()) return within;
  return Found(within.first, of_known(known, below).first);
}

/// Order statistics `rank` and `rank` + 1 among ranges and known values, narrowed down.
class Selection {
 public:
  Selection(std::span<const ValueRange> ranges, std::span<float> known, std::uint64_t rank,
            Stream& stream)
      : ranges_(ranges.begin(), ranges.end()), known_(known), rank_(rank), stream_(stream) {}

  [[nodiscard]] Found find() {
    std::ranges::sort(ranges_, {}, [](const ValueRange& range) { return range.among.front(); });
    const auto found = narrow(place_of({ranges_.data(), ranges_.size()}, known_, rank_));
    return found ? *found : find_within();
  }
  /// The same, of a place.
  [[nodiscard]] Found find_within() {
    for (bool is_first = true;; is_first = false) {
      if (ranges_.empty()) return of_known(known_, rank_);
      if (ranges_.size() == 1)
        if (const auto found = beside_known(ranges_.front(), known_, rank_, stream_)) return *found;
      if (is_first) {
        if (const auto alone = end_of_company()) {
          if (const auto found = split_at(*alone)) return *found;
          continue;
        }
      }
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
      if (const auto found = split_at({.value = pivot})) return *found;
    }
  }

 private:
  /// A number that parts what is below it from what is not.
  struct Pivot {
    float value;
    const ValueRange* of = nullptr;  ///< a range that need not be looked through for it:
    std::size_t place = 0;           ///< it stands there, or what stands there is as great
  };

  /// Where the range that reaches farthest is alone, if it is so early enough; most ranks that are asked
  /// for lie there.
  [[nodiscard]] std::optional<Pivot> end_of_company() const noexcept {
    const auto farthest = std::ranges::max_element(
        ranges_, {}, [](const ValueRange& range) { return range.among.back(); });
    float company = -kInfinity;
    for (auto range = ranges_.begin(); range != ranges_.end(); ++range)
      if (range != farthest) company = std::max(company, range->among.back());
    for (const float value : known_)
      if (value <= farthest->among.back()) company = std::max(company, value);
    for (const std::size_t part : {2, 4, 8, 16, 32}) {
      const std::size_t place = farthest->among.size() - farthest->among.size() / part - 1;
      const float value = farthest->among[place];
      if (value > company) return Pivot{.value = value, .of = &*farthest, .place = place};
    }
    return std::nullopt;
  }

  std::optional<Found> narrow(const Place& place) {
    if (place.parts) return split_at({.value = *place.parts});
    const auto first = ranges_.begin() + (place.ranges.data() - ranges_.data());
    ranges_.erase(first + static_cast<std::ptrdiff_t>(place.ranges.size()), ranges_.end());
    ranges_.erase(ranges_.begin(), first);
    const auto [from, to] = std::pair(place.from, place.to);
    const auto begin =
        std::partition(known_.begin(), known_.end(), [from](float value) { return value < from; });
    const auto end = std::partition(begin, known_.end(), [to](float value) { return value < to; });
    known_ = {begin, end};
    rank_ -= place.below;
    return std::nullopt;
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

  /// Of the numbers of a range, those on the lower side.
  static std::size_t lower_part(const ValueRange& range, const Pivot& pivot) noexcept {
    if (&range == pivot.of) return pivot.place;
    if (range.among.back() < pivot.value) return range.among.size();
    const auto place = std::ranges::lower_bound(range.among, pivot.value);
    return static_cast<std::size_t>(place - range.among.begin());
  }

  /// Keeps what lies on the side of both ranks, or finds them where they part.
  std::optional<Found> split_at(const Pivot& pivot) {
    Ranges below, above;
    std::uint64_t low = 0;
    for (const ValueRange& range : ranges_) {
      const std::size_t size = lower_part(range, pivot);
      const double share = static_cast<double>(size) / static_cast<double>(range.among.size());
      const std::uint64_t count = draw_binomial(stream_, {range.count, share});
      if (count > 0) below.push_back(range.part(range.among.first(size), count));
      if (count < range.count)
        above.push_back(range.part(range.among.subspan(size), range.count - count));
      low += count;
    }
    const auto middle = std::partition(known_.begin(), known_.end(),
                                       [at = pivot.value](float value) { return value < at; });
    const std::span<float> known_below(known_.begin(), middle);
    const std::span<float> known_above(middle, known_.end());
    low += known_below.size();
    if (rank_ + 1 == low) {
      const double left =
          Selection({below.data(), below.size()}, known_below, rank_, stream_).find().first;
      if (above.empty() && known_above.empty()) return std::pair(left, left);
      return std::pair(
          left, Selection({above.data(), above.size()}, known_above, 0, stream_).find().first);
    }
    const bool is_below = rank_ < low;
    ranges_ = is_below ? std::move(below) : std::move(above);
    known_ = is_below ? known_below : known_above;
    if (!is_below) rank_ -= low;
    return std::nullopt;
  }

  Ranges ranges_;
  std::span<float> known_;
  std::uint64_t rank_;
  Stream& stream_;
};

/// The luck of a rank.
Stream luck_of(std::uint64_t luck, std::uint64_t rank) noexcept {
  constexpr std::uint64_t kApart =
      0xd1342543de82ef95ULL;  // no small multiple is one of SplitMix64's steps
  return Stream::of_word(luck + rank * kApart);
}

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
  if (known != ranges_.end()) {
    known->count += range.count;
    return;
  }
  const auto place =
      std::ranges::upper_bound(ranges_, range.among.front(), {},
                               [](const ValueRange& other) { return other.among.front(); });
  ranges_.insert(place, range);
}

void ValueRanges::add(const ValueRanges& other) {
  luck_ += other.luck_;
  for (const ValueRange& range : other.ranges_) add(range, 0);
}

std::pair<double, double> ValueRanges::select(std::span<const float> known,
                                              std::uint64_t rank) const {
  GATEWRIGHT_ASSERT(rank < count_ + known.size());
  alignas(64) std::array<float, kMostKnown + kLanes> room;  // NOLINT: what is kept is filled
  if (known.size() > kMostKnown) {
    std::vector<float> all(known.begin(), known.end());
    Stream stream = luck_of(luck_, rank);
    return Selection(ranges_, all, rank, stream).find();
  }
  // Of few values a high quantile is one of those above all stretches.
  if (rank >= count_) {
    float highest = -kInfinity;
    for (const ValueRange& range : ranges_) highest = std::max(highest, range.among.back());
    const Kept above = kernels().keep_between(known.data(), {.above = highest, .most = kInfinity},
                                              room.data(), room.size(), known.size());
    const std::uint64_t others = count_ + above.below;
    if (rank >= others) return of_known(std::span(room).first(above.inside), rank - others);
  }
  // Most ranks lie in few stretches or among few known values.
  const Place place = place_of(ranges_, known, rank);
  Stream stream = luck_of(luck_, rank);
  if (place.parts) {
    const std::span<float> all(room.begin(), std::ranges::copy(known, room.begin()).out);
    return Selection(ranges_, all, rank, stream).find();
  }
  // Where one stretch is left, mostly all that is known within it lies below the rank: then these are two of
  // the stretch's own. Else the first of them is one more known value, which parts the stretch.
  Ranges parts;
  std::optional<float> parting;
  if (place.ranges.size() == 1) {
    const ValueRange& range = place.ranges.front();
    const std::uint64_t company = count_within(known, place.from, range.among.back());
    const std::uint64_t others = place.below + company;
    if (rank >= others && rank + 1 < others + range.count) {
      const std::uint64_t below = rank - others;
      const auto [low, high] = uniforms_at(range, below, stream);
      const float first = value_at(range, low);
      if (count_within(known, place.from, first) == company) return {first, value_at(range, high)};
      parting = first;
      const std::size_t at = place_at(range, low);
      if (below > 0) parts.push_back(range.part(range.among.first(at + 1), below));
      parts.push_back(range.part(range.among.subspan(at), range.count - below - 1));
    }
  }
  std::size_t count = 0;
  for (const float value : known) {
    room[count] = value;
    count += value >= place.from && value < place.to ? 1U : 0U;
  }
  if (parting) room[count++] = *parting;
  const std::span<float> kept = std::span(room).first(count);
  rank -= place.below;
  if (parting) return Selection({parts.data(), parts.size()}, kept, rank, stream).find_within();
  if (place.ranges.empty()) return of_known(kept, rank);
  if (place.ranges.size() == 1)
    if (const auto found = beside_known(place.ranges.front(), kept, rank, stream)) return *found;
  return Selection(place.ranges, kept, rank, stream).find_within();
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
    range = range.part(range.among.subspan(size), range.count - count);
  }
  std::erase_if(left_, [](const ValueRange& range) { return range.count == 0; });
  return below_;
}

}  // namespace gatewright::sim
