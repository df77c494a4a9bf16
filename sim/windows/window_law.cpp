#include "sim/windows/window_law.h"

#include <algorithm>
#include <cmath>

#include "policies/assert.h"
#include "sim/telemetry/tally.h"
#include "sim/windows/counts.h"

namespace gatewright::sim {
namespace {

/// Of the events that tell kinds apart.
std::uint8_t bit_of(WorldMetric metric) noexcept {
  if (metric == WorldMetric::error) return kError;
  return metric == WorldMetric::timeout ? kTimeout : kCollapsed;
}

/// So many values are put into bins one by one in the time that it takes to split values off for one bin.
constexpr std::uint64_t kValuesPerBin = 8;

double flag_probability(const ArmLaw& law) noexcept {
  if (is_perfect(law.detector)) return law.refusal;
  return law.refusal * law.detector.sensitivity +
         (1.0 - law.refusal) * (1.0 - law.detector.specificity);
}

}  // namespace

bool differ_in_events_only(const ArmLaws& a, const ArmLaws& b) noexcept {
  return a.input_tokens == b.input_tokens && same_numbers(a.arm[0], b.arm[0]) &&
         same_numbers(a.arm[1], b.arm[1]) && a.arm[0].prices == b.arm[0].prices &&
         a.arm[1].prices == b.arm[1].prices;
}

WindowLaw::WindowLaw(const PreparedScenario& scenario, std::span<const Measured> measured,
                     const ArmLaws& laws)
    : scenario_(scenario),
      laws_(laws),
      measured_(measured.begin(), measured.end()),
      rate_limited_share_(scenario.scenario().baseline.rate_limited_share) {
  for (const auto& [measurement, probabilities] : measured_) {
    any_flag_ |= measurement.metric == WorldMetric::refusal ||
                 measurement.metric == WorldMetric::error_or_refusal;
    any_rejection_ |= measurement.metric == WorldMetric::error_429 ||
                      measurement.metric == WorldMetric::error_5xx;
    any_down_ |= measurement.metric == WorldMetric::thumbs_down;
    any_up_ |= measurement.metric == WorldMetric::thumbs_up;
    any_event_pair_ |= measurement.pairs && is_event(measurement.metric);
  }
}

const std::vector<RequestKind>& WindowLaw::kinds_of(Route route) const {
  const auto place = static_cast<std::size_t>(route);
  std::call_once(are_kinds_known_[place], [&] {
    for (const std::size_t arm : {kBaselineArm, kCandidateArm})
      if (traits_of(route).asked[arm])
        std::call_once(are_numbers_known_[arm], [&] {
          numbers_.arms[arm] = scenario_.tables().numbers->find(scenario_, measured_,
                                                                laws_.arm[arm], laws_.input_tokens);
        });
    kinds_[place] = find_kinds(
        route, {.scenario = scenario_, .measured = measured_, .laws = laws_, .numbers = numbers_});
  });
  return kinds_[place];
}

// ---- one stretch of time ----

double WindowLaw::probability(Route route, const ForcedPair& forced, const ArmLaws& laws) noexcept {
  double product = 1.0;
  for (const std::size_t arm : {kBaselineArm, kCandidateArm})
    if (traits_of(route).asked[arm]) product *= sim::probability(forced[arm], laws.arm[arm]);
  return product;
}

RouteCounts WindowLaw::add(Route route, double mean, const ArmLaws& laws, bool harmed,
                           Stream& stream, std::span<Tally* const> tallies, Room& room) const {
  GATEWRIGHT_ASSERT(tallies.size() == measured_.size());
  const RouteTraits& traits = traits_of(route);
  RouteCounts drawn;
  std::array<EventCounts, 2> counted;
  std::array<double, SumLaw::kMostWide> sums;  // NOLINT: a kind's width of them are cleared
  const std::vector<Kind>& kinds = kinds_of(route);
  room.drawn.resize(std::max(room.drawn.size(), kinds.size()));
  // All are drawn before any is looked at: rows are far from each other in memory.
  for (std::size_t k = 0; k < kinds.size(); ++k) {
    const Kind& kind = kinds[k];
    kind.sums->draw(mean * probability(route, kind.forced, laws) * kind.share, stream,
                    room.drawn[k]);
  }
  for (std::size_t k = 0; k < kinds.size(); ++k) {
    const Kind& kind = kinds[k];
    const std::uint64_t n = room.drawn[k].count;
    if (n == 0) continue;
    drawn.requests += n;
    const SumLaw& law = *kind.sums;
    std::fill_n(sums.begin(), law.width(), 0.0);
    law.add(room.drawn[k], stream, std::span(sums).first(law.width()));
    for (std::size_t l = 0; l < kind.listed.size(); ++l) {
      const auto& [measurement, arm] = kind.listed[l].place;
      add_values(kind, room.drawn[k], l, stream, (*tallies[measurement])[arm], room);
    }
    tally_sums(kind, n, sums, tallies);
    if (any_event_pair_ && route == Route::mirrored) tally_pairs(kind, n, tallies);
    if (traits.costs) drawn.cost_usd += sums[law.width() - 1];
    for (const std::size_t arm : {kBaselineArm, kCandidateArm}) {
      EventCounts& counts = counted[arm];
      const bool failed = (kind.events[arm] & kError) != 0;
      counts.all += n;
      (failed ? counts.errors : counts.answered) += n;
      if ((kind.events[arm] & kTimeout) != 0) counts.timeouts += n;
      if ((kind.events[arm] & kCollapsed) != 0) counts.collapsed += n;
    }
    if (!harmed) continue;
    const auto refusal = [&](std::size_t arm) {
      return (kind.events[arm] & kError) != 0 ? 0.0 : laws.arm[arm].refusal;
    };
    const double impacted = (kind.newly_bad + kind.neither_bad * refusal(kCandidateArm)) *
                            (1.0 - refusal(kBaselineArm));
    drawn.impacted += draw_binomial(stream, {n, impacted});
  }
  for (const std::size_t arm : {kBaselineArm, kCandidateArm}) {
    if (!traits.measured[arm]) continue;
    const bool seen = is_seen(route, arm);
    draw_events(laws.arm[arm], seen, stream, counted[arm]);
    tally_events(arm, seen, counted[arm], tallies);
    drawn.down[arm] = counted[arm].down;
    drawn.up[arm] = counted[arm].up;
  }
  return drawn;
}

/// The values of the l-th distribution, of rows that were drawn.
void WindowLaw::add_values(const Kind& kind, const SumLaw::Drawn& drawn, std::size_t l,
                           Stream& stream, ArmTally& tally, Room& room) const {
  const SumLaw& law = *kind.sums;
  const Listed& listed = kind.listed[l];
  const Listed::Division& division = listed.divisions[drawn.division];
  const bool is_whole =
      measured_[listed.place.measurement].measurement.kind == Measurement::Kind::histogram;
  std::size_t kept = tally.values.size();
  tally.values.resize(kept + drawn.rows.size());
  const auto value = [&](std::size_t i) { return law.row(drawn.rows[i])[law.width() + l]; };
  if (drawn.has_all_rows) {
    for (std::size_t i = 0; i < drawn.rows.size(); ++i) tally.values[kept + i] = value(i);
  } else {
    room.counts.assign(division.stretches.size(), 0);
    for (std::size_t c = 0; c < drawn.cells.size(); ++c)
      room.counts[division.stretch_of_cell[c]] += drawn.cells[c];
    room.is_known.resize(drawn.cells.size());
    for (std::size_t c = 0; c < drawn.cells.size(); ++c)
      room.is_known[c] = room.counts[division.stretch_of_cell[c]] <= SumLaw::kSingly ? 1 : 0;
    // Written without a branch: which rows are known is luck.
    for (std::size_t i = 0; i < drawn.rows.size(); ++i) {
      tally.values[kept] = value(i);
      kept += room.is_known[drawn.cell_of_row[i]];
    }
    tally.values.resize(kept);
  }
  if (is_whole) {
    for (const float known : tally.values) tally.bins.add(static_cast<double>(known));
    tally.values.clear();
  }
  if (drawn.has_all_rows) return;
  for (std::size_t s = 0; s < room.counts.size(); ++s) {
    if (room.counts[s] <= SumLaw::kSingly) continue;
    if (is_whole)
      split_over_bins(division.stretches[s], room.counts[s], stream, tally.bins);
    else
      tally.ranges.add({division.stretches[s].among, room.counts[s], listed.is_smooth}, stream());
  }
}

/// Adds `count` values of the stretch.
void WindowLaw::split_over_bins(const Stretch& stretch, std::uint64_t count, Stream& stream,
                                BinCounts& bins) {
  std::span<const std::uint16_t> left = stretch.bins;
  std::size_t runs = stretch.runs.size();
  for (const auto& [bin, size] : stretch.runs) {
    if (count <= kValuesPerBin * runs) break;
    const double share = static_cast<double>(size) / static_cast<double>(left.size());
    const std::uint64_t here = draw_binomial(stream, {count, share});
    if (here > 0) bins.add_bin(bin, static_cast<std::uint32_t>(here));
    left = left.subspan(size);
    count -= here;
    --runs;
  }
  __extension__ using Wide = unsigned __int128;
  for (; count > 0; --count)
    bins.add_bin(left[static_cast<std::size_t>((Wide{stream()} * left.size()) >> 64)], 1);
}

void WindowLaw::tally_sums(const Kind& kind, std::uint64_t n, std::span<const double> sums,
                           std::span<Tally* const> tallies) const {
  const double* next = sums.data();
  for (const auto& [place, arm] : kind.summed) {
    const Measurement& measurement = measured_[place].measurement;
    const auto& [centre, beside] = numbers_.centres({place, arm}, measurement.pairs);
    const auto count = static_cast<double>(n);
    // Of few requests, what is lost by rounding must not make sums that no numbers have.
    const auto squares = [count](double sum, double about, double c) {
      return std::max(about + c * (2.0 * sum - count * c), sum * sum / count);
    };
    Tally& tally = *tallies[place];
    const double of_number = squares(next[0], next[1], centre);
    tally[arm].summary += {n, next[0], of_number};
    if (numbers_of(measurement) == kOfTwo) {
      const double of_squares = squares(next[2], next[3], beside);
      const double most = std::sqrt(of_number * of_squares);
      const double products = std::clamp(
          next[4] + centre * next[2] + beside * next[0] - count * centre * beside, -most, most);
      if (measurement.pairs) {
        tally[kCandidateArm].summary += {n, next[2], of_squares};
        tally[kCandidateArm].covariate.sum_of_products += products;
      } else {
        tally[arm].covariate += {next[2], of_squares, products};
      }
    }
    next += numbers_of(measurement);
  }
}

/// Pairs of events that tell kinds apart.
void WindowLaw::tally_pairs(const Kind& kind, std::uint64_t n,
                            std::span<Tally* const> tallies) const {
  for (std::size_t i = 0; i < measured_.size(); ++i) {
    const Measurement& measurement = measured_[i].measurement;
    if (!measurement.pairs || !is_event(measurement.metric) ||
        !counts_as_pair(measurement.scope, Route::mirrored, kind.events))
      continue;
    const std::uint8_t bit = bit_of(measurement.metric);
    const auto happened = [&](std::size_t arm) {
      return (kind.events[arm] & bit) != 0 ? static_cast<double>(n) : 0.0;
    };
    for (const std::size_t arm : {kBaselineArm, kCandidateArm})
      (*tallies[i])[arm].summary += {n, happened(arm), happened(arm)};
    (*tallies[i])[kCandidateArm].covariate.sum_of_products +=
        std::min(happened(kBaselineArm), happened(kCandidateArm));
  }
}

void WindowLaw::draw_events(const ArmLaw& law, bool seen, Stream& stream,
                            EventCounts& counts) const {
  if (any_flag_) counts.flagged = draw_binomial(stream, {counts.answered, flag_probability(law)});
  if (any_rejection_)
    counts.rejected = draw_binomial(stream, {counts.errors - counts.timeouts, rate_limited_share_});
  if (!seen || !(any_down_ || any_up_)) return;
  counts.down = draw_binomial(stream, {counts.answered, law.thumbs_down});
  if (any_up_ && law.thumbs_down < 1.0)
    counts.up = draw_binomial(
        stream, {counts.answered - counts.down, law.thumbs_up / (1.0 - law.thumbs_down)});
}

void WindowLaw::tally_events(std::size_t arm, bool seen, const EventCounts& counts,
                             std::span<Tally* const> tallies) const {
  for (std::size_t i = 0; i < measured_.size(); ++i) {
    const Measurement& measurement = measured_[i].measurement;
    if (measurement.pairs) continue;
    std::uint64_t happened = 0;
    switch (measurement.metric) {
      case WorldMetric::error:
        happened = counts.errors;
        break;
      case WorldMetric::timeout:
        happened = counts.timeouts;
        break;
      case WorldMetric::error_429:
        happened = counts.rejected;
        break;
      case WorldMetric::error_5xx:
        happened = counts.errors - counts.timeouts - counts.rejected;
        break;
      case WorldMetric::refusal:
        happened = counts.flagged;
        break;
      case WorldMetric::error_or_refusal:
        happened = counts.errors + counts.flagged;
        break;
      case WorldMetric::length_collapse:
        happened = counts.collapsed;
        break;
      case WorldMetric::thumbs_down:
        happened = counts.down;
        break;
      case WorldMetric::thumbs_up:
        happened = counts.up;
        break;
      default:
        continue;
    }
    const MetricScope scope = measurement.scope;
    if (scope == MetricScope::seen && !seen) continue;
    const std::uint64_t of = scope == MetricScope::all ? counts.all : counts.answered;
    const auto sum = static_cast<double>(happened);
    (*tallies[i])[arm].summary += {of, sum, sum};
  }
}

}  // namespace gatewright::sim
