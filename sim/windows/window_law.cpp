#include "sim/windows/window_law.h"

#include <algorithm>
#include <cmath>
#include <map>
#include <memory>
#include <numeric>

#include "policies/assert.h"
#include "sim/telemetry/tally.h"
#include "sim/windows/counts.h"
#include "sim/windows/latent_points.h"

namespace gatewright::sim {
namespace {

/// What a route's telemetry sees, and what it costs.
struct RouteTraits {
  std::array<bool, 2> asked;     ///< which arms answer
  std::array<bool, 2> measured;  ///< whose answers are counted
  bool costs;
};
constexpr std::array<RouteTraits, kRoutes> kTraits = {{
    {.asked = {true, false}, .measured = {true, false}, .costs = false},
    {.asked = {true, true}, .measured = {false, true}, .costs = true},
    {.asked = {true, true}, .measured = {true, true}, .costs = true},
    {.asked = {true, true}, .measured = {true, false}, .costs = true},
}};
constexpr const RouteTraits& traits_of(Route route) noexcept {
  return kTraits[static_cast<std::size_t>(route)];
}

/// Users see the old model's answers, and those that the candidate serves.
constexpr bool is_seen(Route route, std::size_t arm) noexcept {
  return arm == kBaselineArm || route == Route::served;
}

/// Events that tell kinds apart.
constexpr std::uint8_t kTelling = kError | kTimeout | kCollapsed;

/// Whether requests with these events count for metrics of that scope.
bool counts(MetricScope scope, std::uint8_t events, bool seen) noexcept {
  switch (scope) {
    case MetricScope::all:
      return true;
    case MetricScope::answered:
      return (events & kError) == 0;
    case MetricScope::seen:
      return (events & kError) == 0 && seen;
    case MetricScope::paired:
    case MetricScope::interleaved:
      break;
  }
  return false;
}

bool is_distribution(const Measurement& measurement) noexcept {
  return measurement.kind == Measurement::Kind::histogram ||
         measurement.kind == Measurement::Kind::values;
}

/// Requests of which a test of pairs is told: the mirrored ones that count at both arms.
bool counts_as_pair(MetricScope scope, Route route,
                    const std::array<std::uint8_t, 2>& events) noexcept {
  return route == Route::mirrored &&
         (scope == MetricScope::all ||
          ((events[kBaselineArm] | events[kCandidateArm]) & kError) == 0);
}

/// Numbers that are summed of a measurement at an arm: y and y^2; of pairs and with a covariate x also
/// x, x^2 and x y.
constexpr std::size_t kOfOne = 2;
constexpr std::size_t kOfTwo = 5;
std::size_t numbers_of(const Measurement& measurement) noexcept {
  return measurement.pairs || measurement.covariate ? kOfTwo : kOfOne;
}

/// Where the law of a number is cut that is wanted as a whole.
constexpr std::array<double, 5> kAsAWhole = {0.05, 0.25, 0.5, 0.75, 0.95};
/// Cuts at a quantile, where that does not make too many cells of one arm's answers.
constexpr std::size_t kMostCuts = 3;
constexpr std::size_t kManyCells = 32;

/// Where the law of a number is cut: at each quantile that is asked for, and where it leaves twice and
/// four times as many on the shorter side, so that of few requests those near the quantile are known.
std::vector<double> cut_at(const Measured& measured, std::size_t per_quantile) {
  std::vector<double> cuts;
  for (const double p : measured.probabilities) {
    const double side = std::min(p, 1.0 - p);
    for (std::size_t i = 0; i < per_quantile; ++i) {
      const double wider = std::ldexp(side, static_cast<int>(i));
      if (i == 0 || wider < 0.5) cuts.push_back(p < 0.5 ? wider : 1.0 - wider);
    }
  }
  if (measured.probabilities.empty()) cuts.assign(kAsAWhole.begin(), kAsAWhole.end());
  std::ranges::sort(cuts);
  const auto close = [](double a, double b) { return b - a < 1e-3; };
  cuts.erase(std::ranges::unique(cuts, close).begin(), cuts.end());
  return cuts;
}

bool same_numbers(const ArmLaw& a, const ArmLaw& b) noexcept {
  return a.output_tokens == b.output_tokens && a.ttft == b.ttft && a.latency == b.latency &&
         a.cost == b.cost && a.quality == b.quality && a.tpot_seconds == b.tpot_seconds &&
         a.prices == b.prices;
}

/// Whether answers can collapse or hang at all.
struct Mishaps {
  bool collapse = false, hang = false;
};
Mishaps possible_mishaps(const Scenario& scenario) noexcept {
  const auto is_stirred = [&scenario](WorldMetric metric) {
    const std::string name(to_string(metric));
    return std::ranges::any_of(scenario.effects,
                               [&name](const Effect& effect) { return effect.metric == name; }) ||
           scenario.noise.deployment.contains(name) || scenario.noise.window.contains(name);
  };
  return {.collapse = scenario.baseline.collapse.probability > 0.0 ||
                      is_stirred(WorldMetric::length_collapse),
          .hang = scenario.baseline.hang.probability > 0.0 || is_stirred(WorldMetric::hang)};
}

/// Of the events that tell kinds apart.
std::uint8_t bit_of(WorldMetric metric) noexcept {
  if (metric == WorldMetric::error) return kError;
  return metric == WorldMetric::timeout ? kTimeout : kCollapsed;
}

/// Up to so many values are put into bins one by one.
constexpr std::uint64_t kFewValues = 256;

/// Adds `count` values, each one of `among`, which rise, equally likely.
void split_over_bins(std::span<const float> among, std::uint64_t count, Stream& stream,
                     BinCounts& bins) {
  if (count <= kFewValues) {
    __extension__ using Wide = unsigned __int128;
    for (; count > 0; --count)
      bins.add(static_cast<double>(
          among[static_cast<std::size_t>((Wide{stream()} * among.size()) >> 64)]));
    return;
  }
  while (!among.empty() && count > 0) {
    const std::uint32_t bin = HistogramGrid::bin(static_cast<double>(among.front()));
    const auto upper = static_cast<float>(HistogramGrid::upper(bin));
    const auto place = std::ranges::lower_bound(among, upper);
    const auto size = std::max<std::size_t>(1, static_cast<std::size_t>(place - among.begin()));
    const double share = static_cast<double>(size) / static_cast<double>(among.size());
    const std::uint64_t here = draw_binomial(stream, {count, share});
    if (here > 0) bins.add_bin(bin, static_cast<std::uint32_t>(here));
    among = among.subspan(size);
    count -= here;
  }
}

double flag_probability(const ArmLaw& law) noexcept {
  if (is_perfect(law.detector)) return law.refusal;
  return law.refusal * law.detector.sensitivity +
         (1.0 - law.refusal) * (1.0 - law.detector.specificity);
}

}  // namespace

bool differ_in_events_only(const ArmLaws& a, const ArmLaws& b) noexcept {
  return a.input_tokens == b.input_tokens && same_numbers(a.arm[0], b.arm[0]) &&
         same_numbers(a.arm[1], b.arm[1]);
}

// ---- from points to kinds ----

/// The first ones of a net.
struct WindowLaw::Points {
  const LatentPoints& points;
  std::size_t count;
};

/// Some points, answered by both arms.
struct WindowLaw::Chunk {
  std::size_t first = 0;  ///< number of its first point
  Columns columns;
  Column<float> normal, ttft, quality;
  Column<Word> constant;
};

WindowLaw::WindowLaw(const PreparedScenario& scenario, std::span<const Measured> measured,
                     const ArmLaws& laws)
    : laws_(laws),
      measured_(measured.begin(), measured.end()),
      cuts_(measured.size()),
      values_(measured.size()),
      objectives_(scenario.scenario().objectives),
      rate_limited_share_(scenario.scenario().baseline.rate_limited_share) {
  for (const auto& [measurement, probabilities] : measured_) {
    any_flag_ |= measurement.metric == WorldMetric::refusal ||
                 measurement.metric == WorldMetric::error_or_refusal;
    any_rejection_ |= measurement.metric == WorldMetric::error_429 ||
                      measurement.metric == WorldMetric::error_5xx;
    any_rating_ |= measurement.metric == WorldMetric::thumbs_down ||
                   measurement.metric == WorldMetric::thumbs_up;
    any_event_pair_ |= measurement.pairs && is_event(measurement.metric);
  }
  const Mishaps mishaps = possible_mishaps(scenario.scenario());
  std::vector<Forced> all;
  for (const bool hang : {false, true})
    for (const bool collapse : {false, true})
      for (const bool error : {false, true})
        if ((!hang || mishaps.hang) && (!collapse || mishaps.collapse))
          all.push_back({error, collapse, hang});
  find_cuts(scenario);
  for (const Forced& baseline : all)
    for (const Forced& candidate : all) add_points(scenario, {baseline, candidate});

  values_.clear();
  for (std::vector<Kind>& kinds : kinds_)
    for (Kind& kind : kinds)
      complete(kind, static_cast<double>(kind.forced == ForcedPair{} ? LatentPoints::kCount
                                                                     : LatentPoints::kFew));
}

/// The rows of a kind are known: cells are the combinations of stretches that occur.
void WindowLaw::complete(Kind& kind, double points) const {
  const auto count = static_cast<double>(kind.count);
  kind.share = count / points;
  kind.newly_bad /= count;
  kind.neither_bad /= count;
  const std::size_t width = kind.rows.size() / kind.count;
  const std::size_t summed = width - kind.listed.size();
  std::map<std::uint64_t, std::uint16_t> cells;  ///< by the numbers of their stretches
  std::vector<std::uint16_t> cell_of_row;
  for (Listed& listed : kind.listed)
    listed.stretches.resize(cuts_[listed.place.measurement][listed.place.arm].size() + 1);
  if (!kind.listed.empty()) {
    for (std::size_t r = 0; r < kind.count; ++r) {
      const float* values = kind.rows.data() + r * width + summed;
      std::uint64_t signature = 0;
      for (std::size_t l = 0; l < kind.listed.size(); ++l)
        signature = signature * kind.listed[l].stretches.size() +
                    stretch_of(kind.listed[l].place, values[l]);
      const auto next = static_cast<std::uint16_t>(cells.size());
      const auto [cell, is_new] = cells.try_emplace(signature, next);
      cell_of_row.push_back(cell->second);
      for (std::size_t l = 0; l < kind.listed.size(); ++l) {
        const std::uint8_t stretch = stretch_of(kind.listed[l].place, values[l]);
        kind.listed[l].stretches[stretch].push_back(values[l]);
        if (is_new) kind.listed[l].stretch_of_cell.push_back(stretch);
      }
    }
  }
  for (Listed& listed : kind.listed)
    for (std::vector<float>& stretch : listed.stretches) std::ranges::sort(stretch);
  kind.sums.emplace(SumLaw::Table{.numbers = std::move(kind.rows),
                                  .width = width,
                                  .summed = summed,
                                  .cell = std::move(cell_of_row)});
}

/// Where answers without any mishap have the quantiles that are asked for: all kinds are cut there, so
/// that their stretches are the same.
void WindowLaw::find_cuts(const PreparedScenario& scenario) {
  struct Column {
    Place place;
    std::vector<float> values;
  };
  std::vector<Column> columns;
  for (std::size_t i = 0; i < measured_.size(); ++i)
    if (is_distribution(measured_[i].measurement))
      for (const std::size_t arm : {kBaselineArm, kCandidateArm}) columns.push_back({{i, arm}, {}});
  if (columns.empty()) return;
  const auto fill = [&](const Points& points) {
    for (Column& column : columns) column.values.clear();
    answer_points(scenario, {}, points, [&](const Chunk& chunk) {
      for (auto& [place, values] : columns) {
        const auto& column =
            column_of(measured_[place.measurement].measurement.metric, chunk.columns, place.arm);
        values.insert(values.end(), column.begin(), column.end());
      }
    });
  };
  // Each point gets the number that stands at its rank where there are many more points.
  fill({LatentPoints::instance(), LatentPoints::kCount});
  std::vector<std::vector<std::uint32_t>> orders;
  for (const auto& [place, values] : columns) {
    std::vector<std::uint32_t>& order = orders.emplace_back(values.size());
    std::iota(order.begin(), order.end(), 0U);
    std::ranges::stable_sort(order, {}, [&values](std::uint32_t i) { return values[i]; });
  }
  fill({LatentPoints::fine(), LatentPoints::kMany});
  for (std::size_t c = 0; c < columns.size(); ++c) {
    auto& [place, values] = columns[c];
    std::ranges::sort(values);
    std::vector<float>& exact = values_[place.measurement][place.arm];
    exact.resize(LatentPoints::kCount);
    constexpr std::size_t kStep = LatentPoints::kMany / LatentPoints::kCount;
    for (std::size_t rank = 0; rank < exact.size(); ++rank)
      exact[orders[c][rank]] = values[rank * kStep + kStep / 2];
  }
  std::size_t per_quantile = kMostCuts;
  for (; per_quantile > 1; --per_quantile) {
    std::size_t cells = 1;
    for (const Measured& measured : measured_)
      if (is_distribution(measured.measurement)) cells *= cut_at(measured, per_quantile).size() + 1;
    if (cells <= kManyCells) break;
  }
  for (const auto& [place, values] : columns) {
    std::vector<float>& cuts = cuts_[place.measurement][place.arm];
    for (const double p : cut_at(measured_[place.measurement], per_quantile))
      cuts.push_back(values[static_cast<std::size_t>(p * static_cast<double>(values.size()))]);
    std::ranges::sort(cuts);
    cuts.erase(std::ranges::unique(cuts).begin(), cuts.end());
  }
}

std::uint8_t WindowLaw::stretch_of(const Place& place, float value) const noexcept {
  const std::vector<float>& cuts = cuts_[place.measurement][place.arm];
  return static_cast<std::uint8_t>(std::ranges::upper_bound(cuts, value) - cuts.begin());
}

template <typename Take>
void WindowLaw::answer_points(const PreparedScenario& scenario, const ForcedPair& forced,
                              Points asked, Take take) const {
  const auto& [points, count] = asked;
  const WorldTables& tables = scenario.tables();
  const Arm& arm_numbers = scenario.scenario().baseline;
  const auto chunk = std::make_unique<Chunk>();
  Columns& columns = chunk->columns;
  // Events are forced, so that every uniform may be the same.
  chunk->constant.fill(kWords / 2);
  columns.size = kChunk;
  const auto mix = [&](Latent latent, std::size_t first, Column<float>& out) {
    const auto& weights = tables.mixing.weights[index_of(latent)];
    for (std::size_t i = 0; i < kChunk; ++i) {
      double z = 0.0;
      for (std::size_t l = 0; l <= index_of(latent); ++l)
        if (weights[l] != 0.0)
          z += weights[l] * static_cast<double>(points.scores(static_cast<Latent>(l))[first + i]);
      out[i] = static_cast<float>(z);
    }
  };
  for (std::size_t first = 0; first < count; first += kChunk) {
    mix(Latent::input, first, chunk->normal);
    tables.input_tokens.fill(chunk->normal, columns.input_tokens.data());
    if (!laws_.input_tokens.is_identity())
      for (float& tokens : columns.input_tokens) {
        const double changed = laws_.input_tokens(static_cast<double>(tokens));
        tokens = static_cast<float>(std::max(1.0, std::nearbyint(changed)));
      }
    for (const std::size_t arm : {kBaselineArm, kCandidateArm}) {
      const bool is_baseline = arm == kBaselineArm;
      ArmColumns& out = columns.arm[arm];
      mix(is_baseline ? Latent::baseline_output : Latent::candidate_output, first, chunk->normal);
      tables.output_tokens.fill(chunk->normal, out.output_tokens.data());
      mix(is_baseline ? Latent::baseline_ttft : Latent::candidate_ttft, first, chunk->ttft);
      mix(is_baseline ? Latent::baseline_quality : Latent::candidate_quality, first,
          chunk->quality);
      ArmLaw law = laws_.arm[arm];
      law.error = forced[arm].error ? 1.0 : 0.0;
      law.collapse = forced[arm].collapse ? 1.0 : 0.0;
      law.hang = forced[arm].hang ? 1.0 : 0.0;
      const Word* constant = chunk->constant.data();
      answer(arm_numbers, law,
             {.ttft = chunk->ttft.data(),
              .quality = chunk->quality.data(),
              .error = constant,
              .collapse = constant,
              .hang = constant},
             columns.input_tokens.data(), {.tpot = true, .cost = true, .quality = true},
             {0, kChunk}, out);
    }
    chunk->first = first;
    take(*chunk);
  }
}

void WindowLaw::add_points(const PreparedScenario& scenario, const ForcedPair& forced) {
  const Points points{LatentPoints::instance(),
                      forced == ForcedPair{} ? LatentPoints::kCount : LatentPoints::kFew};
  answer_points(scenario, forced, points, [&](const Chunk& chunk) {
    add_chunk(Route::baseline, forced, chunk);
    add_chunk(Route::served, forced, chunk);
    add_chunk(Route::mirrored, forced, chunk);
    if (scenario.scenario().telemetry.mirrored_sampled < 1.0)
      add_chunk(Route::unsampled, forced, chunk);
  });
}

void WindowLaw::add_chunk(Route route, const ForcedPair& forced, const Chunk& chunk) {
  const RouteTraits& traits = traits_of(route);
  // What is forced on an arm that is not asked makes no difference.
  if (!traits.asked[kCandidateArm] && forced[kCandidateArm] != Forced{}) return;
  const Columns& columns = chunk.columns;
  for (std::size_t i = 0; i < columns.size; ++i) {
    std::array<std::uint8_t, 2> events{};
    std::array<bool, 2> bad{};
    for (const std::size_t arm : {kBaselineArm, kCandidateArm}) {
      const ArmColumns& answers = columns.arm[arm];
      if (traits.asked[arm]) events[arm] = answers.events[i] & kTelling;
      bad[arm] = (events[arm] & kError) != 0 ||
                 static_cast<double>(answers.latency[i]) > objectives_.latency_seconds ||
                 static_cast<double>(answers.quality[i]) < objectives_.quality_floor;
    }
    Kind& kind = kind_of(route, forced, events);
    ++kind.count;
    if (!bad[kBaselineArm]) ++(bad[kCandidateArm] ? kind.newly_bad : kind.neither_bad);
    for (const auto& [place, arm] : kind.summed) {
      const Measurement& measurement = measured_[place].measurement;
      const auto number = [&](WorldMetric metric, std::size_t of) {
        const auto value = static_cast<double>(column_of(metric, columns, of)[i]);
        return measurement.kind == Measurement::Kind::log_sum ? std::log(value) : value;
      };
      const auto add = [&kind](double value) { kind.rows.push_back(static_cast<float>(value)); };
      const double y = number(measurement.metric, arm);
      add(y);
      add(y * y);
      if (numbers_of(measurement) == kOfOne) continue;
      const double x = measurement.pairs ? number(measurement.metric, kCandidateArm)
                                         : number(*measurement.covariate, arm);
      add(x);
      add(x * x);
      add(x * y);
    }
    if (traits.costs) {
      const float candidate = columns.arm[kCandidateArm].cost[i];
      kind.rows.push_back(route == Route::served ? candidate - columns.arm[kBaselineArm].cost[i]
                                                 : candidate);
    }
    for (const auto& [place, stretches, values] : kind.listed)
      kind.rows.push_back(
          forced == ForcedPair{}
              ? values_[place.measurement][place.arm][chunk.first + i]
              : column_of(measured_[place.measurement].measurement.metric, columns, place.arm)[i]);
  }
}

WindowLaw::Kind& WindowLaw::kind_of(Route route, const ForcedPair& forced,
                                    std::array<std::uint8_t, 2> events) {
  std::vector<Kind>& kinds = kinds_[static_cast<std::size_t>(route)];
  for (Kind& kind : kinds)
    if (kind.forced == forced && kind.events == events) return kind;
  Kind& kind = kinds.emplace_back();
  kind.forced = forced;
  kind.events = events;
  find_places(route, kind);
  return kind;
}

void WindowLaw::find_places(Route route, Kind& kind) const {
  for (const std::size_t arm : {kBaselineArm, kCandidateArm}) {
    if (!traits_of(route).measured[arm]) continue;
    for (std::size_t i = 0; i < measured_.size(); ++i) {
      const Measurement& measurement = measured_[i].measurement;
      if (is_event(measurement.metric)) continue;
      if (measurement.pairs) {
        if (arm == kBaselineArm && counts_as_pair(measurement.scope, route, kind.events))
          kind.summed.push_back({i, arm});
      } else if (counts(measurement.scope, kind.events[arm], is_seen(route, arm))) {
        if (is_distribution(measurement))
          kind.listed.push_back({.place = {i, arm}, .stretch_of_cell = {}, .stretches = {}});
        else
          kind.summed.push_back({i, arm});
      }
    }
  }
}

// ---- one stretch of time ----

double WindowLaw::probability(Route route, const ForcedPair& forced,
                              const ArmLaws& laws) const noexcept {
  double product = 1.0;
  const auto happens = [&product](bool does, double probability) {
    product *= does ? probability : 1.0 - probability;
  };
  for (const std::size_t arm : {kBaselineArm, kCandidateArm}) {
    if (!traits_of(route).asked[arm]) continue;
    happens(forced[arm].error, laws.arm[arm].error);
    happens(forced[arm].collapse, laws.arm[arm].collapse);
    happens(forced[arm].hang, laws.arm[arm].hang);
  }
  return product;
}

RouteCounts WindowLaw::add(Route route, double mean, const ArmLaws& laws, bool harmed,
                           Stream& stream, std::span<Tally* const> tallies, Room& room) const {
  GATEWRIGHT_ASSERT(tallies.size() == measured_.size());
  const RouteTraits& traits = traits_of(route);
  RouteCounts drawn;
  std::array<EventCounts, 2> counted;
  std::array<double, SumLaw::kMostWide> sums;  // NOLINT: a kind's width of them are cleared
  for (const Kind& kind : kinds_[static_cast<std::size_t>(route)]) {
    const std::uint64_t n =
        draw_poisson(stream, mean * probability(route, kind.forced, laws) * kind.share);
    if (n == 0) continue;
    drawn.requests += n;
    const SumLaw& law = *kind.sums;
    std::fill_n(sums.begin(), law.width(), 0.0);
    add_numbers(kind, n, stream, std::span(sums).first(law.width()), tallies, room);
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

void WindowLaw::add_numbers(const Kind& kind, std::uint64_t n, Stream& stream,
                            std::span<double> sums, std::span<Tally* const> tallies,
                            Room& room) const {
  const SumLaw& law = *kind.sums;
  if (kind.listed.empty()) {
    law.add(n, stream, sums);
    return;
  }
  law.add(n, stream, sums, room.drawn);
  for (std::size_t l = 0; l < kind.listed.size(); ++l) {
    const Place& place = kind.listed[l].place;
    add_values(kind, l, stream, (*tallies[place.measurement])[place.arm], room);
  }
}

/// The values of the l-th distribution, of rows that were drawn.
void WindowLaw::add_values(const Kind& kind, std::size_t l, Stream& stream, ArmTally& tally,
                           Room& room) const {
  const SumLaw& law = *kind.sums;
  const Listed& listed = kind.listed[l];
  const bool is_whole =
      measured_[listed.place.measurement].measurement.kind == Measurement::Kind::histogram;
  room.counts.assign(listed.stretches.size(), 0);
  for (std::size_t c = 0; c < room.drawn.cells.size(); ++c)
    room.counts[listed.stretch_of_cell[c]] += room.drawn.cells[c];
  const auto is_known = [&](std::size_t stretch) {
    return room.drawn.has_all_rows || room.counts[stretch] <= SumLaw::kSingly;
  };
  for (const std::uint32_t r : room.drawn.rows) {
    if (!is_known(listed.stretch_of_cell[law.cell(r)])) continue;
    const float value = law.row(r)[law.width() + l];
    if (is_whole)
      tally.bins.add(static_cast<double>(value));
    else
      tally.values.push_back(value);
  }
  for (std::size_t s = 0; s < room.counts.size(); ++s) {
    if (is_known(s)) continue;
    if (is_whole)
      split_over_bins(listed.stretches[s], room.counts[s], stream, tally.bins);
    else
      tally.ranges.add({listed.stretches[s], room.counts[s]}, stream());
  }
}

void WindowLaw::tally_sums(const Kind& kind, std::uint64_t n, std::span<const double> sums,
                           std::span<Tally* const> tallies) const {
  const double* next = sums.data();
  for (const auto& [place, arm] : kind.summed) {
    const Measurement& measurement = measured_[place].measurement;
    Tally& tally = *tallies[place];
    tally[arm].summary += {n, next[0], next[1]};
    if (measurement.pairs) {
      tally[kCandidateArm].summary += {n, next[2], next[3]};
      tally[kCandidateArm].covariate.sum_of_products += next[4];
    } else if (measurement.covariate) {
      tally[arm].covariate += {next[2], next[3], next[4]};
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
  if (!any_rating_ || !seen) return;
  counts.down = draw_binomial(stream, {counts.answered, law.thumbs_down});
  if (law.thumbs_down < 1.0)
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
