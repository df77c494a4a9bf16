// What a gate can see, by its own boundary.
// Used by lint.
// Never asks what kind of test it reads, but for the two ways to look.
#include "analysis/power.h"

#include <algorithm>
#include <array>
#include <cmath>
#include <limits>
#include <string_view>

#include <boost/math/distributions/binomial.hpp>
#include <boost/math/distributions/non_central_chi_squared.hpp>
#include <boost/math/distributions/normal.hpp>
#include <boost/math/special_functions/beta.hpp>

#include "policies/assert.h"
#include "policies/gates/cumulative_counts.h"
#include "policies/gates/distribution_distance.h"

namespace gatewright::analysis {
namespace {

constexpr std::string_view kThreshold = "fixed_threshold";
constexpr auto kOfTotals = std::to_array<std::string_view>(
    {"ab_test", "asymptotic_sequence", "bayes_mean", "bayes_rate", "beta_binomial_mixture",
     "delta_ratio", "detected_rate", "group_sequential", "normal_mixture", "poisson_max_sprt",
     "sprt", "sign_test", "two_proportion_z", "two_sample_rate", "welch_t", "wilson", "z_test"});
constexpr auto kOfPairs =
    std::to_array<std::string_view>({"mcnemar", "paired_mixture", "paired_rate", "paired_t"});
constexpr auto kOfDistributions = std::to_array<std::string_view>(
    {"dkw_sequence", "ks", "order_statistic", "psi", "quantile_sequence"});
constexpr std::string_view kOfBursts = "clustered_rate";

/// Of those of totals, the ones that compare the arms window by window; the others compare totals over
/// all windows.
constexpr auto kByWindow = std::to_array<std::string_view>(
    {"beta_binomial_mixture", "clustered_rate", "detected_rate", "fixed_threshold",
     "group_sequential", "normal_mixture", "poisson_max_sprt", "sprt", "two_sample_rate"});

/// Windows that a path is played in. Where each is a look, more of them see a little more.
constexpr std::size_t kWindowsMax = 32;
/// Where few of them are looks: as fine as the windows that make a look due.
constexpr std::size_t kPlannedWindowsMax = 512;
/// A window of a distribution costs a thousand times one of sums.
constexpr std::size_t kDistributionWindowsMax = 16, kPlannedDistributionWindowsMax = 32;
/// What is learnt from differences between windows is learnt from all of them.
constexpr std::size_t kBurstWindowsMax = 4096;
constexpr double kNodes = 32.0;
constexpr double kQuantileNodes = 16.0;
/// Baseline counts of events are taken one by one while so many of them matter.
constexpr double kCountsMax = 160.0;
constexpr double kFarSd = 7.0;  // beyond: 1e-12
constexpr double kFarthest = 60.0;
constexpr double kNever = 60.0;       ///< standard deviations
constexpr double kLeastAtEnd = 0.25;  ///< of a power by any look: less is never reached at the end

[[nodiscard]] bool is_one_of(std::span<const std::string_view> names, const GateTest& test) {
  return std::ranges::find(names, test.name()) != names.end();
}

[[nodiscard]] double normal_cdf(double z) { return cdf(boost::math::normal_distribution<>(), z); }

/// Sums of neighbouring windows, so that there are at most so many, in whole requests.
[[nodiscard]] std::vector<ArmCounts> merged(std::span<const ArmCounts> windows, std::size_t most) {
  std::vector<ArmCounts> result;
  const std::size_t per_group = (windows.size() + most - 1) / most;
  ArmCounts before, until;
  for (std::size_t i = 0; i < windows.size(); ++i) {
    until.baseline += windows[i].baseline;
    until.candidate += windows[i].candidate;
    if ((i + 1) % per_group != 0 && i + 1 < windows.size()) continue;
    const ArmCounts whole{std::round(until.baseline), std::round(until.candidate)};
    result.push_back({whole.baseline - before.baseline, whole.candidate - before.candidate});
    before = whole;
  }
  return result;
}

[[nodiscard]] std::size_t windows_max(const GateTest& test) {
  const bool is_planned = test.guarantee() == Guarantee::fixed_looks;
  if (test.form() == Form::distributions)
    return is_planned ? kPlannedDistributionWindowsMax : kDistributionWindowsMax;
  if (test.name() == kOfBursts) return kBurstWindowsMax;
  return is_planned ? kPlannedWindowsMax : kWindowsMax;
}

[[nodiscard]] bool multiplies(const MetricLaw& law) {
  return law.change == MetricLaw::Change::factor || law.change == MetricLaw::Change::quantile;
}

/// An arm's window with this mean, as its sufficient statistics.
[[nodiscard]] Summary summary_of(const MetricLaw& law, double count, double mean) {
  const double squares_about_mean =
      multiplies(law) ? law.sd * law.sd * (mean / law.mean) * (mean / law.mean) : law.sd * law.sd;
  const bool is_rate = law.change == MetricLaw::Change::rate;
  return {.count = static_cast<std::uint64_t>(count),
          .sum = count * mean,
          .sum_of_squares =
              is_rate ? count * mean
                      : std::max(0.0, count - 1.0) * squares_about_mean + count * mean * mean};
}

/// A window in which the arms show these means.
struct Shown {
  ArmCounts counts;
  double baseline, candidate;
};

/// What both arms show on the same prompts.
[[nodiscard]] Samples pairs_of(const MetricLaw& law, const Shown& shown) {
  const auto& [counts, baseline, candidate] = shown;
  const double n = counts.candidate;
  if (law.change == MetricLaw::Change::rate)
    return {.paired = true,
            .baseline = summary_of(law, n, baseline + law.both),
            .candidate = summary_of(law, n, candidate + law.both),
            .covariates = {},
            .sum_of_products = n * law.both};
  const double scale = multiplies(law) ? candidate / law.mean * (baseline / law.mean) : 1.0;
  return {.paired = true,
          .baseline = summary_of(law, n, baseline),
          .candidate = summary_of(law, n, candidate),
          .covariates = {},
          .sum_of_products =
              n * baseline * candidate + std::max(0.0, n - 1.0) * law.covariance * scale};
}

void show(const GateTest& test, std::span<double> slots, const MetricLaw& law, const Shown& shown) {
  Observation observation;
  std::vector<HistogramBin> baseline, candidate;  // until the test has read them
  if (test.form() == Form::distributions) {
    baseline = law.values.values(shown.counts.baseline, shown.baseline / law.mean);
    candidate = law.values.values(shown.counts.candidate, shown.candidate / law.mean);
    observation.event = Distributions{.baseline = baseline, .candidate = candidate};
  } else if (test.statistic().pairs) {
    observation.event = pairs_of(law, shown);
  } else {
    observation.event =
        Samples{.baseline = summary_of(law, shown.counts.baseline, shown.baseline),
                .candidate = summary_of(law, shown.counts.candidate, shown.candidate)};
  }
  test.update(slots, observation);
}

[[nodiscard]] bool is_evidence(const GateTest& test, const ArmCounts& counts) {
  return counts.candidate > 0.0 && (counts.baseline > 0.0 || !test.compares_arms());
}

/// The chance that the empirical distribution functions of two arms are seen further apart than
/// `needed` somewhere, with `samples` the product of both counts over their sum.
struct SeenApart {
  double needed, samples;
};
/// Their difference, times sqrt(samples), is a Brownian bridge over the shares u and what the laws
/// differ by there (Doob 1949): the bridge at u is (1 - u) W(u / (1 - u)), so that to be further apart
/// is to cross a bound. W is looked at often, and the bound is moved for what lies between two looks
/// (Siegmund, Sequential Analysis, 1985, page 50).
[[nodiscard]] double seen_apart(const ValueLaw& law, double factor, const SeenApart& asked) {
  constexpr int kPlaces = 64;
  constexpr double kSiegmund = 0.5826;
  const double root = std::sqrt(asked.samples);
  const double bound = root * asked.needed - kSiegmund / std::sqrt(double{kPlaces});
  gates::BoundedLooks looks;
  constexpr double kLast = kPlaces - 1.0;  // u / (1 - u) at the last place
  for (int place = 1; place < kPlaces; ++place) {
    const double u = static_cast<double>(place) / kPlaces, t = u / (1.0 - u);
    const double difference = std::abs(u - law.share_up_to(law.quantile(u) / factor));
    looks.fractions.push_back(t / kLast);
    looks.bounds.push_back((bound - root * difference) * (1.0 + t) / std::sqrt(t));
  }
  return std::clamp(crossings(looks, 0.0).total(), 0.0, 1.0);
}

/// A number between 0 and 1, of the sequence of van der Corput: any few in a row are spread evenly.
template <std::size_t kBase>
[[nodiscard]] double evenly(std::size_t index) {
  constexpr auto kDigit = 1.0 / static_cast<double>(kBase);
  double result = 0.0, digit = kDigit;
  for (std::size_t left = index + 1; left > 0; left /= kBase, digit *= kDigit)
    result += digit * static_cast<double>(left % kBase);
  return result;
}

/// An arm's window of events: their number lies `share` of the way through what chance may make it.
struct Straying {
  double count, rate, share;
};
[[nodiscard]] Summary summary_of(const Straying& straying) {
  const auto& [count, rate, share] = straying;
  const double z = quantile(boost::math::normal_distribution<>(), share);
  const double events = count * rate + z * std::sqrt(count * rate * std::max(0.0, 1.0 - rate));
  return {static_cast<std::uint64_t>(count), events, events};
}

}  // namespace

Drift drift_of(const Bursts& bursts, double rate) {
  const double quiet = (1.0 - bursts.share * bursts.lift) / (1.0 - bursts.share);
  const double swing = rate * (bursts.lift - quiet);
  // Exponential stretches in and out of bursts: the rate forgets at the sum of both paces.
  return {.variance = bursts.share * (1.0 - bursts.share) * swing * swing,
          .windows = bursts.windows * (1.0 - bursts.share),
          .by_arm = bursts.by_arm};
}

double apart_by(const MetricLaw& law, double factor) {
  if (law.change == MetricLaw::Change::distance) return law.values.apart(factor).distance;
  constexpr double kMany = 1e9;  // no class is empty for want of values
  std::vector<double> counts(2 * gates::kCumulativeSlots, 0.0);
  const std::span slots(counts);
  gates::add_cumulative(gates::candidate_counts(slots), law.values.values(kMany, factor));
  gates::add_cumulative(gates::baseline_counts(slots), law.values.values(kMany, 1.0));
  return gates::population_stability(slots, law.classes).value;
}

std::optional<double> factor_apart(const MetricLaw& law, double distance) {
  double near = 0.0, far = 16.0;  // logarithms
  if (apart_by(law, std::exp(far)) < distance) return std::nullopt;
  while (far - near > 1e-6) {
    const double middle = 0.5 * (near + far);
    (apart_by(law, std::exp(middle)) < distance ? near : far) = middle;
  }
  return std::exp(far);
}

bool weighs_totals(const GateTest& test) noexcept {
  return test.form() == Form::samples && is_one_of(kOfTotals, test);
}

bool weighs_totals_at_looks(const GateTest& test) noexcept {
  return test.guarantee() == Guarantee::fixed_looks && weighs_totals(test) &&
         !is_one_of(kByWindow, test);
}

bool has_power_curve(const GateTest& test) noexcept {
  return weighs_totals(test) || is_one_of(kOfPairs, test) || is_one_of(kOfDistributions, test) ||
         test.name() == kOfBursts;
}

PowerCurve::PowerCurve(const Sight& sight)
    : sight_(sight), one_look_(sight.test->name() == kThreshold) {
  GATEWRIGHT_ASSERT(one_look_ || has_power_curve(*sight.test));
  const std::size_t most = windows_max(*sight.test);
  windows_ = merged(one_look_ ? sight.windows.last(std::min<std::size_t>(1, sight.windows.size()))
                              : sight.windows,
                    most);
  merged_ = static_cast<double>((sight.windows.size() + most - 1) / most);
  levels_ = burst_levels();
  total_ = effective_until(windows_.size());
  double usual = alarm_at(sight_.law.mean);
  if (!one_look_ && !std::isnan(usual)) find_looks(usual);
  dispersion_ = dispersion_until(windows_.size());
  nodes_ = baseline_nodes();
  for (Node& node : nodes_) node.alarm = alarm_at(node.baseline);
  slope_ = slope_of_alarms();
  // A look may come before the last window, which has taken away what lay behind it.
  if (!one_look_ && !std::isnan(usual)) usual = alarm_at(sight_.law.mean);
  if (is_of_paired_numbers()) nodes_ = {{1.0, sight_.law.mean, usual}};
  if (!one_look_ && !std::isnan(usual)) find_bounds(usual);
}

bool PowerCurve::is_of_paired_numbers() const {
  return sight_.test->statistic().pairs && sight_.law.change != MetricLaw::Change::rate;
}

/// Trains of bursts, in each arm at another time: with the share, the height and the mean length of
/// the real ones, and with the mean rate over all windows.
std::vector<PowerCurve::Levels> PowerCurve::burst_levels() const {
  if (!sight_.law.bursts) return {};
  const Bursts& bursts = *sight_.law.bursts;
  const double period = bursts.windows / bursts.share;
  const double quiet = (1.0 - bursts.share * bursts.lift) / (1.0 - bursts.share);
  const auto level = [&](double window, double phase) {
    double in_burst = 0.0;  // share of the window
    for (double start = (phase - 1.0) * period; start < window + 1.0; start += period)
      in_burst +=
          std::max(0.0, std::min(window + 1.0, start + bursts.windows) - std::max(window, start));
    return quiet + in_burst * (bursts.lift - quiet);
  };
  std::vector<Levels> levels;
  Levels whole{0.0, 0.0};
  ArmCounts requests;
  for (std::size_t i = 0; i < windows_.size(); ++i) {
    constexpr double kPhaseOfBaseline = 0.6, kPhaseOfCandidate = 0.1;
    const auto window = static_cast<double>(i);
    levels.push_back({level(window, kPhaseOfBaseline), level(window, kPhaseOfCandidate)});
    requests.baseline += windows_[i].baseline;
    requests.candidate += windows_[i].candidate;
    whole.baseline += windows_[i].baseline * levels[i].baseline;
    whole.candidate += windows_[i].candidate * levels[i].candidate;
  }
  for (Levels& each : levels) {
    if (whole.baseline > 0.0) each.baseline *= requests.baseline / whole.baseline;
    if (whole.candidate > 0.0) each.candidate *= requests.candidate / whole.candidate;
  }
  return levels;
}

/// By the variance of the mean over a time T of a level that forgets at a pace of 1 / tau:
/// 2 (tau / T) (1 - (1 - e^-x) / x), x = T / tau, of its own.
ArmCounts PowerCurve::dispersion_until(std::size_t count) const {
  const MetricLaw& law = sight_.law;
  if (!law.bursts) return {1.0, 1.0};
  const Drift drift = drift_of(*law.bursts, law.mean);
  const double x = static_cast<double>(count) / drift.windows;
  const double windows = x > 0.0 ? 2.0 * drift.windows * (1.0 + std::expm1(-x) / x) : 0.0;
  ArmCounts sums, squares;
  for (const auto& [n_b, n_c] : std::span(windows_).first(count)) {
    sums.baseline += n_b;
    sums.candidate += n_c;
    squares.baseline += n_b * n_b;
    squares.candidate += n_c * n_c;
  }
  const double in_binomial = drift.variance / (law.mean * (1.0 - law.mean)) * windows;
  return {1.0 + (sums.baseline > 0.0 ? in_binomial * squares.baseline / sums.baseline : 0.0),
          1.0 + (sums.candidate > 0.0 ? in_binomial * squares.candidate / sums.candidate : 0.0)};
}

/// Requests per arm that tell as much as the first `count` windows do: their sums, or where the
/// arms are compared window by window, those of the same variance with weights n_c n_b / (n_c +
/// n_b).
ArmCounts PowerCurve::effective_until(std::size_t count) const {
  ArmCounts sums;
  double weights = 0.0, of_baseline = 0.0, of_candidate = 0.0;
  for (const auto& [n_b, n_c] : std::span(windows_).first(count)) {
    if (n_c == 0.0 || (n_b == 0.0 && sight_.test->compares_arms())) continue;
    sums.baseline += n_b;
    sums.candidate += n_c;
    if (n_b == 0.0) continue;
    const double weight = n_c * n_b / (n_c + n_b);
    weights += weight;
    of_baseline += weight * weight / n_b;
    of_candidate += weight * weight / n_c;
  }
  if (!sight_.test->compares_arms() || weights == 0.0 || !is_one_of(kByWindow, *sight_.test))
    return sums;
  return {.baseline = weights * weights / of_baseline,
          .candidate = weights * weights / of_candidate};
}

/// The windows after which the gate halts or not, if the candidate shows `mean` in each. Tests of
/// planned looks see nothing in between, and nothing after the last one.
std::vector<double> PowerCurve::harm_along(double mean) const {
  std::vector<double> slots(sight_.test->slots());
  std::vector<double> harm;
  for (std::size_t i = 0; i < windows_.size(); ++i) {
    show(slots, i, {.baseline = sight_.law.mean, .candidate = mean});
    const Evidence evidence = sight_.test->evidence(slots, sight_.budget);
    harm.push_back(evidence.enough ? evidence.harm : 0.0);
  }
  return harm;
}

/// A mean beyond the alarm tells more at each look, also where at the alarm itself evidence for safety
/// comes first (of sprt).
void PowerCurve::find_looks(double alarm) {
  constexpr double kBeyond = 4.0;
  const double none = place_of(sight_.law.mean);
  const double far = mean_at(none + kBeyond * (place_of(alarm) - none));
  const bool is_mean = sight_.law.change != MetricLaw::Change::rate || (far > 0.0 && far < 1.0);
  const std::vector<double> harm = harm_along(is_mean ? far : alarm);
  for (std::size_t i = 0; i < harm.size(); ++i)
    if (harm[i] != (i == 0 ? 0.0 : harm[i - 1])) looks_.push_back(i);
  if (looks_.empty()) return;
  windows_.resize(looks_.back() + 1);
  total_ = effective_until(windows_.size());
  // Where windows were not merged, not each is looked at.
  const std::size_t every = (looks_.size() + kWindowsMax - 1) / kWindowsMax;
  std::vector<std::size_t> some;
  for (std::size_t i = (looks_.size() - 1) % every; i < looks_.size(); i += every)
    some.push_back(looks_[i]);
  looks_ = std::move(some);
}

/// The bound of each look in standard deviations, with the baseline at its mean: where the means of
/// a grid, ever farther from the baseline's, first halt at that look.
void PowerCurve::find_bounds(double alarm) {
  const bool is_of_distributions = sight_.test->form() == Form::distributions;
  const double steps_per_octave = is_of_distributions ? 3.0 : 8.0;
  const double end = place_of(alarm), none = place_of(sight_.law.mean);
  if (looks_.empty() || end <= none) return;
  constexpr double kNone = std::numeric_limits<double>::quiet_NaN();
  first_to_halt_.assign(looks_.size(), kNone);
  std::vector<double> before(looks_.size(), 0.0);
  double previous = none;
  for (double octave = -4.0; octave <= 5.0; octave += 1.0 / steps_per_octave) {
    const double place = none + (end - none) * std::exp2(octave);
    const double mean = mean_at(place);
    if (sight_.law.change == MetricLaw::Change::rate && !(mean > 0.0 && mean < 1.0)) break;
    const std::vector<double> harm = harm_along(mean);
    for (std::size_t k = 0; k < looks_.size(); ++k) {
      const double now = harm[looks_[k]];
      if (std::isnan(first_to_halt_[k]) && now >= 1.0) {
        const double share = now > before[k] ? (1.0 - before[k]) / (now - before[k]) : 1.0;
        first_to_halt_[k] = mean_at(previous + std::clamp(share, 0.0, 1.0) * (place - previous));
      }
      before[k] = now;
    }
    previous = place;
  }
  first_to_halt_.back() = alarm;
  if (sight_.law.change == MetricLaw::Change::index) return;  // never normal
  const double last = standard_error(looks_.back(), alarm, slope_);
  for (std::size_t k = 0; k < looks_.size(); ++k) {
    const double error = standard_error(looks_[k], alarm, slope_);
    along_.fractions.push_back(last * last / (error * error));
    const double first = first_to_halt_[k];
    along_.bounds.push_back(std::isnan(first) ? kNever
                                              : std::abs(effect_of(first)) /
                                                    standard_error(looks_[k], alarm, slope_));
  }
}

/// The variance that drift adds to what effect_of() is an estimate of, after the window `look`.
double PowerCurve::drift_until(std::size_t look, const Drift& drift) const {
  const bool compares = sight_.test->compares_arms();
  if (compares && !drift.by_arm) return 0.0;
  // Of a window's mean, its covariance with the next one's, and how that fades with distance.
  const double x = merged_ / drift.windows;
  const double shared = x > 1e-6 ? -std::expm1(-x) / x : 1.0;
  const double own = x > 1e-6 ? 2.0 * (1.0 - shared) / x : 1.0;
  const double fades = std::exp(-x);
  // Of a weighted mean over windows.
  const auto variance = [&](const auto& weight_of) {
    double sum = 0.0, squares = 0.0, products = 0.0, before = 0.0, earlier = 0.0;
    for (std::size_t i = 0; i <= look; ++i) {
      const double weight = weight_of(windows_[i]);
      earlier = fades * earlier + before;
      products += weight * earlier;
      squares += weight * weight;
      sum += weight;
      before = weight;
    }
    if (sum == 0.0) return 0.0;
    return drift.variance * (own * squares + 2.0 * shared * shared * products) / (sum * sum);
  };
  if (!compares) return variance([](const ArmCounts& n) { return n.candidate; });
  if (is_one_of(kByWindow, *sight_.test))
    return 2.0 * variance([](const ArmCounts& n) {
             return n.candidate > 0.0 && n.baseline > 0.0
                        ? n.candidate * n.baseline / (n.candidate + n.baseline)
                        : 0.0;
           });
  return variance([](const ArmCounts& n) { return n.candidate; }) +
         variance([](const ArmCounts& n) { return n.baseline; });
}

double PowerCurve::halted_by(const Drift& drift, double further) const {
  const bool is_apart = sight_.law.change == MetricLaw::Change::distance ||
                        sight_.law.change == MetricLaw::Change::index;
  struct Look {
    double reach, variance;
  };
  std::vector<Look> looks;
  for (std::size_t k = 0; k < first_to_halt_.size(); ++k) {
    const double first = first_to_halt_[k];
    if (std::isnan(first)) continue;
    // Distributions are told apart by what drifts long before samples alone would do it.
    const double error = is_apart ? 0.0 : standard_error(looks_[k], first, slope_);
    looks.push_back({.reach = further + (is_apart ? std::log(first) : std::abs(effect_of(first))),
                     .variance = error * error + drift_until(looks_[k], drift)});
  }
  gates::BoundedLooks bounded{.fractions = {}, .bounds = {}, .two_sided = is_apart};
  double largest = 0.0;
  for (auto look = looks.rbegin(); look != looks.rend(); ++look) {
    constexpr double kLeastStep = 1.001;  // between looks that add something
    if (look->variance < kLeastStep * largest || !(look->variance > 0.0)) continue;
    largest = look->variance;
    bounded.fractions.push_back(looks.back().variance / largest);
    bounded.bounds.push_back(std::min(kNever, look->reach / std::sqrt(largest)));
  }
  if (bounded.bounds.empty()) return 0.0;
  std::ranges::reverse(bounded.fractions);
  std::ranges::reverse(bounded.bounds);
  return std::clamp(crossings(bounded, 0.0).total(), 0.0, 1.0);
}

/// By how much the alarm moves with the baseline's mean.
double PowerCurve::slope_of_alarms() const {
  double weight = 0.0, x = 0.0, y = 0.0, xx = 0.0, xy = 0.0;
  for (const Node& node : nodes_) {
    if (std::isnan(node.alarm)) continue;
    const double from_mean = node.baseline - sight_.law.mean;
    weight += node.weight;
    x += node.weight * from_mean;
    y += node.weight * node.alarm;
    xx += node.weight * from_mean * from_mean;
    xy += node.weight * from_mean * node.alarm;
  }
  const double spread = xx * weight - x * x;
  return spread > 0.0 ? (xy * weight - x * y) / spread : 0.0;
}

double PowerCurve::effect_of(double candidate_mean) const {
  return sight_.law.change == MetricLaw::Change::distance ? apart_by(sight_.law, candidate_mean)
                                                          : candidate_mean - sight_.law.mean;
}

/// Of what effect_of() is an estimate of, less what the baseline's mean moves the alarm by, after the
/// window `look`.
double PowerCurve::standard_error(std::size_t look, double candidate_mean, double slope) const {
  const MetricLaw& law = sight_.law;
  const ArmCounts counts = effective_until(look + 1);
  if (law.change == MetricLaw::Change::distance) {
    const ValueLaw::Apart at = law.values.apart(candidate_mean);
    return std::sqrt(at.here * (1.0 - at.here) / counts.baseline +
                     at.multiplied * (1.0 - at.multiplied) / counts.candidate);
  }
  const double scale = multiplies(law) ? candidate_mean / law.mean : 1.0;
  const double sd = law.change == MetricLaw::Change::rate
                        ? std::sqrt(candidate_mean * (1.0 - candidate_mean))
                        : law.sd * scale;
  const ArmCounts dispersion = dispersion_until(look + 1);
  // Bursts are so many times the mean rate: what they add grows faster than what chance does.
  const auto odds = [](double rate) { return rate / (1.0 - rate); };
  const double grown = law.bursts ? odds(candidate_mean) / odds(law.mean) : 1.0;
  double variance = sd * sd * (1.0 + (dispersion.candidate - 1.0) * grown) / counts.candidate;
  if (sight_.test->compares_arms())
    variance += slope * slope * law.sd * law.sd * dispersion.baseline / counts.baseline;
  if (is_of_paired_numbers()) variance -= 2.0 * slope * law.covariance * scale / counts.candidate;
  return std::sqrt(std::max(0.0, variance));
}

double PowerCurve::by_any_look(double at_end) const {
  if (along_.bounds.size() < 2 || at_end <= 0.0 || at_end >= 1.0) return at_end;
  const double drift =
      along_.bounds.back() + quantile(boost::math::normal_distribution<>(), at_end);
  return std::clamp(crossings(along_, drift).total(), at_end, 1.0);
}

std::vector<PowerCurve::Node> PowerCurve::baseline_nodes() const {
  const MetricLaw& law = sight_.law;
  const double n = std::round(total_.baseline);
  const bool is_apart =
      law.change == MetricLaw::Change::distance || law.change == MetricLaw::Change::index;
  if (!sight_.test->compares_arms() || n <= 0.0 || is_apart) return {{1.0, law.mean, 0.0}};
  std::vector<Node> nodes;
  const double sd_of_mean = law.sd * std::sqrt(dispersion_.baseline / n);
  if (is_of_paired_numbers())  // what moves the alarm, and by how much
    return {{0.5, law.mean - sd_of_mean, 0.0}, {0.5, law.mean + sd_of_mean, 0.0}};
  if (law.change == MetricLaw::Change::quantile) {
    // The k-th smallest of n values has a share of beta(k, n - k + 1) below it.
    const double k = std::max(1.0, std::ceil(law.probability * n));
    for (double i = 0.5; i < kQuantileNodes; ++i)
      nodes.push_back(
          {1.0 / kQuantileNodes,
           law.values.quantile(boost::math::ibeta_inv(k, n - k + 1.0, i / kQuantileNodes)), 0.0});
    return nodes;
  }
  if (law.change == MetricLaw::Change::rate && !law.bursts) {
    const double low = std::max(0.0, std::floor(n * (law.mean - kFarSd * sd_of_mean)) - kFarSd);
    const double high = std::min(n, std::ceil(n * (law.mean + kFarSd * sd_of_mean)) + kFarSd);
    if (high - low <= kCountsMax) {
      const boost::math::binomial_distribution<> counts(n, law.mean);
      for (double count = low; count <= high; ++count)
        nodes.push_back({pdf(counts, count), count / n, 0.0});
      return nodes;
    }
  }
  for (double i = 0.5; i < kNodes; ++i) {
    const double z = quantile(boost::math::normal_distribution<>(), i / kNodes);
    nodes.push_back({1.0 / kNodes, law.mean + z * sd_of_mean, 0.0});
  }
  return nodes;
}

double PowerCurve::mean_at(double t) const noexcept {
  const MetricLaw& law = sight_.law;
  const double towards_harm = sight_.harm == Direction::up ? t : -t;
  switch (law.change) {
    case MetricLaw::Change::rate:
      return 0.5 + 0.5 * towards_harm / kFarthest;
    case MetricLaw::Change::factor:
    case MetricLaw::Change::quantile:
      return law.mean * std::exp(towards_harm);
    case MetricLaw::Change::distance:
    case MetricLaw::Change::index:
      return std::exp(std::max(0.0, t));
    case MetricLaw::Change::shift:
      return law.mean + towards_harm * law.sd;
  }
  return law.mean;
}

double PowerCurve::place_of(double mean) const noexcept {
  const MetricLaw& law = sight_.law;
  double rise = 0.0;
  switch (law.change) {
    case MetricLaw::Change::rate:
      rise = (2.0 * mean - 1.0) * kFarthest;
      break;
    case MetricLaw::Change::factor:
    case MetricLaw::Change::quantile:
      rise = std::log(mean / law.mean);
      break;
    case MetricLaw::Change::distance:
    case MetricLaw::Change::index:
      return std::log(mean);
    case MetricLaw::Change::shift:
      rise = (mean - law.mean) / law.sd;
      break;
  }
  return sight_.harm == Direction::up ? rise : -rise;
}

void PowerCurve::show(std::span<double> slots, std::size_t window, const Means& means) const {
  const ArmCounts& counts = windows_[window];
  if (!is_evidence(*sight_.test, counts)) return;  // as the policy has it
  if (sight_.test->name() != kOfBursts)
    return analysis::show(
        *sight_.test, slots, sight_.law,
        {.counts = counts, .baseline = means.baseline, .candidate = means.candidate});
  const Levels level = levels_.empty() ? Levels{} : levels_[window];
  Observation observation;
  observation.event = Samples{.window = window,
                              .baseline = summary_of({.count = counts.baseline,
                                                      .rate = means.baseline * level.baseline,
                                                      .share = evenly<2>(window)}),
                              .candidate = summary_of({.count = counts.candidate,
                                                       .rate = means.candidate * level.candidate,
                                                       .share = evenly<3>(window)})};
  sight_.test->update(slots, observation);
}

bool PowerCurve::halts(const Means& means) const {
  std::vector<double> slots(sight_.test->slots());
  if (sight_.test->form() == Form::distributions)  // of which all windows at once say the same
    analysis::show(*sight_.test, slots, sight_.law,
                   {.counts = total_, .baseline = means.baseline, .candidate = means.candidate});
  else
    for (std::size_t i = 0; i < windows_.size(); ++i) show(slots, i, means);
  const Evidence evidence = sight_.test->evidence(slots, sight_.budget);
  return evidence.enough && (one_look_ ? evidence.harm > 0.0 : evidence.harm >= 1.0);
}

double PowerCurve::alarm_at(double baseline_mean) const {
  constexpr double kNone = std::numeric_limits<double>::quiet_NaN();
  const double total = std::round(total_.candidate);
  if (total == 0.0) return kNone;
  const auto halts_at = [&](double mean) {
    return halts({.baseline = baseline_mean, .candidate = mean});
  };
  const bool up = sight_.harm == Direction::up;
  if (sight_.law.change == MetricLaw::Change::rate) {
    // The least number of events (of non-events, where less is harm) that halts.
    const auto rate_of = [&](double count) { return (up ? count : total - count) / total; };
    if (!halts_at(rate_of(total))) return kNone;
    const double equal = std::round(total * (up ? baseline_mean : 1.0 - baseline_mean));
    double safe = halts_at(rate_of(equal)) ? -1.0 : equal, harmful = total;
    while (harmful - safe > 1.0) {
      const double count = std::floor(0.5 * (safe + harmful));
      (halts_at(rate_of(count)) ? harmful : safe) = count;
    }
    return rate_of(harmful);
  }
  if (!halts_at(mean_at(kFarthest))) return kNone;
  double safe = halts_at(baseline_mean) ? -kFarthest : place_of(baseline_mean);
  double harmful = kFarthest;
  while (harmful - safe > 1e-9) {
    const double t = 0.5 * (safe + harmful);
    (halts_at(mean_at(t)) ? harmful : safe) = t;
  }
  return mean_at(harmful);
}

double PowerCurve::beyond(double alarm, double candidate_mean) const noexcept {
  const MetricLaw& law = sight_.law;
  const bool up = sight_.harm == Direction::up;
  const double n = std::round(total_.candidate);
  const double n_b = std::round(total_.baseline);
  if (law.change == MetricLaw::Change::index) {
    const double unit = 1.0 / n + 1.0 / n_b, degrees = law.classes - 1.0;
    const double needed = apart_by(law, alarm) / unit, shift = apart_by(law, candidate_mean) / unit;
    constexpr double kNormalFrom = 1e3;
    if (needed > kNormalFrom)
      return normal_cdf((degrees + shift - needed) / std::sqrt(2.0 * (degrees + 2.0 * shift)));
    if (shift > 10.0 * kNormalFrom) return 1.0;
    const boost::math::non_central_chi_squared_distribution<> seen(degrees, shift);
    return cdf(complement(seen, needed));
  }
  if (law.change == MetricLaw::Change::quantile) {
    // It lies beyond the alarm if too few, or enough, of the values are up to there.
    const double share = law.values.share_up_to(alarm * law.mean / candidate_mean);
    const double k = std::max(1.0, std::ceil(law.probability * n));
    const double reached = boost::math::ibeta(k, n - k + 1.0, share);
    return up ? 1.0 - reached : reached;
  }
  if (law.change == MetricLaw::Change::distance) {
    const double samples = n * (n_b / (n + n_b));
    return seen_apart(law.values, candidate_mean,
                      {.needed = apart_by(law, alarm), .samples = samples});
  }
  if (is_of_paired_numbers() || law.bursts) {
    const double further = effect_of(candidate_mean) - effect_of(alarm);
    // What the baseline's mean may be is averaged over elsewhere, but for pairs.
    const double slope = is_of_paired_numbers() ? slope_ : 0.0;
    const double z = further / standard_error(windows_.size() - 1, candidate_mean, slope);
    return normal_cdf(up ? z : -z);
  }
  if (law.change == MetricLaw::Change::rate) {
    // P(X >= k) = I_p(k, n - k + 1), of events or of non-events.
    const double k = std::round(n * (up ? alarm : 1.0 - alarm));
    const double p = std::clamp(up ? candidate_mean : 1.0 - candidate_mean, 0.0, 1.0);
    if (k <= 0.0) return 1.0;
    return k > n ? 0.0 : boost::math::ibeta(k, n - k + 1.0, p);
  }
  const double sd =
      law.change == MetricLaw::Change::factor ? law.sd * candidate_mean / law.mean : law.sd;
  const double z = std::sqrt(n) * (candidate_mean - alarm) / sd;
  return normal_cdf(up ? z : -z);
}

double PowerCurve::at_end(double candidate_mean) const noexcept {
  double power = 0.0;
  for (const Node& node : nodes_)
    if (!std::isnan(node.alarm)) power += node.weight * beyond(node.alarm, candidate_mean);
  return power;
}

double PowerCurve::at(double candidate_mean) const { return by_any_look(at_end(candidate_mean)); }

bool PowerCurve::reaches(double power, double candidate_mean) const {
  // Many looks make four fifths of a half, never of a fifth.
  const double end = at_end(candidate_mean);
  return end >= power || (end >= kLeastAtEnd * power && by_any_look(end) >= power);
}

std::optional<double> PowerCurve::smallest(double power) const {
  double needed = power;  // at the end
  if (by_any_look(needed) > power) {
    double few = kLeastAtEnd * power;
    while (needed - few > 2e-3) {
      const double middle = 0.5 * (few + needed);
      (by_any_look(middle) >= power ? needed : few) = middle;
    }
  }
  if (at_end(mean_at(kFarthest)) < needed) return std::nullopt;
  double unseen = -kFarthest, seen = kFarthest;
  while (seen - unseen > 1e-9) {
    const double t = 0.5 * (unseen + seen);
    (at_end(mean_at(t)) >= needed ? seen : unseen) = t;
  }
  return mean_at(seen);
}

}  // namespace gatewright::analysis
