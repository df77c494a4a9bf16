#include "sim/router/split.h"

#include <algorithm>

#include "sim/seconds.h"

namespace gatewright::sim {

void Split::split(const Columns& columns, std::size_t bucket,
                  std::span<const ExposureSegment> timeline, Instant until) {
  const double* begin = columns.at_seconds;
  const double* end = begin + columns.size;
  const auto place_of = [begin, end](double seconds) {
    return static_cast<std::size_t>(std::lower_bound(begin, end, seconds) - begin);
  };
  requests_ = until == kNever ? columns.size : place_of(to_seconds(until));

  std::size_t baseline = 0;
  std::size_t served = 0;
  std::size_t mirrored = 0;
  Column<std::uint16_t>& baseline_places = all_[kBaselineArm];
  Column<std::uint16_t>& served_places = all_[kCandidateArm];
  const std::uint16_t* buckets = columns.bucket[bucket].data();

  for (std::size_t s = 0; s < timeline.size(); ++s) {
    const Exposure exposure = timeline[s].exposure;
    // The first segment may have begun in an earlier chunk; the last one has no end.
    const std::size_t first = s == 0 ? 0 : std::min(place_of(timeline[s].from_seconds), requests_);
    const std::size_t last = s + 1 == timeline.size()
                                 ? requests_
                                 : std::min(place_of(timeline[s + 1].from_seconds), requests_);
    const double mirror_below =
        static_cast<double>(exposure.mirrored) / static_cast<double>(kWholeExposure);
    for (std::size_t i = first; i < last; ++i) {
      const auto place = static_cast<std::uint16_t>(i);
      const bool is_served = exposure.served == kWholeExposure ||
                             (exposure.served > 0 && buckets[i] < exposure.served);
      // Written to both lists, counted in one: no branch to mispredict.
      served_places[served] = place;
      served += is_served ? 1U : 0U;
      baseline_places[baseline] = place;
      baseline += is_served ? 0U : 1U;
      if (exposure.mirrored > 0 && !is_served && columns.mirror[i] < mirror_below)
        shadow_[mirrored++] = place;
    }
  }
  std::copy_n(shadow_.begin(), mirrored,
              served_places.begin() + static_cast<std::ptrdiff_t>(served));
  count_ = {baseline, served + mirrored};
  served_ = served;
}

void Split::find_answered(const Columns& columns) {
  for (const std::size_t arm : {kBaselineArm, kCandidateArm}) {
    const Column<std::uint8_t>& events = columns.arm[arm].events;
    Column<std::uint16_t>& answered = answered_[arm];
    std::size_t n = 0;
    for (std::size_t k = 0; k < count_[arm]; ++k) {
      if (arm == kCandidateArm && k == served_) served_answered_ = n;
      const std::uint16_t place = all_[arm][k];
      answered[n] = place;
      n += (events[place] & kError) == 0 ? 1U : 0U;
    }
    if (arm == kCandidateArm && served_ == count_[arm]) served_answered_ = n;
    answered_count_[arm] = n;
  }
}

Split::Places Split::places(std::size_t arm, MetricScope scope) const noexcept {
  switch (scope) {
    case MetricScope::all:
      return head(all_[arm], count_[arm]);
    case MetricScope::answered:
      return head(answered_[arm], answered_count_[arm]);
    case MetricScope::seen:
      return head(answered_[arm], arm == kCandidateArm ? served_answered_ : answered_count_[arm]);
    case MetricScope::paired:
      break;
  }
  return {};
}

}  // namespace gatewright::sim
