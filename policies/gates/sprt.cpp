// Likelihood ratios of two simple hypotheses.
// Used through the catalogue.
// Never subtracts logarithms of likelihoods: each request contributes its log ratio.
#include "policies/gates/sprt.h"

#include <algorithm>
#include <cmath>
#include <string>

#include "policies/gates/making.h"
#include "policies/gates/numerics.h"

namespace gatewright {
namespace {

using Relation = HarmSpec::Relation;

/// Absolute rates keep the counts; compared rates the two log ratios, window by window.
enum Slot : std::size_t { kCandidate, kEvents, kBaseline, kLogHarm, kLogSafety, kRateSlots };

constexpr double kOddsRatio = 2.0;  // as the catalogue writes them
constexpr double kSds = 0.2;

double with_odds_times(double p, double odds_ratio) noexcept {
  return odds_ratio * p / (1.0 + (odds_ratio - 1.0) * p);
}

}  // namespace

double bernoulli_log_ratio(double events, double others,
                           const RateHypotheses& hypotheses) noexcept {
  const auto [p0, p1] = hypotheses;
  return events * std::log(p1 / p0) + others * (std::log1p(-p1) - std::log1p(-p0));
}

double normal_log_ratio(double s, double v, double delta) noexcept {
  return delta * (s - 0.5 * delta * v);
}

Sprt::Sprt(const HarmSpec& harm, const Settings& settings)
    : compares_arms_(harm.relation != Relation::absolute),
      margin_(harm.margin),
      min_count_(std::max(1.0, static_cast<double>(settings.min_samples))),
      sds_(settings.sds),
      theta_harm_(harm.direction == Direction::up ? settings.odds_ratio
                                                  : 1.0 / settings.odds_ratio),
      theta_safety_(1.0 / theta_harm_) {
  if (!settings.is_event)
    of_numbers_.emplace(harm, NormalMixture::Settings{.is_event = false,
                                                      .log_scale = settings.log_scale,
                                                      .min_samples = settings.min_samples});
  harm_ = {.p0 = margin_, .p1 = with_odds_times(margin_, theta_harm_)};
  safety_ = {.p0 = margin_, .p1 = with_odds_times(margin_, theta_safety_)};
}

Statistic Sprt::statistic() const {
  if (of_numbers_) return of_numbers_->statistic();
  Statistic statistic;
  statistic.kind = Statistic::Kind::rate;
  return statistic;
}

std::size_t Sprt::slots() const noexcept {
  return of_numbers_ ? of_numbers_->slots() : std::size_t{kRateSlots};
}

void Sprt::update(std::span<double> slots, const Observation& observation) const noexcept {
  if (of_numbers_) return of_numbers_->update(slots, observation);
  const auto* samples = std::get_if<Samples>(&observation.event);
  if (samples == nullptr) return;
  const double n_c = static_cast<double>(samples->candidate.count);
  const double n_b = static_cast<double>(samples->baseline.count);
  const double k_c = samples->candidate.sum;
  if (n_c == 0.0 || (compares_arms_ && n_b == 0.0)) return;
  slots[kCandidate] += n_c;
  slots[kEvents] += k_c;
  if (!compares_arms_) return;
  slots[kBaseline] += n_b;
  // Each event falls on the candidate with probability pi at the edge (beta_binomial_mixture.h).
  const double pi = margin_ * n_c / (margin_ * n_c + n_b);
  const double events = k_c + samples->baseline.sum;
  const auto log_ratio = [&](double theta) {
    return k_c * std::log(theta) - events * std::log1p(pi * (theta - 1.0));
  };
  slots[kLogHarm] += log_ratio(theta_harm_);
  slots[kLogSafety] += log_ratio(theta_safety_);
}

Sprt::LogRatios Sprt::log_ratios(std::span<const double> slots) const noexcept {
  if (of_numbers_) {
    const auto [s, v, enough] = of_numbers_->score(slots, {});
    if (!enough) return {};
    return {.harm = normal_log_ratio(s, v, sds_),
            .safety = normal_log_ratio(-s, v, sds_),
            .enough = true};
  }
  if (slots[kCandidate] < min_count_ || (compares_arms_ && slots[kBaseline] < min_count_))
    return {};
  if (compares_arms_) return {.harm = slots[kLogHarm], .safety = slots[kLogSafety], .enough = true};
  const double others = std::max(0.0, slots[kCandidate] - slots[kEvents]);
  return {.harm = bernoulli_log_ratio(slots[kEvents], others, harm_),
          .safety = bernoulli_log_ratio(slots[kEvents], others, safety_),
          .enough = true};
}

Evidence Sprt::evidence(std::span<const double> slots, const Budget& budget) const noexcept {
  return gates::evidence_of(log_ratios(slots), budget);
}

namespace {

std::unique_ptr<GateTest> make_sprt(const GateSpec& gate, Diagnostics& diagnostics) {
  const std::size_t problems = diagnostics.size();
  const MetricInfo& metric = gates::metric_of_requests(gate, diagnostics);
  const bool is_event = metric.kind == MetricKind::event;
  if (is_event && gate.harm.relation == Relation::difference)
    gates::report(diagnostics, "harm",
                  "sprt needs a ratio to the baseline or an absolute rate; use two_sample_rate, or "
                  "give a ratio");
  gates::check_log_scale(gate, metric, diagnostics);
  // What is written out as its default says nothing of the wrong kind.
  if (is_event && gates::parameter(gate.test, "sds", kSds) != kSds)
    gates::report(diagnostics, "test.sds",
                  gate.metric + " is an event; say by odds_ratio how far harm is beyond the edge");
  if (!is_event && gates::parameter(gate.test, "odds_ratio", kOddsRatio) != kOddsRatio)
    gates::report(diagnostics, "test.odds_ratio",
                  gate.metric + " is no event; say by sds how far harm is beyond the edge");
  if (diagnostics.size() > problems) return nullptr;
  return std::make_unique<Sprt>(
      gate.harm, Sprt::Settings{.is_event = is_event,
                                .log_scale = gates::parameter<std::string>(gate.test, "scale",
                                                                           "linear") == "log",
                                .odds_ratio = gates::parameter(gate.test, "odds_ratio", kOddsRatio),
                                .sds = gates::parameter(gate.test, "sds", kSds),
                                .min_samples = gate.min_samples});
}

}  // namespace

GateTestInfo sprt_info() {
  return {
      .name = "sprt",
      .guarantee = Guarantee::anytime,
      .about =
          "likelihood ratio of one stated harm to the edge of harm; valid at every look, and "
          "quickest where the harm is as stated",
      .source = "Wald, Annals of Mathematical Statistics 16 (1945) 117",
      .parameters =
          {
              {.name = "odds_ratio",
               .kind = ParameterInfo::Kind::number,
               .default_text = "2",
               .about =
                   "events: how far beyond the edge harm is expected, in odds (of rare events: "
                   "times the rate)",
               .choices = {},
               .smallest = 1.001,
               .largest = 1000.0},
              {.name = "sds",
               .kind = ParameterInfo::Kind::number,
               .default_text = "0.2",
               .about = "numbers: how far beyond the edge harm is expected, in standard deviations "
                        "of one request",
               .choices = {},
               .smallest = 0.001,
               .largest = 10.0},
              {.name = "scale",
               .kind = ParameterInfo::Kind::choice,
               .default_text = "linear",
               .about = "linear: means; log: geometric means, better for latency, tokens and cost",
               .choices = {"linear", "log"}},
          },
      .make = make_sprt,
  };
}

}  // namespace gatewright
