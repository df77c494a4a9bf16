#include "sim/router/split.h"

#include <algorithm>

#include "sim/kernels/kernels.h"
#include "sim/seconds.h"

namespace gatewright::sim {
namespace {

RowBits below(const Column<Word>& words, Word bound, std::size_t count) noexcept {
  RowBits rows{};
  if (bound > 0) kernels().rows_below_32(words.data(), bound, rows.data(), count);
  return rows;
}

}  // namespace

void Split::split(const Columns& columns, Buckets buckets,
                  std::span<const ExposureSegment> timeline, Instant until) {
  const double* begin = columns.at_seconds;
  const double* end = begin + columns.size;
  const auto place_of = [begin, end](double seconds) {
    return static_cast<std::size_t>(std::lower_bound(begin, end, seconds) - begin);
  };
  requests_ = until == kNever ? columns.size : place_of(to_seconds(until));

  Shares shares;
  const auto add = [](RowBits& to, const RowBits& rows) { to = either(to, rows); };
  for (std::size_t s = 0; s < timeline.size(); ++s) {
    const Exposure exposure = timeline[s].exposure;
    if (exposure == Exposure{}) continue;
    // The first segment may have begun in an earlier chunk; the last one has no end.
    const std::size_t first = s == 0 ? 0 : std::min(place_of(timeline[s].from_seconds), requests_);
    const std::size_t last = s + 1 == timeline.size()
                                 ? requests_
                                 : std::min(place_of(timeline[s + 1].from_seconds), requests_);
    if (first == last) continue;
    const RowBits here = rows_between(first, last);
    RowBits served{};
    if (exposure.served == kWholeExposure && !buckets.at_whole) {
      served = here;
    } else if (exposure.served > 0) {
      kernels().rows_below_16(buckets.of_place, exposure.served, served.data(), columns.size);
      served = both(served, here);
    }
    add(shares.served, served);
    if (exposure.mirrored == 0 && exposure.interleaved == 0) continue;

    const RowBits others = without(here, served);
    const auto among_others = [&](double share) {
      return both(others, below(columns.mirror, bound_of(share), columns.size));
    };
    constexpr auto kWhole = static_cast<double>(kWholeExposure);
    const double share = static_cast<double>(exposure.mirrored) / kWhole;
    const RowBits mirrored = among_others(share);
    const RowBits counted = among_others(share * mirrored_sampled_);
    const RowBits beside =
        among_others(static_cast<double>(exposure.mirrored + exposure.interleaved) / kWhole);
    add(shares.counted, counted);
    add(shares.uncounted, without(mirrored, counted));
    add(shares.interleaved, without(beside, mirrored));
  }
  assign(rows_between(0, requests_), shares);
}

void Split::split(std::span<const Way> ways) {
  RowBits baseline{};
  Shares shares;
  for (std::size_t i = 0; i < ways.size(); ++i) {
    RowBits& rows = ways[i] == Way::baseline ? baseline
                    : ways[i] == Way::served ? shares.served
                                             : shares.counted;
    rows[i / 64] |= std::uint64_t{1} << (i % 64);
  }
  assign(either(baseline, shares.served), shares);
  requests_ = all_[kBaselineArm].size() + served_.size();
}

/// Of `all`, those that are not served are the baseline's.
void Split::assign(const RowBits& all, const Shares& shares) noexcept {
  const RowBits seen_beside = either(shares.counted, shares.interleaved);
  const RowBits beside = either(seen_beside, shares.uncounted);
  all_[kBaselineArm].assign(without(all, shares.served));
  all_[kCandidateArm].assign(either(shares.served, seen_beside));
  served_.assign(shares.served);
  counted_.assign(shares.counted);
  interleaved_.assign(shares.interleaved);
  beside_.assign(beside);
  exposed_.assign(either(shares.served, beside));
  only_serves_ = beside == RowBits{};
}

void Split::find_answered(const Columns& columns) {
  std::array<RowBits, 2> failed{};
  for (const std::size_t arm : {kBaselineArm, kCandidateArm}) {
    kernels().rows_with(columns.arm[arm].events.data(), {.of = kError, .value = kError},
                        failed[arm].data(), columns.size);
    answered_[arm].assign(without(all_[arm].bits(), failed[arm]));
  }
  const RowBits& candidate_failed = failed[kCandidateArm];
  served_answered_.assign(without(served_.bits(), candidate_failed));
  // What neither arm failed.
  paired_.assign(without(counted_.bits(), either(failed[kBaselineArm], candidate_failed)));
}

const RowSet& Split::rows(std::size_t arm, MetricScope scope) const noexcept {
  switch (scope) {
    case MetricScope::all:
      return arm == kCandidateArm && only_serves_ ? served_ : all_[arm];
    case MetricScope::answered:
      return answered_[arm];
    case MetricScope::seen:
      return arm == kCandidateArm ? served_answered_ : answered_[arm];
    case MetricScope::interleaved:
      return interleaved_;
    case MetricScope::paired:
      break;
  }
  return paired_;
}

}  // namespace gatewright::sim
