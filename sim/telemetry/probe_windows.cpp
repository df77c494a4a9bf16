#include "sim/telemetry/probe_windows.h"

#include <algorithm>
#include <cmath>

#include "policies/assert.h"
#include "sim/telemetry/quantile.h"

namespace gatewright::sim {
namespace {

void clear(Tally& tally) noexcept {
  for (ArmTally& arm : tally) arm.clear();
}

/// `guess`: the last reading, if any; becomes this one.
Reading reading(const ArmTally& tally, const Statistic& statistic, double& guess, Tail& tail) {
  const bool is_quantile = statistic.kind == Statistic::Kind::quantile;
  const std::uint64_t count =
      is_quantile ? tally.values.size() + tally.ranges.count() : tally.summary.count;
  if (count == 0) return {};
  const double value = is_quantile ? quantile(tally.values, tally.ranges, statistic, guess, &tail)
                                   : tally.summary.sum / static_cast<double>(count);
  if (std::isnan(value)) return {};
  guess = value;
  return {value, count, ReadingStatus::ok};
}

}  // namespace

ProbeWindows::ProbeWindows(std::span<const Probe> probes, Duration telemetry_window)
    : telemetry_window_(telemetry_window) {
  const auto windows = [telemetry_window](Duration duration) {
    GATEWRIGHT_ASSERT(duration >= Duration::zero() &&
                      duration % telemetry_window == Duration::zero());
    return static_cast<std::uint64_t>(duration / telemetry_window);
  };
  for (const Probe& probe : probes) {
    Grid grid{.probe = probe,
              .measurement = measurement_of(probe),
              .delay = windows(probe.initial_delay),
              .every = windows(probe.every),
              .length = windows(probe.window),
              .open = {}};
    GATEWRIGHT_ASSERT(grid.every > 0 && grid.length > 0);
    grid.open.resize((grid.length + grid.every - 1) / grid.every);
    grids_.push_back(std::move(grid));
  }
}

void ProbeWindows::start() noexcept {
  for (Grid& grid : grids_) {
    std::ranges::for_each(grid.open, clear);
    grid.guesses = kNoGuesses;
  }
  first_ = 0;
  under_way_ = 0;
}

bool ProbeWindows::close(std::uint64_t k, std::span<const Tally* const> tally_of_probe,
                         ProbeMask wanted) {
  Packet* packet = nullptr;
  tails_of_ = nullptr;
  for (std::size_t i = 0; i < grids_.size(); ++i) {
    Grid& grid = grids_[i];
    if (k < grid.delay) continue;
    const std::uint64_t since = k - grid.delay;
    const std::uint64_t last = since / grid.every;
    const std::uint64_t first = since < grid.length ? 0 : (since - grid.length) / grid.every + 1;
    for (std::uint64_t j = first; j <= last; ++j) {
      Tally& open = grid.open[j % grid.open.size()];
      const Tally* part = part_of(i, j, since, tally_of_probe[i]);
      // A window of one telemetry window needs no adding up.
      const bool is_whole = grid.length == 1 && part != nullptr;
      if (part != nullptr && !is_whole)
        for (std::size_t arm = 0; arm < open.size(); ++arm) open[arm].add((*part)[arm]);
      if (since + 1 != j * grid.every + grid.length) continue;
      if ((wanted >> i & 1) != 0) {
        if (packet == nullptr) packet = &back_packet(k);
        if (packet->count == packet->reports.size()) packet->reports.emplace_back();
        write(grid, ProbeIndex(i), j, is_whole ? *part : open, packet->reports[packet->count++]);
      }
      if (!is_whole) clear(open);
    }
  }
  return packet != nullptr;
}

const Tally* ProbeWindows::part_of(std::size_t probe, std::uint64_t j, std::uint64_t since,
                                   const Tally* whole) const noexcept {
  if (faults_ == nullptr) return whole;
  const Grid& grid = grids_[probe];
  const std::uint64_t closes = grid.delay + j * grid.every + grid.length;
  const Instant closed = Instant{} + telemetry_window_ * static_cast<Duration::rep>(closes);
  const ReportPlace place{ProbeIndex(probe), j, closed};
  if (faults_->find(TelemetryFaultKind::truncated, place) == nullptr) return whole;
  const std::uint64_t halves_before = 2 * (since - j * grid.every);
  if (halves_before + 2 <= grid.length) return whole;
  return halves_before + 1 == grid.length ? halves_[probe] : nullptr;
}

std::span<Report> ProbeWindows::take(std::uint64_t k) {
  if (under_way_ == 0 || ring_[first_].window != k) return {};
  Packet& packet = ring_[first_];
  first_ = (first_ + 1) % ring_.size();
  --under_way_;
  return std::span(packet.reports).first(packet.count);
}

ProbeWindows::Packet& ProbeWindows::back_packet(std::uint64_t k) {
  // A packet taken last may still be read, so one place stays free.
  if (under_way_ + 1 >= ring_.size()) {
    std::rotate(ring_.begin(), ring_.begin() + static_cast<std::ptrdiff_t>(first_), ring_.end());
    first_ = 0;
    ring_.resize(ring_.size() + 2);
  }
  Packet& packet = ring_[(first_ + under_way_++) % ring_.size()];
  packet.window = k;
  packet.count = 0;
  return packet;
}

void ProbeWindows::write(Grid& grid, ProbeIndex probe, std::uint64_t window, const Tally& tally,
                         Report& report) {
  switch (grid.probe.form) {
    case Form::samples: {
      Samples samples{
          .probe = probe,
          .window = window,
          .paired = grid.measurement.pairs || grid.measurement.scope == MetricScope::paired,
          .baseline = tally[0].summary,
          .candidate = tally[1].summary};
      if (grid.measurement.covariate)
        samples.covariates = {.baseline = tally[0].covariate, .candidate = tally[1].covariate};
      if (grid.measurement.pairs) samples.sum_of_products = tally[1].covariate.sum_of_products;
      report.event = samples;
      break;
    }
    case Form::distributions:
      for (std::size_t arm = 0; arm < tally.size(); ++arm) tally[arm].bins.list(report.bins[arm]);
      report.event = Distributions{.probe = probe,
                                   .window = window,
                                   .baseline = report.bins[0],
                                   .candidate = report.bins[1]};
      break;
    case Form::readings:
      if (tails_of_ != &tally)
        for (Tail& tail : tails_) tail.values.clear();
      tails_of_ = &tally;
      report.event = Readings{
          .probe = probe,
          .window = window,
          .baseline = reading(tally[0], grid.probe.statistic, grid.guesses[0], tails_[0]),
          .candidate = reading(tally[1], grid.probe.statistic, grid.guesses[1], tails_[1])};
      break;
  }
}

}  // namespace gatewright::sim
