// What of a rollout the world can feel: which exposures were applied so far, and when.
// Used by effects that depend on exposure; a view of what the router keeps, it never owns or decides.
#pragma once

#include <algorithm>
#include <limits>
#include <span>

#include "policies/exposure.h"
#include "policies/time.h"
#include "sim/router/router.h"

namespace gatewright::sim {

/// The exposures of one contender from the start of its rollout on; by default nothing was ever
/// exposed.
class ExposureHistory {
 public:
  ExposureHistory() = default;
  /// In order, the first one from the start; outlives the view.
  explicit ExposureHistory(std::span<const ExposureSegment> segments) noexcept
      : segments_(segments) {}

  /// Served share of the traffic at a moment.
  [[nodiscard]] double served_at(double seconds) const noexcept {
    const auto later =
        std::ranges::upper_bound(segments_, seconds, {}, &ExposureSegment::from_seconds);
    return later == segments_.begin() ? 0.0 : served(*(later - 1));
  }

  /// Where the candidate was first exposed, served or mirrored; null: not yet.
  [[nodiscard]] const ExposureSegment* first_exposure() const noexcept {
    return first([](const ExposureSegment& s) { return s.exposure != Exposure{}; });
  }

  /// Where the served share first reached `share`; null: not yet.
  [[nodiscard]] const ExposureSegment* first_served(double share) const noexcept {
    return first([share](const ExposureSegment& s) { return served(s) >= share; });
  }

  /// The first change of exposure after `at`; kNever: none.
  [[nodiscard]] Instant next_change(Instant at) const noexcept {
    const auto later = std::ranges::upper_bound(segments_, at, {}, &ExposureSegment::from);
    return later == segments_.end() ? kNever : later->from;
  }

  /// The same in seconds; infinite: none.
  [[nodiscard]] double next_change_seconds(double at_seconds) const noexcept {
    const auto later =
        std::ranges::upper_bound(segments_, at_seconds, {}, &ExposureSegment::from_seconds);
    return later == segments_.end() ? std::numeric_limits<double>::infinity() : later->from_seconds;
  }

  /// Whether no exposure changes in (first, last].
  [[nodiscard]] bool is_steady(double first, double last) const noexcept {
    return std::ranges::none_of(segments_, [=](const ExposureSegment& s) {
      return s.from_seconds > first && s.from_seconds <= last;
    });
  }

  friend bool operator==(const ExposureHistory& a, const ExposureHistory& b) noexcept {
    return std::ranges::equal(a.segments_, b.segments_, [](const auto& x, const auto& y) {
      return x.from == y.from && x.exposure == y.exposure;
    });
  }

 private:
  [[nodiscard]] static double served(const ExposureSegment& segment) noexcept {
    return static_cast<double>(segment.exposure.served) / static_cast<double>(kWholeExposure);
  }
  template <typename Predicate>
  [[nodiscard]] const ExposureSegment* first(Predicate predicate) const noexcept {
    const auto found = std::ranges::find_if(segments_, predicate);
    return found == segments_.end() ? nullptr : &*found;
  }
  std::span<const ExposureSegment> segments_;
};

}  // namespace gatewright::sim
