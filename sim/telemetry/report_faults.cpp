#include "sim/telemetry/report_faults.h"

#include <algorithm>
#include <cmath>
#include <limits>
#include <string>
#include <utility>
#include <variant>

#include "policies/histogram.h"
#include "sim/streams.h"

namespace gatewright::sim {
namespace {

using Kind = TelemetryFaultKind;

bool is_active(const TelemetryFault& fault, Instant closed) noexcept {
  const Duration since = closed.time_since_epoch();
  return since >= fault.from && (!fault.lasts || since - fault.from < *fault.lasts);
}

/// The spans of a Distributions event follow its bins.
void point_to_bins(Report& report) noexcept {
  if (auto* told = std::get_if<Distributions>(&report.event)) {
    told->baseline = report.bins[0];
    told->candidate = report.bins[1];
  }
}

// Each fault of content, per form of evidence.

/// An adapter takes differences of counters that only grow. One that went back to zero in between
/// leaves a negative difference: sums below zero, and a count that wraps around as unsigned numbers
/// do. A metrics store notices, and answers with an error.
struct CounterReset {
  void operator()(Samples& told) const noexcept {
    Summary& summary = told.candidate;
    summary = {std::uint64_t{0} - summary.count, -summary.sum, -summary.sum_of_squares};
    if (told.covariates) {
      auto& [sum, squares, products] = told.covariates->candidate;
      told.covariates->candidate = {-sum, -squares, -products};
    }
    if (told.sum_of_products) *told.sum_of_products = -*told.sum_of_products;
  }
  void operator()(std::vector<HistogramBin>& bins) const noexcept {
    for (HistogramBin& bin : bins) bin.count = std::uint64_t{0} - bin.count;
  }
  void operator()(Readings& told) const noexcept {
    told.candidate = {0.0, 0, ReadingStatus::error};
  }
};

/// A histogram cannot hold a number that is none; what a careless adapter makes of it is a bin that
/// the grid does not have.
struct NotANumber {
  void operator()(Samples& told) const noexcept {
    told.candidate.sum = std::numeric_limits<double>::quiet_NaN();
    told.candidate.sum_of_squares = std::numeric_limits<double>::quiet_NaN();
    if (told.covariates)
      told.covariates->candidate.sum_of_products = std::numeric_limits<double>::quiet_NaN();
    if (told.sum_of_products) *told.sum_of_products = std::numeric_limits<double>::quiet_NaN();
  }
  void operator()(std::vector<HistogramBin>& bins) const {
    bins.push_back({HistogramGrid::kBins, 1});
  }
  void operator()(Readings& told) const noexcept {
    told.candidate.value = std::numeric_limits<double>::quiet_NaN();
    told.candidate.status = ReadingStatus::ok;
  }
};

struct UnitMistake {
  double factor;
  bool of_logarithms;  ///< values are logarithms: a factor is added

  void operator()(Samples& told) const noexcept {
    auto& [count, sum, squares] = told.candidate;
    if (of_logarithms) {
      const double shift = std::log(factor);
      if (told.covariates)
        told.covariates->candidate.sum_of_products += shift * told.covariates->candidate.sum;
      if (told.sum_of_products) *told.sum_of_products += shift * told.baseline.sum;
      squares += 2.0 * shift * sum + static_cast<double>(count) * shift * shift;
      sum += static_cast<double>(count) * shift;
    } else {
      sum *= factor;
      squares *= factor * factor;
      if (told.covariates) told.covariates->candidate.sum_of_products *= factor;
      if (told.sum_of_products) *told.sum_of_products *= factor;
    }
  }
  /// Each bin moves as its middle does; neighbours that meet are one.
  void operator()(std::vector<HistogramBin>& bins) const {
    std::vector<HistogramBin> moved;
    for (const HistogramBin& bin : bins) {
      const std::uint32_t to = HistogramGrid::bin(HistogramGrid::middle(bin.bin) * factor);
      if (!moved.empty() && moved.back().bin == to)
        moved.back().count += bin.count;
      else
        moved.push_back({to, bin.count});
    }
    bins = std::move(moved);
  }
  void operator()(Readings& told) const noexcept {
    if (told.candidate.status != ReadingStatus::ok) return;
    if (of_logarithms)
      told.candidate.value += std::log(factor);
    else
      told.candidate.value *= factor;
  }
};

template <class Fault>
void apply(const Fault& fault, Report& report) {
  if (auto* samples = std::get_if<Samples>(&report.event)) fault(*samples);
  if (auto* readings = std::get_if<Readings>(&report.event)) fault(*readings);
  if (std::holds_alternative<Distributions>(report.event)) {
    fault(report.bins[1]);
    point_to_bins(report);
  }
}

void swap_arms(Report& report) noexcept {
  if (auto* samples = std::get_if<Samples>(&report.event)) {
    std::swap(samples->baseline, samples->candidate);
    if (samples->covariates)
      std::swap(samples->covariates->baseline, samples->covariates->candidate);
  }
  if (auto* readings = std::get_if<Readings>(&report.event))
    std::swap(readings->baseline, readings->candidate);
  std::swap(report.bins[0], report.bins[1]);
  point_to_bins(report);
}

}  // namespace

ReportFaults::ReportFaults(const Telemetry& telemetry, std::span<const Probe> probes)
    : probes_(probes.begin(), probes.end()) {
  const auto of_all = [this](Kind kind, double share) {
    TelemetryFault fault;
    fault.kind = kind;
    fault.share = share;
    if (share > 0.0) faults_.push_back(std::move(fault));
  };
  of_all(Kind::lost, telemetry.lost);
  of_all(Kind::duplicated, telemetry.duplicated);
  of_all(Kind::reordered, telemetry.reordered);
  faults_.insert(faults_.end(), telemetry.faults.begin(), telemetry.faults.end());
  for (const TelemetryFault& fault : faults_) kinds_ |= 1U << static_cast<unsigned>(fault.kind);
  measurements_.reserve(probes.size());
  for (const Probe& probe : probes) measurements_.push_back(measurement_of(probe));
}

const TelemetryFault* ReportFaults::find(Kind kind, const ReportPlace& place) const noexcept {
  if (!any(kind)) return nullptr;
  const auto probe = static_cast<std::size_t>(place.probe);
  const TelemetryFault* widest = nullptr;
  for (const TelemetryFault& fault : faults_) {
    if (fault.kind != kind || !is_active(fault, place.closed)) continue;
    if (!fault.metric.empty() && fault.metric != probes_[probe].metric) continue;
    if (widest == nullptr || fault.share > widest->share) widest = &fault;
  }
  if (widest == nullptr) return nullptr;
  const std::uint64_t index =
      (place.window * kGatesMax + probe) * kTelemetryFaultKinds + static_cast<std::uint64_t>(kind);
  Stream stream({key_.seed, key_.replication, "telemetry.fault", index});
  return stream.uniform() < widest->share ? widest : nullptr;
}

void ReportFaults::corrupt(const ReportPlace& place, Report& report) const {
  if (find(Kind::counter_reset, place) != nullptr) apply(CounterReset{}, report);
  if (find(Kind::not_a_number, place) != nullptr) apply(NotANumber{}, report);
  if (const TelemetryFault* fault = find(Kind::unit_mistake, place)) {
    const Measurement& measurement = measurements_[static_cast<std::size_t>(place.probe)];
    apply(UnitMistake{fault->factor, measurement.kind == Measurement::Kind::log_sum}, report);
  }
  if (find(Kind::swapped_arms, place) != nullptr) swap_arms(report);
}

}  // namespace gatewright::sim
