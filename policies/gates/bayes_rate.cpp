// Beta posteriors of two rates.
// Used through the catalogue.
// Never subtracts a probability from 1 to get a small one.
#include "policies/gates/bayes_rate.h"

#include <algorithm>
#include <cmath>

#include "policies/gates/incomplete_beta.h"
#include "policies/gates/making.h"
#include "policies/gates/numerics.h"

namespace gatewright {
namespace {

using Relation = HarmSpec::Relation;

/// ln of the integral over [low, high] of exp(f), for a concave f: the trapezoidal rule between the
/// places where f is kDepth below its maximum, which analytic functions reward with errors that
/// fall exponentially in the number of steps.
template <typename Function>
double log_integral(double low, double high, const Function& f) noexcept {
  constexpr double kGolden = 0.6180339887498949, kDepth = 40.0;
  constexpr int kSteps = 128;
  double left = low, right = high;
  double a = right - kGolden * (right - left), b = left + kGolden * (right - left);
  double at_a = f(a), at_b = f(b);
  for (int step = 0; step < 56; ++step) {
    if (at_a > at_b) {
      right = b, b = a, at_b = at_a;
      a = right - kGolden * (right - left), at_a = f(a);
    } else {
      left = a, a = b, at_a = at_b;
      b = left + kGolden * (right - left), at_b = f(b);
    }
  }
  const double mode = at_a > at_b ? a : b;
  const double most = std::max(at_a, at_b);
  const auto edge = [&](double outside) {
    double inside = mode;
    for (int halving = 0; halving < 44; ++halving) {
      const double t = 0.5 * (inside + outside);
      (f(t) > most - kDepth ? inside : outside) = t;
    }
    return inside;
  };
  const double from = edge(low), to = edge(high);
  double sum = 0.0;
  for (int step = 0; step <= kSteps; ++step) {
    const double weight = step == 0 || step == kSteps ? 0.5 : 1.0;
    sum += weight * std::exp(f(from + (to - from) * step / kSteps) - most);
  }
  return most + std::log(sum * (to - from) / kSteps);
}

double log_odds(double p) noexcept { return std::log(p) - std::log1p(-p); }

/// ln P(rate > level) and ln P(rate <= level).
double log_above(const BetaPosterior& rate, double level) noexcept {
  return gates::log_beta_cdf({.a = rate.b, .b = rate.a, .x = 1.0 - level});
}
double log_up_to(const BetaPosterior& rate, double level) noexcept {
  return gates::log_beta_cdf({.a = rate.a, .b = rate.b, .x = level});
}

class BayesRate final : public GateTest {
 public:
  struct Settings {
    double prior_a = 1.0, prior_b = 1.0;
    double probability = 0.95;
    std::uint64_t min_samples = 0;
  };
  BayesRate(const HarmSpec& harm, const Settings& settings)
      : harm_(harm),
        settings_(settings),
        log_doubt_(std::log1p(-settings.probability)),
        min_count_(std::max(1.0, static_cast<double>(settings.min_samples))) {}

  std::string_view name() const noexcept override { return "bayes_rate"; }
  Guarantee guarantee() const noexcept override { return Guarantee::none; }
  Form form() const noexcept override { return Form::samples; }
  Statistic statistic() const override {
    Statistic statistic;
    statistic.kind = Statistic::Kind::rate;
    return statistic;
  }
  std::size_t slots() const noexcept override { return kSlots; }
  bool compares_arms() const noexcept override { return harm_.relation != Relation::absolute; }

  void update(std::span<double> slots, const Observation& observation) const noexcept override {
    const auto* samples = std::get_if<Samples>(&observation.event);
    if (samples == nullptr) return;
    slots[kCandidate] += static_cast<double>(samples->candidate.count);
    slots[kCandidateEvents] += samples->candidate.sum;
    slots[kBaseline] += static_cast<double>(samples->baseline.count);
    slots[kBaselineEvents] += samples->baseline.sum;
  }

  /// The doubt that is left, on the scale of logarithms: at the wanted probability the share is 1.
  Evidence evidence(std::span<const double> slots, const Budget&) const noexcept override {
    if (slots[kCandidate] < min_count_ || (compares_arms() && slots[kBaseline] < min_count_))
      return {};
    const BetaPosterior candidate = posterior(slots[kCandidateEvents], slots[kCandidate]);
    LogProbability is_above;
    if (!compares_arms()) {
      is_above = {.yes = log_above(candidate, harm_.margin),
                  .no = log_up_to(candidate, harm_.margin)};
    } else {
      const bool is_ratio = harm_.relation == Relation::ratio;
      is_above = log_probability_above(
          candidate, posterior(slots[kBaselineEvents], slots[kBaseline]),
          {.factor = is_ratio ? harm_.margin : 1.0, .shift = is_ratio ? 0.0 : harm_.margin});
    }
    const bool up = harm_.direction == Direction::up;
    return {.harm = gates::as_share((up ? is_above.no : is_above.yes) / log_doubt_),
            .safety = gates::as_share((up ? is_above.yes : is_above.no) / log_doubt_),
            .enough = true};
  }

 private:
  enum Slot : std::size_t { kCandidate, kCandidateEvents, kBaseline, kBaselineEvents, kSlots };

  BetaPosterior posterior(double events, double count) const noexcept {
    return {.a = settings_.prior_a + events,
            .b = settings_.prior_b + std::max(0.0, count - events)};
  }

  HarmSpec harm_;
  Settings settings_;
  double log_doubt_;
  double min_count_;
};

std::unique_ptr<GateTest> make_bayes_rate(const GateSpec& gate, Diagnostics& diagnostics) {
  const std::size_t problems = diagnostics.size();
  const MetricInfo& metric = gates::metric_of_requests(gate, diagnostics);
  if (metric.kind != MetricKind::event)
    gates::report(diagnostics, "test",
                  "bayes_rate counts events, and " + gate.metric +
                      " is a number per request; use bayes_mean");
  const BayesRate::Settings settings{.prior_a = gates::parameter(gate.test, "prior_events", 1.0),
                                     .prior_b = gates::parameter(gate.test, "prior_others", 1.0),
                                     .probability = gates::probability_of(gate, diagnostics),
                                     .min_samples = gate.min_samples};
  if (!(settings.prior_a >= 0.5 && settings.prior_b >= 0.5))
    gates::report(diagnostics, "test.prior_events", "expected priors of at least 0.5");
  if (diagnostics.size() > problems) return nullptr;
  return std::make_unique<BayesRate>(gate.harm, settings);
}

}  // namespace

LogProbability log_probability_above(const BetaPosterior& candidate, const BetaPosterior& baseline,
                                     const RateEdge& edge) noexcept {
  const auto [a, b] = baseline;
  // In log odds t the baseline's density is exp(a t) / (1 + exp(t))^(a + b), here relative to its
  // largest value, by deviance. Times the candidate's probability it is log-concave, and its bulk
  // lies between the two posteriors, however far apart they are.
  const auto rate_at = [](double t) { return 1.0 / (1.0 + std::exp(-t)); };
  const auto log_density = [a = a, b = b, &rate_at](double t) {
    return -gates::deviance_part(a, (a + b) * rate_at(t)) -
           gates::deviance_part(b, (a + b) * rate_at(-t));
  };
  const double all = gates::log_whole_mass({.a = a, .b = b, .x = a / (a + b)});
  const auto level_at = [&](double t) { return edge.factor * rate_at(t) + edge.shift; };
  // Where the level is a rate at all: below it nothing is certain, above it everything.
  constexpr double kFarthest = 700.0;
  const double least = -edge.shift / edge.factor, most = (1.0 - edge.shift) / edge.factor;
  const double low = least > 0.0 ? least < 1.0 ? log_odds(least) : kFarthest : -kFarthest;
  const double high = most < 1.0 ? most > 0.0 ? log_odds(most) : -kFarthest : kFarthest;
  const auto finite = [](double log_p) { return std::max(log_p, -1e300); };
  LogProbability result{.yes = -1e300, .no = -1e300};
  if (high > -kFarthest)
    result.yes = log_integral(-kFarthest, high, [&](double t) {
      return log_density(t) + finite(log_above(candidate, level_at(t)));
    });
  if (low < kFarthest)
    result.no = log_integral(low, kFarthest, [&](double t) {
      return log_density(t) + finite(log_up_to(candidate, level_at(t)));
    });
  return {.yes = std::min(0.0, result.yes - all), .no = std::min(0.0, result.no - all)};
}

GateTestInfo bayes_rate_info() {
  return {
      .name = "bayes_rate",
      .guarantee = Guarantee::none,
      .about = "fails when the posterior probability of a harmful rate passes a limit",
      .source = "beta posteriors, as in VWO's and others' Bayesian reports (Stucchio 2015)",
      .parameters =
          {
              gates::probability_parameter(),
              {.name = "prior_events",
               .kind = ParameterInfo::Kind::number,
               .default_text = "1",
               .about = "events that each arm is taken to have shown before",
               .choices = {},
               .smallest = 0.5,
               .largest = 1e9},
              {.name = "prior_others",
               .kind = ParameterInfo::Kind::number,
               .default_text = "1",
               .about = "requests without an event, likewise",
               .choices = {},
               .smallest = 0.5,
               .largest = 1e9},
          },
      .make = make_bayes_rate,
  };
}

}  // namespace gatewright
