#include "sim/telemetry/delivery.h"

#include <utility>
#include <variant>

#include "policies/assert.h"
#include "sim/delay.h"

namespace gatewright::sim {
namespace {

ReportPlace place_of(const Event& event, Instant closed) noexcept {
  return std::visit(
      [closed]<class Told>(const Told& told) -> ReportPlace {
        if constexpr (requires { told.window; }) return {told.probe, told.window, closed};
        return {.closed = closed};
      },
      event);
}

}  // namespace

Delivery::Delivery(const Telemetry& telemetry, std::span<const Probe> probes)
    : faults_(telemetry, probes), delay_(telemetry.delay), held_(probes.size()) {}

void Delivery::start(RunKey key) {
  key_ = key;
  faults_.start(key);
  under_way_.clear();
  free_.clear();
  for (auto& held : held_) held.clear();
}

std::span<const Delivery::Arrival> Delivery::send(std::span<Report> reports, Times times) {
  arrivals_.clear();
  for (Report& report : reports) {
    const ReportPlace place = place_of(report.event, times.closed);
    const auto probe = static_cast<std::size_t>(place.probe);
    std::vector<std::size_t> overtaken;
    std::swap(overtaken, held_[probe]);
    if (faults_.find(TelemetryFaultKind::lost, place) == nullptr) {
      faults_.corrupt(place, report);
      const bool comes_again = faults_.find(TelemetryFaultKind::duplicated, place) != nullptr;
      const bool waits = faults_.find(TelemetryFaultKind::reordered, place) != nullptr;
      const std::size_t number = place_for(report);
      under_way_[number].arrivals = comes_again ? 2 : 1;
      if (waits) {
        held_[probe].assign(under_way_[number].arrivals, number);
      } else {
        arrive(number, times.arrives);
        if (comes_again)
          arrive(number, after(times.arrives,
                               draw_delay(delay_, {key_.seed, key_.replication, "telemetry.copy",
                                                   place.window * kGatesMax + probe})));
      }
    }
    // What waited for this report comes right behind it, or where it would have been.
    for (const std::size_t number : overtaken) arrive(number, times.arrives);
  }
  return arrivals_;
}

const Report& Delivery::receive(std::uint64_t number) noexcept {
  UnderWay& under_way = under_way_[number];
  GATEWRIGHT_ASSERT(under_way.arrivals > 0);
  if (--under_way.arrivals == 0) free_.push_back(number);
  return under_way.report;
}

std::size_t Delivery::place_for(Report& report) {
  if (free_.empty()) {
    under_way_.push_back({.report = std::move(report), .arrivals = 0});
    return under_way_.size() - 1;
  }
  const std::size_t number = free_.back();
  free_.pop_back();
  under_way_[number].report = std::move(report);
  return number;
}

void Delivery::arrive(std::size_t number, Instant at) { arrivals_.push_back({at, number}); }

}  // namespace gatewright::sim
