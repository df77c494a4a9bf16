// The exact law of the maximised log likelihood ratio of a Poisson process.
// Used through the catalogue.
// Never integrates over time: a signal can only come with an event, and each count has its latest time.
#include "policies/gates/poisson_max_sprt.h"

#include <algorithm>
#include <cmath>
#include <string>

#include "policies/gates/making.h"
#include "policies/gates/numerics.h"

namespace gatewright {
namespace {

constexpr double kNegligible = 1e-40;  // of probability: tails are asked for down to exp(-60)

/// The latest expected count t < c at which the c-th event makes the log ratio `level`. In logarithms,
/// from a bound below: c ln(c / t) = level + c - t <= level + c.
double signal_time(double c, double level) noexcept {
  double signals = std::log(c) - level / c - 1.0, too_late = std::log(c);
  for (int halving = 0; halving < 60; ++halving) {
    const double log_t = 0.5 * (signals + too_late);
    (poisson_max_log_ratio(c, std::exp(log_t)) >= level ? signals : too_late) = log_t;
  }
  return std::exp(signals);
}

constexpr double kFirstLevel = 0.05, kLastLevel = 60.0;
constexpr std::size_t kLevels = 96;
/// ln of a tail has a kink wherever a signal time passes the end, so that interpolation errs by up to
/// 0.5% of tails above 1e-12; this much is added, to keep the budget.
constexpr double kInterpolationError = 0.005;

double log_step() noexcept { return std::log(kLastLevel / kFirstLevel) / (kLevels - 1); }

enum Slot : std::size_t { kRequests, kEvents, kEnded, kSlots };

}  // namespace

double poisson_max_log_ratio(double events, double expected) noexcept {
  if (!(events > expected)) return 0.0;
  return expected - events + events * std::log(events / expected);
}

double log_poisson_max_tail(double level, const PoissonSurveillance& surveillance) {
  // alive[j] is the probability of j events at time `now` without a signal so far.
  std::vector<double> alive{1.0}, next;
  double now = 0.0, signalled = 0.0;
  for (double c = std::max(1.0, surveillance.min_events);; c += 1.0) {
    // Up to this time the c-th event signals.
    const double until = std::min(signal_time(c, level), surveillance.expected);
    const double mean = until - now;
    const auto states = static_cast<std::size_t>(c);
    next.assign(states, 0.0);
    for (std::size_t j = 0; j < alive.size(); ++j) {
      if (alive[j] < kNegligible) continue;
      // From j to below c by Poisson's weights; the rest signals.
      double weight = alive[j] * std::exp(-mean);
      std::size_t k = j;
      for (double step = 1.0; k < states; ++k, step += 1.0) {
        next[k] += weight;
        weight *= mean / step;
        if (weight < kNegligible) break;
      }
      // The tail by its own terms, which keeps small probabilities precise.
      double tail = 0.0;
      for (double step = static_cast<double>(states - j) + 1.0; k >= states && weight > 0.0;
           step += 1.0) {
        tail += weight;
        if (weight < 1e-17 * tail) break;
        weight *= mean / step;
      }
      signalled += tail;
    }
    alive.swap(next);
    now = until;
    if (until >= surveillance.expected) break;
  }
  return std::log(std::min(1.0, signalled));
}

double poisson_max_critical_value(double alpha, const PoissonSurveillance& surveillance) {
  double low = 0.0, high = 100.0;
  const double wanted = std::log(alpha);
  for (int halving = 0; halving < 50; ++halving) {
    const double level = 0.5 * (low + high);
    (log_poisson_max_tail(level, surveillance) > wanted ? low : high) = level;
  }
  return high;
}

PoissonMaxSprt::PoissonMaxSprt(const HarmSpec& harm, const PoissonSurveillance& surveillance,
                               std::uint64_t min_samples)
    : margin_(harm.margin),
      surveillance_(surveillance),
      min_count_(std::max(1.0, static_cast<double>(min_samples))) {
  log_tails_.reserve(kLevels);
  for (std::size_t i = 0; i < kLevels; ++i)
    log_tails_.push_back(log_poisson_max_tail(
        kFirstLevel * std::exp(log_step() * static_cast<double>(i)), surveillance_));
}

Statistic PoissonMaxSprt::statistic() const {
  Statistic statistic;
  statistic.kind = Statistic::Kind::rate;
  return statistic;
}

std::size_t PoissonMaxSprt::slots() const noexcept { return kSlots; }

void PoissonMaxSprt::update(std::span<double> slots,
                            const Observation& observation) const noexcept {
  const auto* samples = std::get_if<Samples>(&observation.event);
  if (samples == nullptr || slots[kEnded] != 0.0) return;
  const double requests = slots[kRequests] + static_cast<double>(samples->candidate.count);
  if (margin_ * requests > surveillance_.expected) {
    slots[kEnded] = 1.0;
    return;
  }
  slots[kRequests] = requests;
  slots[kEvents] += samples->candidate.sum;
}

double PoissonMaxSprt::log_tail(double level) const noexcept {
  if (!(level > 0.0)) return 0.0;
  // Cubic through four neighbours (Lagrange) in the logarithm of the level; beyond the last the tail
  // falls no slower than Chernoff's bound for each count, exp(-level).
  if (level >= kLastLevel) return log_tails_.back() + (kLastLevel - level);
  if (level <= kFirstLevel) return log_tails_.front() * (level / kFirstLevel);
  const double at = std::log(level / kFirstLevel) / log_step();
  const auto first = static_cast<std::size_t>(
      std::clamp(std::floor(at) - 1.0, 0.0, static_cast<double>(kLevels - 4)));
  const double x = at - static_cast<double>(first);
  const double* const y = &log_tails_[first];
  return y[0] * (x - 1.0) * (x - 2.0) * (x - 3.0) / -6.0 + y[1] * x * (x - 2.0) * (x - 3.0) / 2.0 +
         y[2] * x * (x - 1.0) * (x - 3.0) / -2.0 + y[3] * x * (x - 1.0) * (x - 2.0) / 6.0;
}

Evidence PoissonMaxSprt::evidence(std::span<const double> slots,
                                  const Budget& budget) const noexcept {
  if (slots[kRequests] < min_count_) return {};
  if (slots[kEvents] < surveillance_.min_events) return {.enough = true};
  const double level = poisson_max_log_ratio(slots[kEvents], margin_ * slots[kRequests]);
  return {.harm = gates::share_of_log_e(-log_tail(level) - kInterpolationError, budget.false_alarm),
          .enough = true};
}

namespace {

std::unique_ptr<GateTest> make_poisson_max_sprt(const GateSpec& gate, Diagnostics& diagnostics) {
  const std::size_t problems = diagnostics.size();
  const MetricInfo& metric = gates::metric_of_requests(gate, diagnostics);
  if (metric.kind != MetricKind::event)
    gates::report(diagnostics, "test",
                  "poisson_max_sprt counts events, and " + gate.metric +
                      " is a number per request; use normal_mixture");
  if (gate.harm.relation != HarmSpec::Relation::absolute)
    gates::report(diagnostics, "harm",
                  "poisson_max_sprt needs an absolute rate; use beta_binomial_mixture to compare");
  if (gate.harm.direction == Direction::down)
    gates::report(diagnostics, "harm",
                  "poisson_max_sprt sees events that are too many, not too few; use "
                  "beta_binomial_mixture");
  const PoissonSurveillance surveillance{
      .expected = gates::parameter(gate.test, "expected_events", 20.0),
      .min_events = gates::parameter(gate.test, "min_events", 1.0)};
  if (diagnostics.size() > problems) return nullptr;
  return std::make_unique<PoissonMaxSprt>(gate.harm, surveillance, gate.min_samples);
}

}  // namespace

GateTestInfo poisson_max_sprt_info() {
  return {
      .name = "poisson_max_sprt",
      .guarantee = Guarantee::fixed_looks,
      .about =
          "an absolute rate of rare events, watched until a stated number of them was to be "
          "expected; keeps the budget at any looks within",
      .source = "Kulldorff, Davis, Kolczak, Lewis, Lieu, Platt, Sequential Analysis 30 (2011) 58",
      .parameters =
          {
              {.name = "expected_events",
               .kind = ParameterInfo::Kind::number,
               .default_text = "20",
               .about = "the surveillance ends when so many events were to be expected at the edge "
                        "of harm",
               .choices = {},
               .smallest = 0.1,
               .largest = 500.0},
              {.name = "min_events",
               .kind = ParameterInfo::Kind::count,
               .default_text = "1",
               .about = "fewer events are no signal",
               .choices = {},
               .smallest = 1.0,
               .largest = 50.0},
          },
      .make = make_poisson_max_sprt,
  };
}

}  // namespace gatewright
