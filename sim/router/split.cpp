#include "sim/router/split.h"

#include <algorithm>

#include "sim/seconds.h"

namespace gatewright::sim {

void Split::split(const Columns& columns, Buckets buckets,
                  std::span<const ExposureSegment> timeline, Instant until) {
  const double* begin = columns.at_seconds;
  const double* end = begin + columns.size;
  const auto place_of = [begin, end](double seconds) {
    return static_cast<std::size_t>(std::lower_bound(begin, end, seconds) - begin);
  };
  requests_ = until == kNever ? columns.size : place_of(to_seconds(until));

  std::size_t baseline = 0;
  std::size_t served = 0;
  std::array<std::size_t, 3> beside{};  ///< as in shadow_
  Column<std::uint16_t>& baseline_places = all_[kBaselineArm];
  Column<std::uint16_t>& served_places = all_[kCandidateArm];
  for (std::size_t s = 0; s < timeline.size(); ++s) {
    const Exposure exposure = timeline[s].exposure;
    // The first segment may have begun in an earlier chunk; the last one has no end.
    const std::size_t first = s == 0 ? 0 : std::min(place_of(timeline[s].from_seconds), requests_);
    const std::size_t last = s + 1 == timeline.size()
                                 ? requests_
                                 : std::min(place_of(timeline[s + 1].from_seconds), requests_);
    constexpr auto kWhole = static_cast<double>(kWholeExposure);
    const double mirrored = static_cast<double>(exposure.mirrored) / kWhole;
    const Word mirror_below = bound_of(mirrored);
    const Word count_below = bound_of(mirrored * mirrored_sampled_);
    const Word beside_below =
        bound_of(static_cast<double>(exposure.mirrored + exposure.interleaved) / kWhole);
    const bool all_served = exposure.served == kWholeExposure && !buckets.at_whole;
    for (std::size_t i = first; i < last; ++i) {
      const auto place = static_cast<std::uint16_t>(i);
      const bool is_served =
          all_served || (exposure.served > 0 && buckets.of_place[i] < exposure.served);
      // Written to both lists, counted in one: no branch to mispredict.
      served_places[served] = place;
      served += is_served ? 1U : 0U;
      baseline_places[baseline] = place;
      baseline += is_served ? 0U : 1U;
      if (beside_below > 0 && !is_served && columns.mirror[i] < beside_below) {
        const Word mirror = columns.mirror[i];
        const std::size_t list = mirror >= mirror_below ? 1 : (mirror < count_below ? 0 : 2);
        shadow_[list][beside[list]++] = place;
      }
    }
  }
  auto next = served_places.begin() + static_cast<std::ptrdiff_t>(served);
  for (std::size_t list = 0; list < beside.size(); ++list)
    next = std::copy_n(shadow_[list].begin(), beside[list], next);
  count_ = {baseline, served + beside[0] + beside[1]};
  served_ = served;
  interleaved_ = beside[1];
  uncounted_ = beside[2];
}

void Split::split(std::span<const Way> ways) {
  std::size_t baseline = 0;
  std::size_t served = 0;
  std::size_t mirrored = 0;
  for (std::size_t i = 0; i < ways.size(); ++i) {
    const auto place = static_cast<std::uint16_t>(i);
    if (ways[i] == Way::baseline) all_[kBaselineArm][baseline++] = place;
    if (ways[i] == Way::served) all_[kCandidateArm][served++] = place;
    if (ways[i] == Way::mirrored) shadow_[0][mirrored++] = place;
  }
  std::copy_n(shadow_[0].begin(), mirrored,
              all_[kCandidateArm].begin() + static_cast<std::ptrdiff_t>(served));
  count_ = {baseline, served + mirrored};
  served_ = served;
  interleaved_ = 0;
  uncounted_ = 0;
  requests_ = baseline + served;
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
  // What neither arm failed.
  paired_count_ = 0;
  for (const std::uint16_t place : pairs(MetricScope::all)) {
    const std::uint8_t events =
        columns.arm[kBaselineArm].events[place] | columns.arm[kCandidateArm].events[place];
    paired_[paired_count_] = place;
    paired_count_ += (events & kError) == 0 ? 1U : 0U;
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
    case MetricScope::interleaved:
      return interleaved();
    case MetricScope::paired:
      break;
  }
  return head(paired_, paired_count_);
}

}  // namespace gatewright::sim
