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
#include "sim/arms/normal_scores.h"
#include "sim/kernels/kernels.h"
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

/// Costs that are equal may differ by so much, relative, since they are sums of products.
constexpr float kAlike = 1e-6F;

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
  /// on two coordinates; the second arm does not answer then.
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
      means_(measured.size()),
      cuts_(measured.size()),
      law_(measured.size()),
      exact_(measured.size()),
      objectives_(scenario.scenario().objectives),
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
  const Mishaps mishaps = possible_mishaps(scenario.scenario());
  std::vector<Forced> all;
  for (const bool hang : {false, true})
    for (const bool collapse : {false, true})
      for (const bool error : {false, true})
        if ((!hang || mishaps.hang) && (!collapse || mishaps.collapse))
          all.push_back({error, collapse, hang});
  find_centres(scenario);
  find_means(scenario);
  find_cuts(scenario, all);
  for (const Forced& baseline : all)
    for (const Forced& candidate : all) add_points(scenario, {baseline, candidate});

  for (std::vector<Kind>& kinds : kinds_)
    for (Kind& kind : kinds) complete(kind);
  law_.clear();
  exact_.clear();
}

/// What stands for answers without mishaps, which are most, is finer than for the others; mishaps of both
/// arms are rare.
const LatentPoints& WindowLaw::net_of(const ForcedPair& forced) {
  if (forced == ForcedPair{}) return LatentPoints::instance();
  const bool is_one_arm = forced[kBaselineArm] == Forced{} || forced[kCandidateArm] == Forced{};
  return is_one_arm ? LatentPoints::some() : LatentPoints::few();
}

/// Whether the kind's numbers at the arm have the law of all answers without a mishap. Where timeouts take
/// many out, as they do of hanging answers, the other arm's answers to the same prompts are no random ones.
bool WindowLaw::is_whole_law(const Kind& kind, std::size_t arm) noexcept {
  return kind.forced[arm] == Forced{} && kind.events == std::array<std::uint8_t, 2>{} &&
         kind.share > 0.999;
}

/// Tails have some points in common, in the net of all not as many as in the finer ones: the sum is not
/// quite what the net would have without tails.
double WindowLaw::mass_of_all(const LatentPoints& net) {
  const auto count = [](const LatentPoints& of) {
    std::uint64_t mass = 0;
    for_nets(of, [&mass](const Points& points) {
      if (points.is_candidate_first) return;
      for (std::size_t i = 0; i < points.points.size(); ++i)
        if (!points.are_of_parts || !points.points.is_left_out(i)) mass += mass_of(points.are_fine);
    });
    return static_cast<double>(mass);
  };
  static const std::array kMasses = {count(LatentPoints::instance()), count(LatentPoints::some()),
                                     count(LatentPoints::few())};
  if (net.size() == LatentPoints::kCount) return kMasses[0];
  return net.size() == LatentPoints::kSome ? kMasses[1] : kMasses[2];
}

/// The rows of a kind are known.
void WindowLaw::complete(Kind& kind) const {
  const auto mass =
      static_cast<double>((kind.count - kind.fine) * mass_of(false) + kind.fine * mass_of(true));
  kind.share = mass / mass_of_all(net_of(kind.forced));
  kind.newly_bad /= mass;
  kind.neither_bad /= mass;
  const std::size_t width = kind.rows.size() / kind.count;
  SumLaw::Table table{
      .numbers = {}, .width = width, .summed = width - kind.listed.size(), .fine = kind.fine};
  if (!kind.listed.empty()) {
    divide(kind, table);
    find_missing(kind, table);
  }
  table.shift = shift_of(kind, width);
  table.numbers = std::move(kind.rows);
  kind.sums.emplace(std::move(table));
}

/// Cells are the combinations of stretches that occur. Where cuts serve no longer, cells merge.
void WindowLaw::divide(Kind& kind, SumLaw::Table& table) const {
  const std::size_t width = table.width;
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
  table.cell.reserve(kind.count);
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
    table.cell.push_back(cell->second);
    if (is_new) signatures.push_back(signature);
  }
  for (std::size_t l = 0; l < listed; ++l) {
    find_stretches(kind, width, l, std::span(stretch_of_row).subspan(l * kind.count, kind.count));
    for (const Signature& one : signatures)
      kind.listed[l].divisions.front().stretch_of_cell.push_back(static_cast<std::uint8_t>(one[l]));
  }

  for (const double end : ends) {
    SumLaw::Table::Merging& merging = table.merged.emplace_back();
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
}

/// Where a cut lies, a net is wrong by some rows: it has whole ones only, and its points are fewer than
/// they should be. Weights of cells are made to sum up to what every number's stretches should have
/// (iterative proportional fitting, Deming and Stephan 1940).
void WindowLaw::find_missing(const Kind& kind, SumLaw::Table& table) const {
  constexpr int kRounds = 100;  // what is missing is some 1e-5 of the rows
  constexpr double kMostMissing = 1e-3;
  const bool is_without_events = kind.events == std::array<std::uint8_t, 2>{};
  const LatentPoints& net = net_of(kind.forced);
  if (!is_without_events || net.size() == LatentPoints::kFew) return;
  std::vector<double> mass(*std::ranges::max_element(table.cell) + std::size_t{1});
  for (std::size_t r = 0; r < kind.count; ++r)
    mass[table.cell[r]] += static_cast<double>(mass_of(r >= kind.count - kind.fine));
  std::vector<double> weight = mass;
  const double all = mass_of_all(net);
  for (int round = 0; round < kRounds; ++round) {
    for (const Listed& listed : kind.listed) {
      const auto [place, arm] = listed.place;
      const Forced& mishap = kind.forced[arm];
      // Where the other answer hangs, prompts whose answers end in time are no random ones.
      if (mishap.error || kind.forced[1 - arm].hang) continue;
      const std::vector<Cut>& cuts = cuts_[place][arm];
      const std::vector<std::uint8_t>& stretch = listed.divisions.front().stretch_of_cell;
      for (std::size_t cut = 0; cut < cuts.size(); ++cut) {
        if (std::isfinite(cuts[cut].until)) continue;
        double below = 0.0, above = 0.0;
        for (std::size_t c = 0; c < mass.size(); ++c)
          (stretch[c] <= cut ? below : above) += weight[c];
        const double more = cuts[cut].shares[index_of(mishap)] * all - below;
        // Costs fall where long prompts are cheaper, and then lines say nothing.
        const bool is_likely = std::fabs(more) < kMostMissing * all;
        if (!is_likely || below <= 0.0 || above <= more) continue;
        for (std::size_t c = 0; c < mass.size(); ++c)
          weight[c] *= stretch[c] <= cut ? 1.0 + more / below : 1.0 - more / above;
      }
    }
  }
  std::ranges::transform(weight, mass, std::back_inserter(table.missing), std::minus<>());
}

/// Of answers without a mishap, the numbers between two cuts: the law's own, not those of the kind's rows.
/// Empty where rows are all that is known, and where they are finer: at the end of a whole distribution.
std::span<const float> WindowLaw::between_cuts(const Kind& kind, Place place,
                                               std::size_t stretch) const {
  const std::vector<Cut>& cuts = cuts_[place.measurement][place.arm];
  const bool is_end = stretch == cuts.size();
  const bool is_whole =
      measured_[place.measurement].measurement.kind == Measurement::Kind::histogram;
  if (!is_whole_law(kind, place.arm) || (is_end && is_whole)) return {};
  const std::vector<float>& all = law_[place.measurement][place.arm];
  const auto below = [&](float at) { return std::ranges::lower_bound(all, at); };
  return {stretch == 0 ? all.begin() : below(cuts[stretch - 1].at),
          is_end ? all.end() : below(cuts[stretch].at)};
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
    const std::span<const float> right = between_cuts(kind, one.place, sizes.size());
    if (!right.empty()) {
      const std::size_t size = right.size() * (is_dense ? kValuesPerRow : 1) *
                               net_of(kind.forced).size() / LatentPoints::kMany;
      sizes.push_back(std::max<std::size_t>(1, size));
      for (std::size_t i = 0; i < sizes.back(); ++i)
        one.values.push_back(right[(2 * i + 1) * right.size() / (2 * sizes.back())]);
      continue;
    }
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

/// Of answers without mishaps. Numbers hang on two latents and rise with both: on lines of rising latents,
/// evenly spaced, the place where a number crosses `at` is found by halving, and the normal density is
/// summed over the lines, which for smooth laws converges faster than any power of their number
/// (Trefethen and Weideman 2014). Points that are counted would have to be a billion.
double WindowLaw::share_below(const PreparedScenario& scenario, Place place, const Forced& mishap,
                              float at) const {
  ForcedPair forced{};
  forced[place.arm] = mishap;
  constexpr std::size_t kLines = 1'024;
  constexpr double kFar = 7.0;  // beyond are fewer than 1e-11
  constexpr double kApart = 2.0 * kFar / static_cast<double>(kLines);
  constexpr int kHalvings = 25;                         // until floats are equal
  std::array<double, kLines> across, low, high, along;  // NOLINT: filled at once
  for (std::size_t i = 0; i < kLines; ++i)
    across[i] = (static_cast<double>(i) + 0.5) * kApart - kFar;
  low.fill(-kFar);
  high.fill(kFar);
  for (int i = 0; i < kHalvings; ++i) {
    std::ranges::transform(low, high, along.begin(),
                           [](double from, double to) { return std::midpoint(from, to); });
    const LatentPoints points = LatentPoints::in_plane(across, along);
    const Points asked{
        .points = points, .is_candidate_first = place.arm == kCandidateArm, .is_for_one = true};
    answer_points(scenario, forced, asked, [&](const Chunk& chunk) {
      const sim::Column<float>& numbers =
          column_of(measured_[place.measurement].measurement.metric, chunk.columns, place.arm);
      const ArmColumns& answers = chunk.columns.arm[place.arm];
      for (std::size_t k = 0; k < chunk.columns.size; ++k) {
        // An answer that comes too late is billed without its output, so that costs fall again.
        const bool is_below = numbers[k] < at && (answers.events[k] & kTelling) == 0;
        (is_below ? low : high)[chunk.first + k] = along[chunk.first + k];
      }
    });
  }
  double share = 0.0;
  for (std::size_t i = 0; i < kLines; ++i)
    share += kApart * normal_density(across[i]) * normal_cdf(low[i]);
  return share;
}

/// Sorted numbers of many points have shares below them that are wrong by some 1e-5, here more and there
/// less. Near `at`, as far as quantiles of 10,000 requests go astray, their ranks give way to those of the
/// law: between some numbers whose shares are right, on scales on which tails are straight. Numbers stay
/// what they are: costs come in steps.
void WindowLaw::straighten(const PreparedScenario& scenario, float at, Numbers& of) const {
  constexpr int kOnEachSide = 6;
  constexpr double kFarthest = 0.002;  // from one to the next
  std::vector<float>& values = of.values;
  const auto count = static_cast<double>(values.size());
  const auto slack =
      static_cast<std::ptrdiff_t>(1e-4 * count);  // more than shares are ever wrong by
  const double p =
      static_cast<double>(std::ranges::lower_bound(values, at) - values.begin()) / count;
  const double side = std::min(p, 1.0 - p);
  // The shorter a tail, the less its shares are wrong by.
  if (side * count < 50.0 * static_cast<double>(slack)) return;
  const double step = std::min(kFarthest, side / 24.0);
  struct Right {
    double share, of_tail, logarithm;
  };
  std::vector<Right> right;
  const auto of_tail = [p](double share) { return std::log(p < 0.5 ? share : 1.0 - share); };
  for (int i = -kOnEachSide; i <= kOnEachSide; ++i) {
    const float number = values[static_cast<std::size_t>((p + i * step) * count)];
    const auto late = static_cast<double>(
        std::ranges::count_if(of.late, [number](float other) { return other < number; }));
    const double share =
        late / count + std::midpoint(share_below(scenario, of.place, {}, number * (1.0F - kAlike)),
                                     share_below(scenario, of.place, {}, number * (1.0F + kAlike)));
    // Where numbers fall as a latent rises, lines say nothing; where many are equal there is no tail.
    if (!(number > 0.0F) || !(share < 1.0) || (i > -kOnEachSide && share <= right.back().share))
      return;
    right.push_back({share, of_tail(share), std::log(static_cast<double>(number))});
  }
  const auto first = static_cast<std::ptrdiff_t>(right.front().share * count) + 1;
  const auto last = static_cast<std::ptrdiff_t>(right.back().share * count);
  if (first <= slack || last + slack >= std::ssize(values)) return;
  std::vector<float> straight;
  auto next = right.begin() + 1;
  for (auto i = first; i < last; ++i) {
    const double share = (static_cast<double>(i) + 0.5) / count;
    while (next->share < share) ++next;
    const Right& before = *(next - 1);
    const auto value = static_cast<float>(
        std::exp(std::lerp(before.logarithm, next->logarithm,
                           (of_tail(share) - before.of_tail) / (next->of_tail - before.of_tail))));
    const auto lowest = values.begin() + i - slack, highest = values.begin() + i + slack;
    if (!(value >= *lowest && value <= *highest)) return;
    const auto above = std::lower_bound(lowest, highest, value);
    straight.push_back(*above - value < value - *(above - 1) ? *above : *(above - 1));
  }
  std::ranges::copy(straight, values.begin() + first);
  std::ranges::sort(values);
}

/// Right to some 1e-6 of a standard deviation, where rows, whose numbers hang on more latents and which
/// tails cut, are to 1e-4, which 50,000 requests show.
void WindowLaw::find_means(const PreparedScenario& scenario) {
  Column<float> logarithms;
  for (const std::size_t arm : {kBaselineArm, kCandidateArm}) {
    const Points points{.points = LatentPoints::for_means(),
                        .is_candidate_first = arm == kCandidateArm,
                        .is_for_one = true};
    double ended = 0.0;
    answer_points(scenario, {}, points, [&](const Chunk& chunk) {
      const std::uint8_t* events = chunk.columns.arm[arm].events.data();
      const std::size_t size = chunk.columns.size;
      for (std::size_t i = 0; i < size; ++i) ended += (events[i] & kTelling) == 0 ? 1.0 : 0.0;
      for (std::size_t m = 0; m < measured_.size(); ++m) {
        const Measurement& measurement = measured_[m].measurement;
        if (is_event(measurement.metric) || is_distribution(measurement)) continue;
        const auto add = [&](WorldMetric metric, double centre, double& mean, double& square) {
          const float* numbers = column_of(metric, chunk.columns, arm).data();
          if (measurement.kind == Measurement::Kind::log_sum) {
            kernels().log(numbers, logarithms.data(), size);
            numbers = logarithms.data();
          }
          for (std::size_t i = 0; i < size; ++i) {
            if ((events[i] & kTelling) != 0) continue;
            const auto y = static_cast<double>(numbers[i]);
            mean += y;
            square += (y - centre) * (y - centre);
          }
        };
        Means& means = means_[m][arm];
        const Centres& centres = centres_[m][arm];
        add(measurement.metric, centres.of_number, means.of_number, means.of_square);
        if (measurement.covariate)
          add(*measurement.covariate, centres.of_other, means.of_other, means.of_other_square);
      }
    });
    for (std::array<Means, 2>& means : means_)
      for (double* const mean : {&means[arm].of_number, &means[arm].of_square, &means[arm].of_other,
                                 &means[arm].of_other_square})
        *mean /= ended;
  }
  // Of pairs the candidate's number is the one beside.
  for (std::size_t m = 0; m < measured_.size(); ++m) {
    if (!measured_[m].measurement.pairs) continue;
    auto& [baseline, candidate] = means_[m];
    baseline.of_other = candidate.of_number;
    baseline.of_other_square = candidate.of_square;
  }
}

/// What the kind's numbers are short of on average; nothing is known where a mishap or an event is.
std::vector<double> WindowLaw::shift_of(const Kind& kind, std::size_t width) const {
  std::vector<double> shift(width - kind.listed.size());
  std::vector<double> mean(shift.size());
  double all = 0.0;
  for (std::size_t r = 0; r < kind.count; ++r) {
    const auto mass = static_cast<double>(mass_of(r >= kind.count - kind.fine));
    all += mass;
    for (std::size_t j = 0; j < mean.size(); ++j)
      mean[j] += mass * static_cast<double>(kind.rows[r * width + j]);
  }
  std::size_t next = 0;
  const auto add = [&](bool is_known, double right) {
    if (is_known) shift[next] = right - mean[next] / all;
    ++next;
  };
  for (const auto& [place, arm] : kind.summed) {
    const Measurement& measurement = measured_[place].measurement;
    const Means& means = means_[place][arm];
    const bool is_known = is_whole_law(kind, arm);
    add(is_known, means.of_number);
    add(is_known, means.of_square);
    if (numbers_of(measurement) == kOfOne) continue;
    const bool is_other_known = measurement.pairs ? is_whole_law(kind, kCandidateArm) : is_known;
    add(is_other_known, means.of_other);
    add(is_other_known, means.of_other_square);
    add(false, 0.0);
  }
  return shift;
}

/// Where all answers together, mishaps included, have their quantiles: roughly, so that few of them do.
/// `lawful`: sorted numbers of those without.
std::vector<float> WindowLaw::quantiles_of_all(const PreparedScenario& scenario, Place place,
                                               std::span<const float> lawful,
                                               std::span<const Forced> mishaps,
                                               std::span<const double> probabilities) const {
  struct Weighted {
    float value;
    double weight;
  };
  constexpr std::size_t kFew = LatentPoints::kFew;
  std::vector<Weighted> answers;
  double all = 0.0;
  const auto add = [&](float value, double weight) {
    answers.push_back({value, weight});
    all += weight;
  };
  const MetricScope scope = measured_[place.measurement].measurement.scope;
  for (const Forced& mishap : mishaps) {
    const double weight = probability(mishap, laws_.arm[place.arm]) / static_cast<double>(kFew);
    if (mishap == Forced{}) {
      for (std::size_t i = 0; i < kFew; ++i)
        add(lawful[(2 * i + 1) * lawful.size() / (2 * kFew)], weight);
      continue;
    }
    ForcedPair forced{};
    forced[place.arm] = mishap;
    const Points points{.points = LatentPoints::few(),
                        .is_candidate_first = place.arm == kCandidateArm,
                        .is_for_one = true};
    answer_points(scenario, forced, points, [&](const Chunk& chunk) {
      const sim::Column<float>& numbers =
          column_of(measured_[place.measurement].measurement.metric, chunk.columns, place.arm);
      for (std::size_t i = 0; i < chunk.columns.size; ++i)
        if (counts(scope, chunk.columns.arm[place.arm].events[i] & kTelling, true))
          add(numbers[i], weight);
    });
  }
  std::ranges::sort(answers, {}, &Weighted::value);
  std::vector<float> found;
  auto next = answers.begin();
  double below = 0.0;
  for (const double p : probabilities) {
    while (next + 1 != answers.end() && below + next->weight < p * all) below += (next++)->weight;
    found.push_back(next->value);
  }
  return found;
}

/// All kinds are cut where all answers have the quantiles that are asked for, so that their stretches are
/// the same.
void WindowLaw::find_cuts(const PreparedScenario& scenario, std::span<const Forced> mishaps) {
  std::vector<Numbers> columns;
  for (std::size_t i = 0; i < measured_.size(); ++i)
    if (is_distribution(measured_[i].measurement))
      for (const std::size_t arm : {kBaselineArm, kCandidateArm})
        columns.push_back({{i, arm}, {}, {}});
  if (columns.empty()) return;
  const auto number = [this](const Place& place, const Chunk& chunk) -> const sim::Column<float>& {
    return column_of(measured_[place.measurement].measurement.metric, chunk.columns, place.arm);
  };
  for (const bool is_candidate_first : {false, true}) {
    const Points many{.points = LatentPoints::fine(),
                      .is_candidate_first = is_candidate_first,
                      .is_for_one = true};
    answer_points(scenario, {}, many, [&](const Chunk& chunk) {
      for (auto& [place, values, late] : columns) {
        if ((place.arm == kCandidateArm) != is_candidate_first) continue;
        for (std::size_t i = 0; i < chunk.columns.size; ++i) {
          values.push_back(number(place, chunk)[i]);
          if ((chunk.columns.arm[place.arm].events[i] & kTelling) != 0)
            late.push_back(values.back());
        }
      }
    });
  }
  for (Numbers& of : columns) std::ranges::sort(of.values);

  std::size_t per_quantile = kMostCuts;
  for (; per_quantile > 1; --per_quantile) {
    std::size_t cells = 1;
    for (const Measured& measured : measured_)
      if (is_distribution(measured.measurement)) cells *= cut_at(measured, per_quantile).size() + 1;
    if (cells <= kManyCells) break;
  }
  for (Numbers& of : columns) {
    auto& [place, values, late] = of;
    std::vector<Cut>& cuts = cuts_[place.measurement][place.arm];
    const std::vector<CutAt> wanted = cut_at(measured_[place.measurement], per_quantile);
    std::vector<double> probabilities;
    for (const CutAt& cut : wanted) probabilities.push_back(cut.probability);
    const std::vector<float> quantiles =
        quantiles_of_all(scenario, place, values, mishaps, probabilities);
    for (std::size_t i = 0; i < wanted.size(); ++i) {
      const float at = quantiles[i] * (1.0F - kAlike);  // not among equal numbers
      const double until = wanted[i].until;
      if (!measured_[place.measurement].probabilities.empty() && std::isinf(until))
        straighten(scenario, at, of);
      if (cuts.empty() || cuts.back().at != at)
        cuts.push_back({at, until});
      else
        cuts.back().until = std::max(cuts.back().until, until);
    }
    for (Cut& cut : cuts) {
      if (std::isfinite(cut.until)) continue;
      for (const Forced& mishap : mishaps)
        if (!mishap.error)
          cut.shares[index_of(mishap)] = share_below(scenario, of.place, mishap, cut.at);
    }
  }

  // Each point gets the number that stands at its rank where there are many more points.
  struct Ranked {
    float value;
    std::uint32_t point;
  };
  for (const LatentPoints* net : {&LatentPoints::some(), &LatentPoints::instance()}) {
    const double all = mass_of_all(*net);
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
      const auto& [place, values, late] = columns[c];
      for (std::size_t order = 0; order < 2; ++order) {
        std::vector<Ranked>& points = ranked[c][order];
        std::ranges::stable_sort(points, {}, &Ranked::value);
        std::vector<float>& exact =
            exact_[place.measurement][place.arm][order][net == &LatentPoints::instance() ? 1 : 0];
        exact.resize(net->size() + LatentPoints::kTails.size() * LatentPoints::kInTail);
        std::uint64_t below = 0;
        for (const auto& [value, point] : points) {
          const std::uint64_t mass = mass_of(point >= net->size());
          const double rank = (static_cast<double>(below) + 0.5 * static_cast<double>(mass)) *
                              static_cast<double>(LatentPoints::kMany) / all;
          exact[point] = rank < kLast ? values[static_cast<std::size_t>(rank)] : value;
          below += mass;
        }
      }
    }
  }
  // Those that come too late are kinds of their own.
  for (auto& [place, values, late] : columns) {
    std::ranges::sort(late);
    std::ranges::set_difference(values, late,
                                std::back_inserter(law_[place.measurement][place.arm]));
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
    const auto& weights = tables.mixing.weights[sim::index_of(latent)];
    for (std::size_t i = 0; i < columns.size; ++i) {
      double z = 0.0;
      for (std::size_t l = 0; l <= sim::index_of(latent); ++l)
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
      if (asked.is_for_one && !is_first) continue;
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
  std::vector<std::array<Column<float>, 2>> logarithms(measured_.size());
  for (std::size_t m = 0; m < measured_.size(); ++m)
    if (measured_[m].measurement.kind == Measurement::Kind::log_sum)
      for (const std::size_t arm : {kBaselineArm, kCandidateArm})
        if (traits.asked[arm])
          kernels().log(column_of(measured_[m].measurement.metric, columns, arm).data(),
                        logarithms[m][arm].data(), columns.size);
  Kind* known = nullptr;
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
    if (known == nullptr || known->events != events) known = &kind_of(route, forced, events);
    Kind& kind = *known;
    ++kind.count;
    if (are_fine) ++kind.fine;
    if (!bad[kBaselineArm])
      (bad[kCandidateArm] ? kind.newly_bad : kind.neither_bad) += static_cast<double>(mass);
    for (const auto& [place, arm] : kind.summed) {
      const Measurement& measurement = measured_[place].measurement;
      const bool is_log = measurement.kind == Measurement::Kind::log_sum;
      const auto number = [&](std::size_t of) {
        return static_cast<double>(is_log ? logarithms[place][of][i]
                                          : column_of(measurement.metric, columns, of)[i]);
      };
      const auto covariate = [&] {
        const auto value = static_cast<double>(column_of(*measurement.covariate, columns, arm)[i]);
        return is_log ? std::log(value) : value;
      };
      const auto add = [&kind](double value) { kind.rows.push_back(static_cast<float>(value)); };
      const auto& [centre, beside] = centres_[place][arm];
      const double y = number(arm);
      add(y);
      add((y - centre) * (y - centre));
      if (numbers_of(measurement) == kOfOne) continue;
      const double x = measurement.pairs ? number(kCandidateArm) : covariate();
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
          exact_[place][arm][is_candidate_first ? 1 : 0][forced == ForcedPair{} ? 1 : 0];
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

double WindowLaw::probability(const Forced& forced, const ArmLaw& law) noexcept {
  const auto of = [](bool happens, double probability) {
    return happens ? probability : 1.0 - probability;
  };
  return of(forced.error, law.error) * of(forced.collapse, law.collapse) *
         of(forced.hang, law.hang);
}

double WindowLaw::probability(Route route, const ForcedPair& forced, const ArmLaws& laws) noexcept {
  double product = 1.0;
  for (const std::size_t arm : {kBaselineArm, kCandidateArm})
    if (traits_of(route).asked[arm]) product *= probability(forced[arm], laws.arm[arm]);
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
