#include "sim/trail.h"

#include <algorithm>

namespace gatewright::sim {

bool is_same_way(std::span<const ExposureSegment> a, std::span<const ExposureSegment> b) noexcept {
  return std::ranges::equal(a, b, [](const auto& x, const auto& y) {
    return x.from == y.from && x.exposure == y.exposure;
  });
}

bool go_on_alike(const Bearing& a, const Bearing& b) noexcept {
  return a.running == b.running && a.wanted == b.wanted && a.until == b.until && !a.is_cold &&
         !b.is_cold && is_same_way(a.timeline, b.timeline);
}

void Trail::start() noexcept {
  marks_.clear();
  arrivals_.clear();
  segments_.clear();
  report_count_ = 0;
}

void Trail::mark(std::uint64_t window, std::span<const Arriving> arriving, const Bearing& bearing) {
  if (marks_.empty() || marks_.back().window != window)
    marks_.push_back({.window = window, .first_arrival = arrivals_.size()});
  Mark& mark = marks_.back();
  for (const Arriving& each : arriving) {
    arrivals_.push_back(
        {.at = each.at, .first_report = report_count_, .reports = each.reports.size()});
    ++mark.arrivals;
    for (const Report& report : each.reports) {
      if (report_count_ == reports_.size()) reports_.emplace_back();
      reports_[report_count_++] = report;
    }
  }
  mark.bearing = bearing;
  mark.bearing.timeline = {};
  mark.first_segment = segments_.size();
  mark.segments = bearing.timeline.size();
  segments_.insert(segments_.end(), bearing.timeline.begin(), bearing.timeline.end());
}

void Trail::find_arriving(const Mark& mark, std::vector<Arriving>& found) const {
  found.clear();
  for (const Arrival& each : std::span(arrivals_).subspan(mark.first_arrival, mark.arrivals))
    found.push_back({each.at, std::span(reports_).subspan(each.first_report, each.reports)});
}

Bearing Trail::bearing_at(const Mark& mark) const noexcept {
  Bearing bearing = mark.bearing;
  bearing.timeline = std::span(segments_).subspan(mark.first_segment, mark.segments);
  return bearing;
}

}  // namespace gatewright::sim
