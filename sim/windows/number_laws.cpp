#include "sim/windows/number_laws.h"

#include <algorithm>
#include <array>
#include <bit>
#include <boost/sort/spreadsort/float_sort.hpp>
#include <boost/sort/spreadsort/integer_sort.hpp>
#include <cmath>
#include <limits>
#include <numeric>
#include <utility>

#include "sim/arms/normal_scores.h"
#include "sim/kernels/kernels.h"
#include "sim/telemetry/tally.h"

namespace gatewright::sim {
namespace {

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

/// Costs that are equal may differ by so much, relative, since they are sums of products.
constexpr float kAlike = 1e-6F;

/// As which the arm answers.
constexpr std::size_t kArm = kBaselineArm;

}  // namespace

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

bool comes_in_steps(WorldMetric metric) noexcept {
  return metric == WorldMetric::input_tokens || metric == WorldMetric::output_tokens ||
         metric == WorldMetric::cost;
}

namespace {

/// The law with the old model's mishaps: those that drift or differ by luck share what is found of numbers,
/// whoever asks first.
ArmLaw usual(ArmLaw law, const Scenario& scenario) {
  law.error = own_rate(scenario.baseline, WorldMetric::error);
  law.collapse = own_rate(scenario.baseline, WorldMetric::length_collapse);
  law.hang = own_rate(scenario.baseline, WorldMetric::hang);
  return law;
}

}  // namespace

NumberLaws::NumberLaws(const PreparedScenario& scenario, std::span<const Measured> measured,
                       const ArmLaw& law, const Affine& input_tokens,
                       std::span<const Forced> mishaps)
    : measured_(measured.begin(), measured.end()),
      laws_(std::make_unique<ArmLaws>(
          ArmLaws{.arm = {usual(law, scenario.scenario()), law}, .input_tokens = input_tokens})),
      answers_(std::make_unique<PointAnswers>(scenario, *laws_)),
      centres_(measured.size()),
      means_(measured.size()),
      cuts_(measured.size()),
      law_(measured.size()),
      exact_(measured.size()) {
  find_centres();
  find_means();
  find_cuts(mishaps);
  answers_.reset();
  laws_.reset();
}

std::span<const float> NumberLaws::between_cuts(std::size_t m, std::size_t stretch) const {
  const std::span<const Cut> cuts = this->cuts(m);
  const std::vector<float>& all = law_[m];
  const auto below = [&](float at) { return std::ranges::lower_bound(all, at); };
  return {stretch == 0 ? all.begin() : below(cuts[stretch - 1].at),
          stretch == cuts.size() ? all.end() : below(cuts[stretch].at)};
}

void NumberLaws::answer(const Forced& mishap, const LatentPoints& points,
                        const std::function<void(const AnsweredPoints&)>& take) {
  answers_->answer({mishap, Forced{}}, Points{.points = points, .is_for_one = true}, take);
}

bool NumberLaws::is_summed(std::size_t m) const noexcept {
  const Measurement& measurement = measured_[m].measurement;
  return !is_event(measurement.metric) && !is_distribution(measurement);
}

void NumberLaws::find_centres() {
  Column<float> logarithms;
  for (std::size_t m = 0; m < measured_.size(); ++m) {
    if (!is_summed(m)) continue;
    const Measurement& measurement = measured_[m].measurement;
    answer({}, LatentPoints::few(), [&](const AnsweredPoints& chunk) {
      const std::size_t size = chunk.columns.size;
      const auto add_mean = [&](double& to, WorldMetric metric) {
        const float* numbers = column_of(metric, chunk.columns, kArm).data();
        if (measurement.kind == Measurement::Kind::log_sum) {
          kernels().log(numbers, logarithms.data(), size);
          numbers = logarithms.data();
        }
        to += kernels().sums_about(numbers, nullptr, 0.0F, size).values /
              static_cast<double>(LatentPoints::kFew);
      };
      add_mean(centres_[m].of_number, measurement.metric);
      if (measurement.covariate) add_mean(centres_[m].of_other, *measurement.covariate);
    });
  }
  // Numbers less a centre of their own precision are exact.
  for (auto& [centre, beside] : centres_)
    for (double* const number : {&centre, &beside})
      *number = static_cast<double>(static_cast<float>(*number));
}

const Column<float>& NumberLaws::numbers_at(std::size_t m, const AnsweredPoints& chunk) const {
  return column_of(measured_[m].measurement.metric, chunk.columns, kArm);
}

/// Of answers without mishaps. Numbers hang on two latents and rise with both: on lines of rising latents,
/// evenly spaced, the place where a number crosses `at` is found by halving, and the normal density is
/// summed over the lines, which for smooth laws converges faster than any power of their number
/// (Trefethen and Weideman 2014). Points that are counted would have to be a billion.
double NumberLaws::share_below(std::size_t m, const Forced& mishap, float at) {
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
    answer(mishap, points, [&](const AnsweredPoints& chunk) {
      const Column<float>& numbers = numbers_at(m, chunk);
      const ArmColumns& answers = chunk.columns.arm[kArm];
      for (std::size_t k = 0; k < chunk.columns.size; ++k) {
        // An answer that comes too late is billed without its output, so that costs fall again.
        const bool is_below = numbers[k] < at && (answers.events[k] & kTelling & ~kCollapsed) == 0;
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
/// law: between numbers whose shares are right, the closer the more the law turns, on scales on which tails
/// are straight, as far as they are. Numbers stay what they are: costs come in steps.
void NumberLaws::straighten(float at, Numbers& of) {
  constexpr int kOnEachSide = 6;
  constexpr int kMoreOften = 4;
  constexpr double kBent = 1e-6;
  std::vector<float>& values = of.values;
  const auto count = static_cast<double>(values.size());
  const double p =
      static_cast<double>(std::ranges::lower_bound(values, at) - values.begin()) / count;
  const double side = std::min(p, 1.0 - p);
  // More than shares are ever wrong by: the shorter a tail, the less.
  const auto slack = static_cast<std::ptrdiff_t>(std::min(1e-4, side / 20.0) * count);
  if (slack < 5) return;
  // From one to the next a tail is bent by some h^2 / 40 of it.
  const double h = std::min(0.25, std::sqrt(4e-5 / side));
  const bool has_steps = comes_in_steps(measured_[of.m].measurement.metric);
  struct Right {
    double share, of_tail, logarithm;
  };
  const auto of_tail = [p](double share) { return std::log(p < 0.5 ? share : 1.0 - share); };
  /// Where the numbers say that so many are below.
  const auto right_at = [&](double about) {
    const float number = values[static_cast<std::size_t>(about * count)];
    const auto late = static_cast<double>(
        std::ranges::count_if(of.late, [number](float other) { return other < number; }));
    const double in_time = has_steps
                               ? std::midpoint(share_below(of.m, {}, number * (1.0F - kAlike)),
                                               share_below(of.m, {}, number * (1.0F + kAlike)))
                               : share_below(of.m, {}, number);
    const double share = late / count + in_time;
    return Right{share, of_tail(share), std::log(static_cast<double>(number))};
  };
  // Where numbers fall as a latent rises, lines say nothing; where many are equal there is no tail.
  const auto rise = [](const Right& from, const Right& to) {
    return std::isfinite(from.logarithm) && std::isfinite(to.of_tail) && from.share < to.share &&
           from.logarithm < to.logarithm;
  };
  std::vector<Right> right;
  // Another one in the middle; and again, where the law has turned meanwhile.
  const auto add_between = [&](const auto& self, const Right& from, const Right& to,
                               int more) -> void {
    const Right middle = right_at(std::midpoint(from.share, to.share));
    if (!rise(from, middle) || !rise(middle, to)) return;
    const double straight =
        std::lerp(from.of_tail, to.of_tail,
                  (middle.logarithm - from.logarithm) / (to.logarithm - from.logarithm));
    const bool is_bent = std::fabs(std::exp(straight) - std::exp(middle.of_tail)) > kBent;
    if (is_bent && more > 0) self(self, from, middle, more - 1);
    right.push_back(middle);
    if (is_bent && more > 0) self(self, middle, to, more - 1);
  };
  std::size_t centre = 0;
  for (int i = -kOnEachSide; i <= kOnEachSide; ++i) {
    const double tail = side * std::exp(p < 0.5 ? i * h : -i * h);
    const Right next = right_at(p < 0.5 ? tail : 1.0 - tail);
    if (!right.empty()) {
      const Right before = right.back();
      if (!rise(before, next)) return;
      add_between(add_between, before, next, kMoreOften);
    }
    if (i == 0) centre = right.size();
    right.push_back(next);
  }
  const auto first_from = [&](const Right& from) {
    return static_cast<std::ptrdiff_t>(from.share * count) + 1;
  };
  const auto last_to = [&](const Right& to) {
    return static_cast<std::ptrdiff_t>(to.share * count);
  };
  if (first_from(right.front()) <= slack || last_to(right.back()) + slack >= std::ssize(values))
    return;
  // From the middle on, to either side.
  const std::vector<float> crooked(values.begin() + first_from(right.front()) - slack,
                                   values.begin() + last_to(right.back()) + slack);
  const auto start = crooked.begin() - first_from(right.front()) + slack;  // of all
  const auto is_straight = [&](const Right& from, const Right& to) {
    std::vector<float> straight;
    const std::ptrdiff_t first = first_from(from), last = last_to(to);
    for (auto i = first; i < last; ++i) {
      const double share = (static_cast<double>(i) + 0.5) / count;
      const auto value = static_cast<float>(
          std::exp(std::lerp(from.logarithm, to.logarithm,
                             (of_tail(share) - from.of_tail) / (to.of_tail - from.of_tail))));
      const auto lowest = start + i - slack, highest = start + i + slack;
      if (!(value >= *lowest && value <= *highest)) return false;
      const auto above = std::lower_bound(lowest, highest, value);
      straight.push_back(*above - value < value - *(above - 1) ? *above : *(above - 1));
    }
    std::ranges::copy(straight, values.begin() + first);
    return true;
  };
  std::size_t lowest = centre, highest = centre;
  while (lowest > 0 && is_straight(right[lowest - 1], right[lowest])) --lowest;
  while (highest + 1 < right.size() && is_straight(right[highest], right[highest + 1])) ++highest;
  if (lowest == highest) return;
  std::sort(values.begin() + first_from(right[lowest]) - slack,
            values.begin() + last_to(right[highest]) + slack);
}

/// Right to some 1e-6 of a standard deviation, where rows, whose numbers hang on more latents and which
/// tails cut, are to 1e-4, which 50,000 requests show.
void NumberLaws::find_means() {
  bool is_any_summed = false;
  for (std::size_t m = 0; m < measured_.size(); ++m) is_any_summed |= is_summed(m);
  if (!is_any_summed) return;
  Column<float> logarithms;
  std::array<std::uint64_t, kChunk / 64> in_time;  // NOLINT: filled at once
  double ended = 0.0;
  answer({}, LatentPoints::for_means(), [&](const AnsweredPoints& chunk) {
    const std::size_t size = chunk.columns.size;
    kernels().rows_with(chunk.columns.arm[kArm].events.data(), {.of = kTelling, .value = 0},
                        in_time.data(), size);
    const auto here = static_cast<double>(kernels().count_rows(in_time.data(), (size + 63) / 64));
    ended += here;
    for (std::size_t m = 0; m < measured_.size(); ++m) {
      if (!is_summed(m)) continue;
      const Measurement& measurement = measured_[m].measurement;
      const auto add = [&](WorldMetric metric, double centre, double& mean, double& square) {
        const float* numbers = column_of(metric, chunk.columns, kArm).data();
        if (measurement.kind == Measurement::Kind::log_sum) {
          kernels().log(numbers, logarithms.data(), size);
          numbers = logarithms.data();
        }
        const Sums sums =
            kernels().sums_about(numbers, in_time.data(), static_cast<float>(centre), size);
        mean += sums.values + here * centre;
        square += sums.squares;
      };
      Means& means = means_[m];
      const Centres& centres = centres_[m];
      add(measurement.metric, centres.of_number, means.of_number, means.of_square);
      if (measurement.covariate)
        add(*measurement.covariate, centres.of_other, means.of_other, means.of_other_square);
    }
  });
  for (Means& means : means_)
    for (double* const mean :
         {&means.of_number, &means.of_square, &means.of_other, &means.of_other_square})
      *mean /= ended;
}

/// Where all answers together, mishaps included, usually have their quantiles: roughly, so that few of them do.
/// `lawful`: sorted numbers of those without.
std::vector<float> NumberLaws::quantiles_of_all(std::size_t m, std::span<const float> lawful,
                                                std::span<const Forced> mishaps,
                                                std::span<const double> probabilities) {
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
  const MetricScope scope = measured_[m].measurement.scope;
  for (const Forced& mishap : mishaps) {
    const double weight = probability(mishap, laws_->arm[kArm]) / static_cast<double>(kFew);
    if (mishap == Forced{}) {
      for (std::size_t i = 0; i < kFew; ++i)
        add(lawful[(2 * i + 1) * lawful.size() / (2 * kFew)], weight);
      continue;
    }
    answer(mishap, LatentPoints::few(), [&](const AnsweredPoints& chunk) {
      const Column<float>& numbers = numbers_at(m, chunk);
      for (std::size_t i = 0; i < chunk.columns.size; ++i)
        if (counts(scope, chunk.columns.arm[kArm].events[i] & kTelling, true))
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
void NumberLaws::find_cuts(std::span<const Forced> mishaps) {
  std::vector<Numbers> columns;
  for (std::size_t m = 0; m < measured_.size(); ++m)
    if (is_distribution(measured_[m].measurement)) columns.push_back({m, {}, {}});
  if (columns.empty()) return;
  for (Numbers& of : columns) of.values.reserve(LatentPoints::kMany);
  answer({}, LatentPoints::fine(), [&](const AnsweredPoints& chunk) {
    const Column<std::uint8_t>& events = chunk.columns.arm[kArm].events;
    for (auto& [m, values, late] : columns) {
      const std::span<const float> numbers =
          std::span(numbers_at(m, chunk)).first(chunk.columns.size);
      values.insert(values.end(), numbers.begin(), numbers.end());
      for (std::size_t i = 0; i < numbers.size(); ++i)
        if ((events[i] & kTelling) != 0) late.push_back(numbers[i]);
    }
  });
  for (Numbers& of : columns)
    boost::sort::spreadsort::float_sort(of.values.begin(), of.values.end());

  std::size_t per_quantile = kMostCuts;
  for (; per_quantile > 1; --per_quantile) {
    std::size_t cells = 1;
    for (const Measured& measured : measured_)
      if (is_distribution(measured.measurement)) cells *= cut_at(measured, per_quantile).size() + 1;
    if (cells <= kManyCells) break;
  }
  for (Numbers& of : columns) {
    auto& [m, values, late] = of;
    std::vector<Cut>& cuts = cuts_[m];
    const std::vector<CutAt> wanted = cut_at(measured_[m], per_quantile);
    std::vector<double> probabilities;
    for (const CutAt& cut : wanted) probabilities.push_back(cut.probability);
    const std::vector<float> quantiles = quantiles_of_all(m, values, mishaps, probabilities);
    for (std::size_t i = 0; i < wanted.size(); ++i) {
      const float at = quantiles[i] * (1.0F - kAlike);  // not among equal numbers
      const double until = wanted[i].until;
      if (!measured_[m].probabilities.empty() && std::isinf(until)) straighten(at, of);
      if (cuts.empty() || cuts.back().at != at)
        cuts.push_back({at, until});
      else
        cuts.back().until = std::max(cuts.back().until, until);
    }
    for (Cut& cut : cuts) {
      if (std::isfinite(cut.until)) continue;
      for (const Forced& mishap : mishaps)
        if (!mishap.error) cut.shares[index_of(mishap)] = share_below(of.m, mishap, cut.at);
    }
  }

  find_ranks(columns);
  // Those that come too late are kinds of their own.
  for (auto& [m, values, late] : columns) {
    std::ranges::sort(late);
    std::ranges::set_difference(values, late, std::back_inserter(law_[m]));
  }
}

/// Each point gets the number that stands at its rank where there are many more points.
void NumberLaws::find_ranks(std::span<const Numbers> columns) {
  struct Ranked {
    float value;  ///< not below 0, so that bits have the numbers' order
    std::uint32_t point;
    [[nodiscard]] std::uint64_t key() const noexcept {
      return std::uint64_t{std::bit_cast<std::uint32_t>(value)} << 32 | point;
    }
    bool operator<(const Ranked& other) const noexcept { return key() < other.key(); }
  };
  for (const LatentPoints* net : {&LatentPoints::some(), &LatentPoints::instance()}) {
    const double all = mass_of_all(*net);
    std::vector<std::array<std::vector<Ranked>, 2>> ranked(columns.size());
    for (const bool is_first : {false, true})
      for_nets(*net, !is_first, [&](Points points) {
        points.asked = {true, false};
        answers_->answer({}, points, [&](const AnsweredPoints& chunk) {
          for (std::size_t c = 0; c < columns.size(); ++c) {
            const Column<float>& numbers = numbers_at(columns[c].m, chunk);
            for (std::size_t i = 0; i < chunk.columns.size; ++i)
              if (!points.points.is_left_out(chunk.first + i))
                ranked[c][is_first ? 1 : 0].push_back(
                    {numbers[i], static_cast<std::uint32_t>(points.before + chunk.first + i)});
          }
        });
      });
    // The last ones are finer than the many points are.
    constexpr double kLast = static_cast<double>(LatentPoints::kMany - LatentPoints::kTail);
    for (std::size_t c = 0; c < columns.size(); ++c) {
      const auto& [m, values, late] = columns[c];
      for (std::size_t order = 0; order < 2; ++order) {
        std::vector<Ranked>& points = ranked[c][order];
        boost::sort::spreadsort::integer_sort(
            points.begin(), points.end(),
            [](const Ranked& of, unsigned by) { return of.key() >> by; });
        std::vector<float>& exact = exact_[m][order][net == &LatentPoints::instance() ? 1 : 0];
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
}

NumberLaws::Centres NumbersOfArms::centres(Place place, bool pairs) const noexcept {
  NumberLaws::Centres centres = at(place).centres(place.measurement);
  if (pairs) centres.of_other = arms[kCandidateArm]->centres(place.measurement).of_number;
  return centres;
}

NumberLaws::Means NumbersOfArms::means(Place place, bool pairs) const noexcept {
  NumberLaws::Means means = at(place).means(place.measurement);
  if (!pairs) return means;
  const NumberLaws::Means& beside = arms[kCandidateArm]->means(place.measurement);
  means.of_other = beside.of_number;
  means.of_other_square = beside.of_square;
  return means;
}

namespace {

bool are_alike(const Rates& a, const Rates& b) noexcept {
  return a.input == b.input && a.output == b.output &&
         std::ranges::equal(a.tiers, b.tiers, [](const Rates::Tier& x, const Rates::Tier& y) {
           return x.above_input_tokens == y.above_input_tokens && x.input == y.input &&
                  x.output == y.output;
         });
}

}  // namespace

std::shared_ptr<const NumberLaws> NumberBook::find(const PreparedScenario& scenario,
                                                   std::span<const Measured> measured,
                                                   const ArmLaw& law, const Affine& input_tokens) {
  const std::vector<Forced> mishaps = possible_mishaps(scenario.scenario());
  const auto entry = [&]() -> Entry& {
    const std::lock_guard lock(mutex_);
    for (const auto& known : entries_)
      if (std::ranges::equal(known->measured, measured) && same_numbers(known->law, law) &&
          are_alike(known->prices, *law.prices) && known->input_tokens == input_tokens &&
          known->mishaps == mishaps)
        return *known;
    auto fresh = std::make_unique<Entry>();
    fresh->measured.assign(measured.begin(), measured.end());
    fresh->law = law;
    fresh->prices = *law.prices;
    fresh->input_tokens = input_tokens;
    fresh->mishaps = mishaps;
    return *entries_.emplace_back(std::move(fresh));
  };
  Entry& found = entry();
  std::call_once(found.is_known, [&] {
    found.laws = std::make_shared<const NumberLaws>(scenario, measured, law, input_tokens, mishaps);
  });
  return found.laws;
}

}  // namespace gatewright::sim
