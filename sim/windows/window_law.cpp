#include "sim/windows/window_law.h"

#include <algorithm>
#include <cmath>
#include <memory>

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

/// Some points, answered by both arms.
struct WindowLaw::Chunk {
  Columns columns;
  Column<float> normal, ttft, quality;
  Column<Word> constant;
};

WindowLaw::WindowLaw(const PreparedScenario& scenario, std::span<const Measurement> measurements,
                     const ArmLaws& laws)
    : laws_(laws),
      measurements_(measurements.begin(), measurements.end()),
      objectives_(scenario.scenario().objectives),
      rate_limited_share_(scenario.scenario().baseline.rate_limited_share) {
  for (const Measurement& measurement : measurements_) {
    any_flag_ |= measurement.metric == WorldMetric::refusal ||
                 measurement.metric == WorldMetric::error_or_refusal;
    any_rejection_ |= measurement.metric == WorldMetric::error_429 ||
                      measurement.metric == WorldMetric::error_5xx;
    any_rating_ |= measurement.metric == WorldMetric::thumbs_down ||
                   measurement.metric == WorldMetric::thumbs_up;
  }
  const Mishaps mishaps = possible_mishaps(scenario.scenario());
  std::vector<Forced> all;
  for (const bool hang : {false, true})
    for (const bool collapse : {false, true})
      for (const bool error : {false, true})
        if ((!hang || mishaps.hang) && (!collapse || mishaps.collapse))
          all.push_back({error, collapse, hang});
  for (const Forced& baseline : all)
    for (const Forced& candidate : all) add_points(scenario, {baseline, candidate});

  for (std::vector<Kind>& kinds : kinds_) {
    for (Kind& kind : kinds) {
      const bool unforced = kind.forced == ForcedPair{};
      const auto points = static_cast<double>(unforced ? LatentPoints::kCount : LatentPoints::kFew);
      const auto count = static_cast<double>(kind.count);
      kind.share = count / points;
      kind.newly_bad /= count;
      kind.neither_bad /= count;
      const std::size_t width = kind.rows.size() / kind.count;
      kind.sums.emplace(std::move(kind.rows), width);
    }
  }
}

void WindowLaw::add_points(const PreparedScenario& scenario, const ForcedPair& forced) {
  const LatentPoints& points = LatentPoints::instance();
  const WorldTables& tables = scenario.tables();
  const Arm& arm_numbers = scenario.scenario().baseline;
  const std::size_t count = forced == ForcedPair{} ? LatentPoints::kCount : LatentPoints::kFew;
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
    add_chunk(Route::baseline, forced, *chunk);
    add_chunk(Route::served, forced, *chunk);
    add_chunk(Route::mirrored, forced, *chunk);
    if (scenario.scenario().telemetry.mirrored_sampled < 1.0)
      add_chunk(Route::unsampled, forced, *chunk);
  }
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
    for (const auto& [measurement, arm] : kind.summed) {
      const auto value =
          static_cast<double>(column_of(measurements_[measurement].metric, columns, arm)[i]);
      const double number =
          measurements_[measurement].kind == Measurement::Kind::log_sum ? std::log(value) : value;
      kind.rows.push_back(static_cast<float>(number));
      kind.rows.push_back(static_cast<float>(number * number));
    }
    if (traits.costs) {
      const float candidate = columns.arm[kCandidateArm].cost[i];
      kind.rows.push_back(route == Route::served ? candidate - columns.arm[kBaselineArm].cost[i]
                                                 : candidate);
    }
    for (const auto& [measurement, arm] : kind.listed)
      kind.rows.push_back(column_of(measurements_[measurement].metric, columns, arm)[i]);
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
    for (std::size_t i = 0; i < measurements_.size(); ++i) {
      const Measurement& measurement = measurements_[i];
      if (is_event(measurement.metric) ||
          !counts(measurement.scope, kind.events[arm], is_seen(route, arm)))
        continue;
      (is_distribution(measurement) ? kind.listed : kind.summed).push_back({i, arm});
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
                           Stream& stream, std::span<Tally* const> tallies) const {
  GATEWRIGHT_ASSERT(tallies.size() == measurements_.size());
  const RouteTraits& traits = traits_of(route);
  RouteCounts drawn;
  std::array<EventCounts, 2> counted;
  std::array<double, 64> sums;  // NOLINT: a kind's width of them are cleared
  for (const Kind& kind : kinds_[static_cast<std::size_t>(route)]) {
    const std::uint64_t n =
        draw_poisson(stream, mean * probability(route, kind.forced, laws) * kind.share);
    if (n == 0) continue;
    drawn.requests += n;
    const SumLaw& law = *kind.sums;
    std::fill_n(sums.begin(), law.width(), 0.0);
    add_numbers(kind, n, stream, std::span(sums).first(law.width()), tallies);
    for (std::size_t p = 0; p < kind.summed.size(); ++p)
      (*tallies[kind.summed[p].measurement])[kind.summed[p].arm].summary +=
          {n, sums[2 * p], sums[2 * p + 1]};
    if (traits.costs) drawn.cost_usd += sums[2 * kind.summed.size()];
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
                            std::span<double> sums, std::span<Tally* const> tallies) const {
  const SumLaw& law = *kind.sums;
  if (kind.listed.empty()) {
    law.add(n, stream, sums);
    return;
  }
  const std::size_t first = law.width() - kind.listed.size();
  for (std::uint64_t i = 0; i < n; ++i) {
    const std::span<const float> row = law.draw(stream);
    for (std::size_t j = 0; j < first; ++j) sums[j] += static_cast<double>(row[j]);
    for (std::size_t p = 0; p < kind.listed.size(); ++p) {
      ArmTally& tally = (*tallies[kind.listed[p].measurement])[kind.listed[p].arm];
      if (measurements_[kind.listed[p].measurement].kind == Measurement::Kind::histogram)
        tally.bins.add(static_cast<double>(row[first + p]));
      else
        tally.values.push_back(row[first + p]);
    }
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
  for (std::size_t i = 0; i < measurements_.size(); ++i) {
    std::uint64_t happened = 0;
    switch (measurements_[i].metric) {
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
    const MetricScope scope = measurements_[i].scope;
    if (scope == MetricScope::seen && !seen) continue;
    const std::uint64_t of = scope == MetricScope::all ? counts.all : counts.answered;
    const auto sum = static_cast<double>(happened);
    (*tallies[i])[arm].summary += {of, sum, sum};
  }
}

}  // namespace gatewright::sim
