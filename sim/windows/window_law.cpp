#include "sim/windows/window_law.h"

#include <algorithm>
#include <cmath>
#include <limits>
#include <map>
#include <memory>
#include <numeric>
#include <string>
#include <utility>

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
/// x, x^2 and x y; squares and products about a middle, or a square would be little more than its number
/// once more, and what is its own, which is skewed, would drown in it.
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

/// Beyond so many requests in the shorter side the next cut beside its quantile says nothing more: those
/// next to the quantile are too many to be known. Beyond a quarter of them the quantile is seldom so far off
/// that it is beyond that cut, and the one after it says nothing more.
constexpr double kCrowd = 25.0;

/// A probability, and for how many requests the law is cut there.
struct CutAt {
  double probability;
  double until;
};

/// Where the law of a number is cut: at each quantile that is asked for, and where it leaves twice and
/// four times as many on the shorter side, so that of few requests those near the quantile are known.
std::vector<CutAt> cut_at(const Measured& measured, std::size_t per_quantile) {
  constexpr double kAlways = std::numeric_limits<double>::infinity();
  std::vector<CutAt> cuts;
  for (const double p : measured.probabilities) {
    const double side = std::min(p, 1.0 - p);
    for (std::size_t i = 0; i < per_quantile; ++i) {
      const double wider = std::ldexp(side, static_cast<int>(i));
      const double until =
          i == 0 ? kAlways : std::ldexp(kCrowd / side, 2 - 2 * static_cast<int>(i));
      if (i == 0 || wider < 0.5) cuts.push_back({p < 0.5 ? wider : 1.0 - wider, until});
    }
  }
  if (measured.probabilities.empty())
    for (const double p : kAsAWhole) cuts.push_back({p, kAlways});
  std::ranges::sort(cuts, [](const CutAt& a, const CutAt& b) {
    return std::pair(a.probability, b.until) < std::pair(b.probability, a.until);
  });
  // Of two close ones the one that serves longer.
  std::vector<CutAt> apart;
  for (const CutAt& cut : cuts) {
    if (apart.empty() || cut.probability - apart.back().probability >= 1e-3)
      apart.push_back(cut);
    else if (cut.until > apart.back().until)
      apart.back() = cut;
  }
  return apart;
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

/// So many values are put into bins one by one in the time that it takes to split values off for one bin.
constexpr std::uint64_t kValuesPerBin = 8;

/// A law that is dense is listed at so many places a row, so that quantiles of many requests take no steps.
constexpr std::size_t kValuesPerRow = 4;

/// How many of some rows' mass lie in a row, in fine rows.
constexpr std::uint64_t mass_of(bool is_fine) noexcept { return is_fine ? 1 : SumLaw::kFine; }

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

/// A net, and how the arms answer it. A latent of the arm that is mixed second is a mixture of several
/// points' coordinates, and less even; the law is the same with the arms' latents exchanged.
struct WindowLaw::Points {
  const LatentPoints& points;
  bool is_candidate_first = false;
  /// Whether the first arm's output is mixed before the input, so that latencies and costs, each, hang
  /// on two coordinates; the second arm's answers do not count then.
  bool is_for_one = false;
  bool are_fine = false;     ///< those of a tail
  bool are_of_parts = true;  ///< some of them are in another net
  std::size_t before = 0;    ///< points in the nets before this one
};

/// Some points, answered by both arms.
struct WindowLaw::Chunk {
  explicit Chunk(const Points& of) : points(of) {}
  Points points;
  std::size_t first = 0;  ///< number of its first point
  Columns columns;
  Column<float> normal, ttft, quality;
  Column<Word> constant;
};

WindowLaw::WindowLaw(const PreparedScenario& scenario, std::span<const Measured> measured,
                     const ArmLaws& laws)
    : laws_(laws),
      measured_(measured.begin(), measured.end()),
      centres_(measured.size()),
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
  find_centres(scenario);
  find_cuts(scenario);
  for (const Forced& baseline : all)
    for (const Forced& candidate : all) add_points(scenario, {baseline, candidate});

  values_.clear();
  for (std::vector<Kind>& kinds : kinds_)
    for (Kind& kind : kinds) complete(kind);
}

/// What stands for answers without mishaps, which are most, is finer than for the others; mishaps of both
/// arms are rare.
const LatentPoints& WindowLaw::net_of(const ForcedPair& forced) {
  if (forced == ForcedPair{}) return LatentPoints::instance();
  const bool is_one_arm = forced[kBaselineArm] == Forced{} || forced[kCandidateArm] == Forced{};
  return is_one_arm ? LatentPoints::some() : LatentPoints::few();
}

/// The rows of a kind are known.
void WindowLaw::complete(Kind& kind) const {
  const auto mass =
      static_cast<double>((kind.count - kind.fine) * mass_of(false) + kind.fine * mass_of(true));
  kind.share = mass / static_cast<double>(mass_of(false) * net_of(kind.forced).size());
  kind.newly_bad /= mass;
  kind.neither_bad /= mass;
  const std::size_t width = kind.rows.size() / kind.count;
  SumLaw::Table table{
      .numbers = {}, .width = width, .summed = width - kind.listed.size(), .fine = kind.fine};
  if (!kind.listed.empty()) table.cell = divide(kind, width, table.merged);
  table.numbers = std::move(kind.rows);
  kind.sums.emplace(std::move(table));
}

/// Cells are the combinations of stretches that occur; per row. Where cuts serve no longer, cells merge.
std::vector<std::uint16_t> WindowLaw::divide(Kind& kind, std::size_t width,
                                             std::vector<SumLaw::Table::Merging>& merged) const {
  const std::size_t listed = kind.listed.size();
  std::vector<double> ends;  ///< of cuts
  const auto cuts_of = [this, &kind](std::size_t l) -> const std::vector<Cut>& {
    const Place& place = kind.listed[l].place;
    return cuts_[place.measurement][place.arm];
  };
  for (std::size_t l = 0; l < listed; ++l)
    for (const Cut& cut : cuts_of(l))
      if (std::isfinite(cut.until)) ends.push_back(cut.until);
  std::ranges::sort(ends);
  ends.erase(std::ranges::unique(ends).begin(), ends.end());

  using Signature = std::string;  ///< numbers of stretches, as characters
  std::map<Signature, std::uint16_t> cells;
  std::vector<Signature> signatures;  ///< per cell
  std::vector<std::uint16_t> cell_of_row;
  cell_of_row.reserve(kind.count);
  std::vector<std::uint8_t> stretch_of_row(kind.count * listed);
  Signature signature(listed, '\0');
  for (std::size_t r = 0; r < kind.count; ++r) {
    for (std::size_t l = 0; l < listed; ++l) {
      const float value = kind.rows[(r + 1) * width - listed + l];
      const auto cut = std::ranges::upper_bound(cuts_of(l), value, {}, &Cut::at);
      signature[l] = static_cast<char>(cut - cuts_of(l).begin());
      stretch_of_row[l * kind.count + r] = static_cast<std::uint8_t>(signature[l]);
    }
    const auto next = static_cast<std::uint16_t>(cells.size());
    const auto [cell, is_new] = cells.try_emplace(signature, next);
    cell_of_row.push_back(cell->second);
    if (is_new) signatures.push_back(signature);
  }
  for (std::size_t l = 0; l < listed; ++l) {
    find_stretches(kind, width, l, std::span(stretch_of_row).subspan(l * kind.count, kind.count));
    for (const Signature& one : signatures)
      kind.listed[l].divisions.front().stretch_of_cell.push_back(static_cast<std::uint8_t>(one[l]));
  }

  for (const double end : ends) {
    SumLaw::Table::Merging& merging = merged.emplace_back();
    merging.from = static_cast<std::uint64_t>(std::ceil(end));
    std::vector<std::string> into(listed);  ///< per stretch
    for (std::size_t l = 0; l < listed; ++l) {
      Listed& one = kind.listed[l];
      Listed::Division& division = one.divisions.emplace_back();
      const std::vector<Stretch>& fine = one.divisions.front().stretches;
      char number = 0;
      for (std::size_t s = 0; s < fine.size(); ++s) {
        if (s > 0 && cuts_of(l)[s - 1].until > end) ++number;
        into[l].push_back(number);
        if (static_cast<std::size_t>(number) == division.stretches.size()) {
          division.stretches.push_back(fine[s]);
        } else if (!fine[s].among.empty()) {
          std::span<const float>& among = division.stretches.back().among;
          among = among.empty() ? fine[s].among
                                : std::span(among.data(), among.size() + fine[s].among.size());
        }
      }
    }
    std::map<Signature, std::uint16_t> of_merged;
    for (Signature one : signatures) {
      for (std::size_t l = 0; l < listed; ++l) one[l] = into[l][static_cast<std::size_t>(one[l])];
      const auto next = static_cast<std::uint16_t>(of_merged.size());
      const auto [cell, is_new] = of_merged.try_emplace(one, next);
      merging.cell.push_back(cell->second);
      if (!is_new) continue;
      for (std::size_t l = 0; l < listed; ++l)
        kind.listed[l].divisions.back().stretch_of_cell.push_back(
            static_cast<std::uint8_t>(one[l]));
    }
  }
  return cell_of_row;
}

/// Numbers of a stretch are equally likely, so that kFine neighbours among those of fine rows are one.
void WindowLaw::find_stretches(Kind& kind, std::size_t width, std::size_t listed,
                               std::span<const std::uint8_t> stretch_of_row) const {
  struct Value {
    float value;
    std::uint32_t mass;
  };
  Listed& one = kind.listed[listed];
  const bool is_whole =
      measured_[one.place.measurement].measurement.kind == Measurement::Kind::histogram;
  // Tokens are whole numbers; all others have neighbours as close as one likes.
  const WorldMetric metric = measured_[one.place.measurement].measurement.metric;
  const bool is_of_tokens =
      metric == WorldMetric::input_tokens || metric == WorldMetric::output_tokens;
  const bool is_dense = !is_whole && !is_of_tokens;
  std::vector<std::vector<Value>> values(cuts_[one.place.measurement][one.place.arm].size() + 1);
  for (std::size_t r = 0; r < kind.count; ++r)
    values[stretch_of_row[r]].push_back(
        {kind.rows[(r + 1) * width - kind.listed.size() + listed],
         static_cast<std::uint32_t>(mass_of(r >= kind.count - kind.fine))});
  std::vector<std::size_t> sizes;
  for (std::vector<Value>& stretch : values) {
    // The variance of a whole distribution hangs on its end.
    const bool is_end = is_whole && &stretch == &values.back();
    const std::size_t per_row = is_end ? SumLaw::kFine : is_dense ? kValuesPerRow : 1;
    std::ranges::sort(stretch, {}, &Value::value);
    std::uint64_t mass = 0;
    for (const Value& value : stretch) mass += value.mass;
    // A stretch of fine rows alone keeps them.
    const std::size_t fewest = std::min<std::size_t>(stretch.size(), SumLaw::kFine);
    const std::size_t size =
        std::max<std::size_t>(fewest, (per_row * mass + SumLaw::kFine / 2) / SumLaw::kFine);
    // Each slot takes what stands at its middle, between the middles of two rows.
    double below = 0.0;  // mass up to the middle of the row at `next`
    std::size_t next = 0;
    const auto half = [&stretch](std::size_t i) { return 0.5 * stretch[i].mass; };
    if (!stretch.empty()) below = half(0);
    for (std::size_t i = 0; i < size; ++i) {
      const double middle =
          (static_cast<double>(i) + 0.5) * static_cast<double>(mass) / static_cast<double>(size);
      while (next + 1 < stretch.size() && below + half(next) + half(next + 1) <= middle) {
        below += half(next) + half(next + 1);
        ++next;
      }
      const bool is_between = (is_dense || is_end) && below <= middle && next + 1 < stretch.size();
      const double low = stretch[next].value;
      const double value = is_between ? low + (static_cast<double>(stretch[next + 1].value) - low) *
                                                  (middle - below) / (half(next) + half(next + 1))
                                      : low;
      one.values.push_back(static_cast<float>(is_of_tokens ? std::nearbyint(value) : value));
    }
    sizes.push_back(size);
  }
  if (is_whole)
    for (const float value : one.values)
      one.bins.push_back(
          static_cast<std::uint16_t>(HistogramGrid::bin(static_cast<double>(value))));
  Listed::Division& division = one.divisions.emplace_back();
  std::size_t first = 0;
  for (const std::size_t size : sizes) {
    Stretch& stretch = division.stretches.emplace_back();
    stretch.among = std::span(one.values).subspan(first, size);
    if (is_whole) {
      stretch.bins = std::span(one.bins).subspan(first, size);
      for (const std::uint16_t bin : stretch.bins) {
        if (stretch.runs.empty() || stretch.runs.back().bin != bin)
          stretch.runs.push_back({bin, 0});
        ++stretch.runs.back().size;
      }
    }
    first += size;
  }
}

void WindowLaw::find_centres(const PreparedScenario& scenario) {
  answer_points(scenario, {}, Points{.points = LatentPoints::few()}, [this](const Chunk& chunk) {
    for (std::size_t m = 0; m < measured_.size(); ++m) {
      const Measurement& measurement = measured_[m].measurement;
      if (is_event(measurement.metric) || is_distribution(measurement)) continue;
      const auto add_mean = [&](double& to, WorldMetric metric, std::size_t arm) {
        for (const float value : column_of(metric, chunk.columns, arm)) {
          const auto number = static_cast<double>(value);
          to += (measurement.kind == Measurement::Kind::log_sum ? std::log(number) : number) /
                static_cast<double>(LatentPoints::kFew);
        }
      };
      for (const std::size_t arm : {kBaselineArm, kCandidateArm}) {
        auto& [centre, beside] = centres_[m][arm];
        add_mean(centre, measurement.metric, arm);
        if (measurement.pairs) add_mean(beside, measurement.metric, kCandidateArm);
        if (measurement.covariate) add_mean(beside, *measurement.covariate, arm);
      }
    }
  });
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
  const auto number = [this](const Place& place, const Chunk& chunk) -> const sim::Column<float>& {
    return column_of(measured_[place.measurement].measurement.metric, chunk.columns, place.arm);
  };
  for (const bool is_candidate_first : {false, true}) {
    const Points many{.points = LatentPoints::fine(),
                      .is_candidate_first = is_candidate_first,
                      .is_for_one = true};
    answer_points(scenario, {}, many, [&](const Chunk& chunk) {
      for (auto& [place, values] : columns)
        if ((place.arm == kCandidateArm) == is_candidate_first)
          for (const float value : std::span(number(place, chunk)).first(chunk.columns.size))
            values.push_back(value);
    });
  }
  for (Column& column : columns) std::ranges::sort(column.values);

  // Each point gets the number that stands at its rank where there are many more points.
  struct Ranked {
    float value;
    std::uint32_t point;
  };
  for (const LatentPoints* net : {&LatentPoints::some(), &LatentPoints::instance()}) {
    std::vector<std::array<std::vector<Ranked>, 2>> ranked(columns.size());
    for_nets(*net, [&](const Points& points) {
      answer_points(scenario, {}, points, [&](const Chunk& chunk) {
        for (std::size_t c = 0; c < columns.size(); ++c)
          for (std::size_t i = 0; i < chunk.columns.size; ++i)
            if (!points.points.is_left_out(chunk.first + i))
              ranked[c][points.is_candidate_first ? 1 : 0].push_back(
                  {number(columns[c].place, chunk)[i],
                   static_cast<std::uint32_t>(points.before + chunk.first + i)});
      });
    });
    // The last ones are finer than the many points are.
    constexpr double kLast = static_cast<double>(LatentPoints::kMany - LatentPoints::kTail);
    for (std::size_t c = 0; c < columns.size(); ++c) {
      const auto& [place, values] = columns[c];
      for (std::size_t order = 0; order < 2; ++order) {
        std::vector<Ranked>& points = ranked[c][order];
        std::ranges::stable_sort(points, {}, &Ranked::value);
        std::vector<float>& exact =
            values_[place.measurement][place.arm][order][net == &LatentPoints::instance() ? 1 : 0];
        exact.resize(net->size() + LatentPoints::kTails.size() * LatentPoints::kInTail);
        std::uint64_t below = 0;
        for (const auto& [value, point] : points) {
          const std::uint64_t mass = mass_of(point >= net->size());
          const double rank = (static_cast<double>(below) + 0.5 * static_cast<double>(mass)) *
                              static_cast<double>(LatentPoints::kMany) /
                              static_cast<double>(net->size() * mass_of(false));
          exact[point] = rank < kLast ? values[static_cast<std::size_t>(rank)] : value;
          below += mass;
        }
      }
    }
  }
  std::size_t per_quantile = kMostCuts;
  for (; per_quantile > 1; --per_quantile) {
    std::size_t cells = 1;
    for (const Measured& measured : measured_)
      if (is_distribution(measured.measurement)) cells *= cut_at(measured, per_quantile).size() + 1;
    if (cells <= kManyCells) break;
  }
  for (const auto& [place, values] : columns) {
    std::vector<Cut>& cuts = cuts_[place.measurement][place.arm];
    for (const auto& [p, until] : cut_at(measured_[place.measurement], per_quantile)) {
      const float at = values[static_cast<std::size_t>(p * static_cast<double>(values.size()))];
      if (cuts.empty() || cuts.back().at != at)
        cuts.push_back({at, until});
      else
        cuts.back().until = std::max(cuts.back().until, until);
    }
  }
}

template <typename Take>
void WindowLaw::answer_points(const PreparedScenario& scenario, const ForcedPair& forced,
                              Points asked, Take take) const {
  const LatentPoints& points = asked.points;
  const std::size_t count = points.size();
  const WorldTables& tables = scenario.tables();
  const Arm& arm_numbers = scenario.scenario().baseline;
  const auto chunk = std::make_unique<Chunk>(asked);
  Columns& columns = chunk->columns;
  // Events are forced, so that every uniform may be the same.
  chunk->constant.fill(kWords / 2);
  const auto mix = [&](Latent latent, std::size_t first, Column<float>& out) {
    const auto& weights = tables.mixing.weights[index_of(latent)];
    for (std::size_t i = 0; i < columns.size; ++i) {
      double z = 0.0;
      for (std::size_t l = 0; l <= index_of(latent); ++l)
        if (weights[l] != 0.0)
          z += weights[l] * static_cast<double>(points.scores(static_cast<Latent>(l))[first + i]);
      out[i] = static_cast<float>(z);
    }
  };
  for (std::size_t first = 0; first < count; first += kChunk) {
    columns.size = std::min(kChunk, count - first);
    mix(asked.is_for_one ? Latent::baseline_output : Latent::input, first, chunk->normal);
    tables.input_tokens.fill(chunk->normal, columns.input_tokens.data());
    if (!laws_.input_tokens.is_identity())
      for (float& tokens : columns.input_tokens) {
        const double changed = laws_.input_tokens(static_cast<double>(tokens));
        tokens = static_cast<float>(std::max(1.0, std::nearbyint(changed)));
      }
    for (const std::size_t arm : {kBaselineArm, kCandidateArm}) {
      const bool is_first = (arm == kCandidateArm) == asked.is_candidate_first;
      ArmColumns& out = columns.arm[arm];
      const Latent first_output = asked.is_for_one ? Latent::input : Latent::baseline_output;
      mix(is_first ? first_output : Latent::candidate_output, first, chunk->normal);
      tables.output_tokens.fill(chunk->normal, out.output_tokens.data());
      mix(is_first ? Latent::baseline_ttft : Latent::candidate_ttft, first, chunk->ttft);
      mix(is_first ? Latent::baseline_quality : Latent::candidate_quality, first, chunk->quality);
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
             {0, columns.size}, out);
    }
    chunk->first = first;
    take(*chunk);
  }
}

void WindowLaw::add_points(const PreparedScenario& scenario, const ForcedPair& forced) {
  for_nets(net_of(forced), [&](const Points& points) {
    answer_points(scenario, forced, points, [&](const Chunk& chunk) {
      if (points.is_candidate_first) {
        add_chunk(Route::served, forced, chunk);
        return;
      }
      add_chunk(Route::baseline, forced, chunk);
      add_chunk(Route::mirrored, forced, chunk);
      if (scenario.scenario().telemetry.mirrored_sampled < 1.0)
        add_chunk(Route::unsampled, forced, chunk);
    });
  });
}

template <typename Take>
void WindowLaw::for_nets(const LatentPoints& all, Take take) {
  static_assert(LatentPoints::kInTail == LatentPoints::kTail * SumLaw::kFine);
  const bool has_tails = all.size() != LatentPoints::kFew;
  for (const bool is_candidate_first : {false, true}) {
    take(
        Points{.points = all, .is_candidate_first = is_candidate_first, .are_of_parts = has_tails});
    if (!has_tails) continue;
    for (std::size_t tail = 0; tail < LatentPoints::kTails.size(); ++tail)
      take(Points{.points = LatentPoints::tail(tail, all),
                  .is_candidate_first = is_candidate_first,
                  .are_fine = true,
                  .before = all.size() + tail * LatentPoints::kInTail});
  }
}

void WindowLaw::add_chunk(Route route, const ForcedPair& forced, const Chunk& chunk) {
  const RouteTraits& traits = traits_of(route);
  // What is forced on an arm that is not asked makes no difference.
  if (!traits.asked[kCandidateArm] && forced[kCandidateArm] != Forced{}) return;
  const Columns& columns = chunk.columns;
  const auto& [points, is_candidate_first, is_for_one, are_fine, are_of_parts, before] =
      chunk.points;
  const std::uint64_t mass = mass_of(are_fine);
  for (std::size_t i = 0; i < columns.size; ++i) {
    if (are_of_parts && points.is_left_out(chunk.first + i)) continue;
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
    if (are_fine) ++kind.fine;
    if (!bad[kBaselineArm])
      (bad[kCandidateArm] ? kind.newly_bad : kind.neither_bad) += static_cast<double>(mass);
    for (const auto& [place, arm] : kind.summed) {
      const Measurement& measurement = measured_[place].measurement;
      const auto number = [&](WorldMetric metric, std::size_t of) {
        const auto value = static_cast<double>(column_of(metric, columns, of)[i]);
        return measurement.kind == Measurement::Kind::log_sum ? std::log(value) : value;
      };
      const auto add = [&kind](double value) { kind.rows.push_back(static_cast<float>(value)); };
      const auto& [centre, beside] = centres_[place][arm];
      const double y = number(measurement.metric, arm);
      add(y);
      add((y - centre) * (y - centre));
      if (numbers_of(measurement) == kOfOne) continue;
      const double x = measurement.pairs ? number(measurement.metric, kCandidateArm)
                                         : number(*measurement.covariate, arm);
      add(x);
      add((x - beside) * (x - beside));
      add((x - beside) * (y - centre));
    }
    if (traits.costs) {
      const float candidate = columns.arm[kCandidateArm].cost[i];
      kind.rows.push_back(route == Route::served ? candidate - columns.arm[kBaselineArm].cost[i]
                                                 : candidate);
    }
    for (const Listed& listed : kind.listed) {
      const auto [place, arm] = listed.place;
      // What has no mishap at this arm.
      const std::vector<float>& exact =
          values_[place][arm][is_candidate_first ? 1 : 0][forced == ForcedPair{} ? 1 : 0];
      kind.rows.push_back(forced[arm] == Forced{}
                              ? exact[before + chunk.first + i]
                              : column_of(measured_[place].measurement.metric, columns, arm)[i]);
    }
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
          kind.listed.push_back({.place = {i, arm}, .values = {}, .bins = {}, .divisions = {}});
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
  const std::vector<Kind>& kinds = kinds_[static_cast<std::size_t>(route)];
  room.drawn.resize(std::max(room.drawn.size(), kinds.size()));
  room.of_kind.resize(kinds.size());
  // All are drawn before any is looked at: rows are far from each other in memory.
  for (std::size_t k = 0; k < kinds.size(); ++k) {
    const Kind& kind = kinds[k];
    room.of_kind[k] =
        draw_poisson(stream, mean * probability(route, kind.forced, laws) * kind.share);
    if (room.of_kind[k] > 0) kind.sums->draw(room.of_kind[k], stream, room.drawn[k]);
  }
  for (std::size_t k = 0; k < kinds.size(); ++k) {
    const Kind& kind = kinds[k];
    const std::uint64_t n = room.of_kind[k];
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
  room.counts.assign(division.stretches.size(), 0);
  for (std::size_t c = 0; c < drawn.cells.size(); ++c)
    room.counts[division.stretch_of_cell[c]] += drawn.cells[c];
  const auto is_known = [&](std::size_t stretch) {
    return drawn.has_all_rows || room.counts[stretch] <= SumLaw::kSingly;
  };
  // Written without a branch: which rows are known is luck.
  std::size_t kept = tally.values.size();
  tally.values.resize(kept + drawn.rows.size());
  for (std::size_t i = 0; i < drawn.rows.size(); ++i) {
    tally.values[kept] = law.row(drawn.rows[i])[law.width() + l];
    kept += is_known(division.stretch_of_cell[drawn.cell_of_row[i]]) ? 1U : 0U;
  }
  tally.values.resize(kept);
  if (is_whole) {
    for (const float value : tally.values) tally.bins.add(static_cast<double>(value));
    tally.values.clear();
  }
  for (std::size_t s = 0; s < room.counts.size(); ++s) {
    if (is_known(s)) continue;
    if (is_whole)
      split_over_bins(division.stretches[s], room.counts[s], stream, tally.bins);
    else
      tally.ranges.add({division.stretches[s].among, room.counts[s]}, stream());
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
    const auto& [centre, beside] = centres_[place][arm];
    const auto count = static_cast<double>(n);
    const auto squares = [count](double sum, double about, double c) {
      return about + c * (2.0 * sum - count * c);
    };
    Tally& tally = *tallies[place];
    tally[arm].summary += {n, next[0], squares(next[0], next[1], centre)};
    if (numbers_of(measurement) == kOfTwo) {
      const double of_squares = squares(next[2], next[3], beside);
      const double products =
          next[4] + centre * next[2] + beside * next[0] - count * centre * beside;
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
