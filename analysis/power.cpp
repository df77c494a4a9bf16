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
#include <boost/math/distributions/normal.hpp>
#include <boost/math/special_functions/beta.hpp>

#include "policies/assert.h"

namespace gatewright::analysis {
namespace {

constexpr std::string_view kThreshold = "fixed_threshold";
constexpr auto kOfTotals = std::to_array<std::string_view>(
    {"asymptotic_sequence", "bayes_mean", "bayes_rate", "beta_binomial_mixture", "delta_ratio",
     "detected_rate", "group_sequential", "normal_mixture", "poisson_max_sprt", "sprt",
     "two_proportion_z", "two_sample_rate", "welch_t", "wilson", "z_test"});

/// Of them, those that compare totals over all windows; the others compare the arms window by
/// window.
constexpr auto kAcrossWindows = std::to_array<std::string_view>(
    {"asymptotic_sequence", "bayes_mean", "bayes_rate", "delta_ratio", "two_proportion_z",
     "welch_t", "wilson", "z_test"});

/// Windows that a path is played in. Where each is a look, more of them see a little more.
constexpr std::size_t kWindowsMax = 32;
/// Where few of them are looks: as fine as the windows that make a look due.
constexpr std::size_t kPlannedWindowsMax = 512;
constexpr double kNodes = 32.0;
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

/// An arm's window with this mean, as its sufficient statistics.
[[nodiscard]] Summary summary_of(const MetricLaw& law, double count, double mean) {
  const double squares_about_mean = law.change == MetricLaw::Change::factor
                                        ? law.sd * law.sd * (mean / law.mean) * (mean / law.mean)
                                        : law.sd * law.sd;
  const bool is_rate = law.change == MetricLaw::Change::rate;
  return {.count = static_cast<std::uint64_t>(count),
          .sum = count * mean,
          .sum_of_squares =
              is_rate ? count * mean
                      : std::max(0.0, count - 1.0) * squares_about_mean + count * mean * mean};
}

}  // namespace

bool weighs_totals(const GateTest& test) noexcept {
  return test.form() == Form::samples && is_one_of(kOfTotals, test);
}

PowerCurve::PowerCurve(const Sight& sight)
    : sight_(sight), one_look_(sight.test->name() == kThreshold) {
  GATEWRIGHT_ASSERT(one_look_ || weighs_totals(*sight.test));
  const bool is_planned = sight.test->guarantee() == Guarantee::fixed_looks;
  windows_ = merged(one_look_ ? sight.windows.last(std::min<std::size_t>(1, sight.windows.size()))
                              : sight.windows,
                    is_planned ? kPlannedWindowsMax : kWindowsMax);
  total_ = effective_until(windows_.size());
  const double usual = alarm_at(sight_.law.mean);
  if (!one_look_ && !std::isnan(usual)) find_looks(usual);
  nodes_ = baseline_nodes();
  for (Node& node : nodes_) node.alarm = alarm_at(node.baseline);
  if (!one_look_ && !std::isnan(usual)) find_bounds(usual);
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
  if (!sight_.test->compares_arms() || weights == 0.0 || is_one_of(kAcrossWindows, *sight_.test))
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

void PowerCurve::find_looks(double alarm) {
  const std::vector<double> harm = harm_along(alarm);
  for (std::size_t i = 0; i < harm.size(); ++i)
    if (harm[i] != (i == 0 ? 0.0 : harm[i - 1])) looks_.push_back(i);
  if (looks_.empty()) return;
  windows_.resize(looks_.back() + 1);
  total_ = effective_until(windows_.size());
}

/// The bound of each look in standard deviations, with the baseline at its mean: where the means of
/// a grid, ever farther from the baseline's, first halt at that look.
void PowerCurve::find_bounds(double alarm) {
  constexpr double kStepsPerOctave = 8.0;
  const double end = place_of(alarm), none = place_of(sight_.law.mean);
  if (looks_.empty() || end <= none) return;
  std::vector<double> bounds(looks_.size(), kNever), before(looks_.size(), 0.0);
  const double slope = slope_of_alarms();
  double previous = none;
  for (double octave = -4.0; octave <= 5.0; octave += 1.0 / kStepsPerOctave) {
    const double place = none + (end - none) * std::exp2(octave);
    const double mean = mean_at(place);
    if (sight_.law.change == MetricLaw::Change::rate && !(mean > 0.0 && mean < 1.0)) break;
    const std::vector<double> harm = harm_along(mean);
    for (std::size_t k = 0; k < looks_.size(); ++k) {
      const double now = harm[looks_[k]];
      if (bounds[k] == kNever && now >= 1.0) {
        const double share = now > before[k] ? (1.0 - before[k]) / (now - before[k]) : 1.0;
        const double first = mean_at(previous + std::clamp(share, 0.0, 1.0) * (place - previous));
        bounds[k] = std::abs(first - sight_.law.mean) / standard_error(looks_[k], alarm, slope);
      }
      before[k] = now;
    }
    previous = place;
  }
  const double last = standard_error(looks_.back(), alarm, slope);
  for (const std::size_t look : looks_) {
    const double error = standard_error(look, alarm, slope);
    along_.fractions.push_back(last * last / (error * error));
  }
  bounds.back() = std::abs(alarm - sight_.law.mean) / last;
  along_.bounds = std::move(bounds);
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

/// Of the candidate's mean less what the baseline's moves the alarm by, after the window `look`.
double PowerCurve::standard_error(std::size_t look, double candidate_mean, double slope) const {
  const MetricLaw& law = sight_.law;
  const ArmCounts counts = effective_until(look + 1);
  const double sd = law.change == MetricLaw::Change::factor ? law.sd * candidate_mean / law.mean
                    : law.change == MetricLaw::Change::rate
                        ? std::sqrt(candidate_mean * (1.0 - candidate_mean))
                        : law.sd;
  double variance = sd * sd / counts.candidate;
  if (sight_.test->compares_arms()) variance += slope * slope * law.sd * law.sd / counts.baseline;
  return std::sqrt(variance);
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
  if (!sight_.test->compares_arms() || n <= 0.0) return {{1.0, law.mean, 0.0}};
  std::vector<Node> nodes;
  const double sd_of_mean = law.sd / std::sqrt(n);
  if (law.change == MetricLaw::Change::rate) {
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
      return law.mean * std::exp(towards_harm);
    case MetricLaw::Change::shift:
      return law.mean + towards_harm * law.sd;
  }
  return law.mean;
}

double PowerCurve::place_of(double mean) const noexcept {
  const MetricLaw& law = sight_.law;
  const double rise = law.change == MetricLaw::Change::factor ? std::log(mean / law.mean)
                      : law.change == MetricLaw::Change::rate ? (2.0 * mean - 1.0) * kFarthest
                                                              : (mean - law.mean) / law.sd;
  return sight_.harm == Direction::up ? rise : -rise;
}

void PowerCurve::show(std::span<double> slots, std::size_t window, const Means& means) const {
  const ArmCounts& counts = windows_[window];
  if (counts.candidate == 0.0 || (sight_.test->compares_arms() && counts.baseline == 0.0))
    return;  // no evidence, as the policy has it
  Observation observation;
  observation.event =
      Samples{.window = window,
              .baseline = summary_of(sight_.law, counts.baseline, means.baseline),
              .candidate = summary_of(sight_.law, counts.candidate, means.candidate)};
  sight_.test->update(slots, observation);
}

bool PowerCurve::halts(const Means& means) const {
  std::vector<double> slots(sight_.test->slots());
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
