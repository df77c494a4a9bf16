#include "sim/telemetry/quantile.h"

#include <algorithm>
#include <array>
#include <bit>
#include <cmath>
#include <cstddef>
#include <cstdint>
#include <limits>
#include <vector>

#include "sim/kernels/kernels.h"

namespace gatewright::sim {
namespace {

constexpr double kUndefined = std::numeric_limits<double>::quiet_NaN();

/// Floats in order as whole numbers: those below 0 have their order turned round.
std::int32_t key_of(float value) noexcept {
  const auto bits = std::bit_cast<std::int32_t>(value);
  return bits < 0 ? bits ^ std::numeric_limits<std::int32_t>::max() : bits;
}
float value_of(std::int32_t key) noexcept {
  return std::bit_cast<float>(key < 0 ? key ^ std::numeric_limits<std::int32_t>::max() : key);
}

/// The `rank`-th smallest, from 0, which lies within the bracket: halves it until one number is left.
float bisect(std::span<const float> values, std::size_t rank, Bracket bracket) noexcept {
  std::int32_t low = key_of(bracket.above);
  std::int32_t high = key_of(bracket.most);
  while (low < high) {
    const auto middle = static_cast<std::int32_t>((std::int64_t{low} + high) >> 1);
    if (kernels().count_at_most(values.data(), value_of(middle), values.size()) > rank)
      high = middle;
    else
      low = middle + 1;
  }
  return value_of(low);
}

constexpr Bracket kAnything{.above = -std::numeric_limits<float>::infinity(),
                            .most = std::numeric_limits<float>::infinity()};

/// All values within a bracket.
struct Crowd {
  std::span<const float> values;
  std::size_t below = 0;  ///< so many are not above the bracket
  Bracket bracket = kAnything;
};

struct RankWanted {
  std::size_t rank;
  std::size_t neighbour;  ///< the next one
};

/// Those of the crowd within `likely`; the crowd itself where one of the ranks is not among them, or
/// they are too many for the room.
Crowd narrowed(const Crowd& crowd, RankWanted wanted, Bracket likely,
               std::span<float> room) noexcept {
  const auto [below, inside] = kernels().keep_between(crowd.values.data(), likely, room.data(),
                                                      room.size(), crowd.values.size());
  if (inside > room.size() || crowd.below + below > wanted.rank ||
      wanted.neighbour >= crowd.below + below + inside)
    return crowd;
  return {.values = room.first(inside), .below = crowd.below + below, .bracket = likely};
}

/// Where a sample says that a rank most likely lies.
Bracket likely_bracket(std::span<const float> values, std::size_t rank) noexcept {
  constexpr std::size_t kSample = 256;
  std::array<float, kSample> sample;
  for (std::size_t i = 0; i < kSample; ++i) sample[i] = values[i * values.size() / kSample];
  const double share = static_cast<double>(rank) / static_cast<double>(values.size());
  const double reach = 3.0 * std::sqrt(share * (1.0 - share) * kSample) + 1.0;
  const auto in_sample = [&sample](double at) {
    if (at < 0.0) return kAnything.above;
    if (at >= static_cast<double>(kSample)) return kAnything.most;
    const auto place = sample.begin() + static_cast<std::ptrdiff_t>(at);
    std::nth_element(sample.begin(), place, sample.end());
    return *place;
  };
  return {.above = in_sample(share * kSample - reach), .most = in_sample(share * kSample + reach)};
}

/// Where the rank lies if the values are spread evenly over their bracket.
Bracket even_bracket(const Crowd& crowd, std::size_t rank) noexcept {
  const auto [above, most] = crowd.bracket;
  const auto size = static_cast<double>(crowd.values.size());
  const double share = (static_cast<double>(rank - crowd.below) + 0.5) / size;
  const double reach = 2.0 / std::sqrt(size);
  const auto at = [above = double{above}, length = double{most} - double{above}](double of_length) {
    return static_cast<float>(above + std::clamp(of_length, 0.0, 1.0) * length);
  };
  return {.above = at(share - reach), .most = at(share + reach)};
}

/// The `rank`-th smallest, from 0, and the one after it; that itself where it is the last.
struct Neighbours {
  float at;
  float next;
};

/// Around what the same statistic of a sample as large was, as far as two of them most likely differ.
Bracket bracket_around(float guess, std::size_t size) noexcept {
  const float reach = std::abs(guess) * std::min(1.0F, 8.0F / std::sqrt(static_cast<float>(size)));
  return {.above = guess - reach, .most = guess + reach};
}

/// What is greater than a rank's most likely neighbours, where that is few; else all.
Crowd tail_of(std::span<const float> values, std::size_t rank, float guess, Tail& tail) {
  constexpr std::size_t kFew = 6;
  if (!tail.values.empty() && tail.below <= rank)
    return {.values = tail.values, .below = tail.below, .bracket = {tail.above, kAnything.most}};
  if (!std::isfinite(guess) || (values.size() - rank) * kFew > values.size()) return {values};
  constexpr std::size_t kVector = 16;
  tail.values.resize(values.size() / (kFew / 2) + kVector);
  const Bracket bracket{bracket_around(guess, values.size()).above, kAnything.most};
  const auto [below, inside] = kernels().keep_between(values.data(), bracket, tail.values.data(),
                                                      tail.values.size(), values.size());
  tail.values.resize(inside > tail.values.size() || below > rank ? 0 : inside);
  if (tail.values.empty()) return {values};
  tail.above = bracket.above;
  tail.below = below;
  return {.values = tail.values, .below = below, .bracket = bracket};
}

Neighbours select(std::span<const float> values, std::size_t rank, float guess, Tail* tail) {
  constexpr std::size_t kMany = 2'048;  // from so many on a sample pays for itself
  alignas(64) std::array<float, 4'096> room;
  alignas(64) std::array<float, 1'024> small_room;
  const RankWanted wanted{rank, std::min(rank + 1, values.size() - 1)};
  Crowd crowd{.values = values};
  if (tail != nullptr) crowd = tail_of(values, rank, guess, *tail);
  if (std::isfinite(guess))
    crowd = narrowed(crowd, wanted, bracket_around(guess, values.size()), room);
  if (!std::isfinite(crowd.bracket.most) && crowd.values.size() >= kMany)
    crowd = narrowed(crowd, wanted, likely_bracket(crowd.values, rank - crowd.below), room);
  if (std::isfinite(crowd.bracket.above) && std::isfinite(crowd.bracket.most))
    crowd = narrowed(crowd, wanted, even_bracket(crowd, rank), small_room);
  if (crowd.values.data() == small_room.data()) {
    // So few are best put in order.
    const auto first = small_room.begin();
    const auto last = first + static_cast<std::ptrdiff_t>(crowd.values.size());
    const auto at = first + static_cast<std::ptrdiff_t>(rank - crowd.below);
    std::nth_element(first, at, last);
    return {*at, wanted.neighbour == rank ? *at : *std::min_element(at + 1, last)};
  }
  const float at = bisect(crowd.values, rank - crowd.below, crowd.bracket);
  const std::size_t up_to =
      kernels().count_at_most(crowd.values.data(), at, crowd.values.size()) + crowd.below;
  if (up_to > wanted.neighbour) return {at, at};
  return {at, kernels().least_above(crowd.values.data(), at, crowd.values.size())};
}

/// Where a quantile of `count` values lies: so far from the order statistic of that rank to the next.
struct Position {
  std::size_t rank;
  double fraction;
};

/// Type 7: between the order statistics on either side of (n - 1) p.
Position linear(std::size_t count, double p) {
  const double position = static_cast<double>(count - 1) * p;
  const auto rank = static_cast<std::size_t>(position);
  return {rank, position - static_cast<double>(rank)};
}

/// Type 1: the ceil(n p)-th smallest. As in policies/histogram.cpp a few units in the last place are
/// not another rank: 0.07 x 100 is a little above 7 in binary.
Position nearest_rank(std::size_t count, double p) {
  constexpr double kRounding = 1.0 - 4.0 * std::numeric_limits<double>::epsilon();
  const double rank = std::ceil(static_cast<double>(count) * p * kRounding);
  const auto index = static_cast<std::size_t>(std::max(rank, 1.0)) - 1;
  return {std::min(index, count - 1), 0.0};
}

Position position_of(std::size_t count, const Statistic& statistic) {
  return statistic.definition == QuantileDefinition::linear
             ? linear(count, statistic.probability)
             : nearest_rank(count, statistic.probability);
}

double value_at(std::span<const float> values, Position position, float guess, Tail* tail) {
  const auto [at, next] = select(values, position.rank, guess, tail);
  const double low = at;
  if (position.fraction == 0.0) return low;
  return low + (static_cast<double>(next) - low) * position.fraction;
}

std::uint64_t count_at_most(std::span<const float> values, double bound) {
  return static_cast<std::uint64_t>(std::ranges::count_if(
      values, [bound](float value) { return static_cast<double>(value) <= bound; }));
}

/// As Prometheus computes histogram_quantile from classic buckets: linear within the bucket that holds
/// the rank; the first bucket starts at 0 (or is its bound where that is not above 0); a rank in the
/// +Inf bucket gives the highest finite bound.
/// `at_most(bound)`: how many of the `count` values are; asked for rising bounds, each once.
template <typename AtMost>
double of_buckets(std::size_t count, AtMost at_most, double p, std::span<const double> bounds) {
  const bool has_infinity = !bounds.empty() && std::isinf(bounds.back());
  const std::span<const double> finite = bounds.first(bounds.size() - (has_infinity ? 1 : 0));
  if (finite.empty()) return kUndefined;
  const double rank = p * static_cast<double>(count);
  double below = 0.0;
  for (std::size_t i = 0; i < finite.size(); ++i) {
    const auto up_to = static_cast<double>(at_most(finite[i]));
    if (up_to >= rank) {
      if (i == 0 && finite[0] <= 0.0) return finite[0];
      const double start = i == 0 ? 0.0 : finite[i - 1];
      return up_to == below ? start
                            : start + (finite[i] - start) * ((rank - below) / (up_to - below));
    }
    below = up_to;
  }
  return finite.back();
}

}  // namespace

double quantile(std::span<const float> values, const Statistic& statistic, double guess,
                Tail* tail) {
  if (values.empty()) return kUndefined;
  if (statistic.definition == QuantileDefinition::histogram_quantile) {
    const auto at_most = [values](double bound) { return count_at_most(values, bound); };
    return of_buckets(values.size(), at_most, statistic.probability, statistic.buckets);
  }
  return value_at(values, position_of(values.size(), statistic), static_cast<float>(guess), tail);
}

double quantile(std::span<const float> values, const ValueRanges& ranges,
                const Statistic& statistic, double guess, Tail* tail) {
  if (ranges.count() == 0) return quantile(values, statistic, guess, tail);
  const std::size_t count = values.size() + ranges.count();
  if (statistic.definition == QuantileDefinition::histogram_quantile) {
    ValueRanges::Below below(ranges);
    const auto at_most = [&](double bound) {
      return count_at_most(values, bound) + below.at_most(bound);
    };
    return of_buckets(count, at_most, statistic.probability, statistic.buckets);
  }
  const Position position = position_of(count, statistic);
  const auto [low, high] = ranges.select(values, position.rank);
  return low + (high - low) * position.fraction;
}

}  // namespace gatewright::sim
