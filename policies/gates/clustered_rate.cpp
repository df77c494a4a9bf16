// The normal mixture over windows.
// Used through the catalogue.
// Never counts a window in which nothing happened as evidence of a small variance.
#include "policies/gates/clustered_rate.h"

#include <algorithm>
#include <cmath>
#include <string>

#include "policies/gates/making.h"
#include "policies/gates/normal_mixture.h"
#include "policies/gates/numerics.h"

namespace gatewright {
namespace {

using Relation = HarmSpec::Relation;

/// Sums over windows of X and h, of their products, and of their products with the window before.
enum Slot : std::size_t {
  kX,
  kH,
  kXX,
  kXH,
  kHH,
  kXXXX,
  kXXBefore,
  kXHBefore,  ///< X_w h_(w-1) + h_w X_(w-1)
  kHHBefore,
  kLastX,
  kLastH,
  kWindows,
  kCandidate,
  kCandidateEvents,
  kCandidateWeight,  ///< variance of A per unit of an event's variance in this arm
  kBaseline,
  kBaselineEvents,
  kBaselineWeight,
  kSlots,
};

/// Sum of e^2, or of e_w e_(w-1), from those of X and h.
struct Products {
  double xx, xh_twice, hh;
  double about(double effect) const noexcept { return xx - effect * (xh_twice - effect * hh); }
};

}  // namespace

ClusteredRate::ClusteredRate(const HarmSpec& harm, const Settings& settings)
    : compares_arms_(harm.relation != Relation::absolute),
      sign_(gates::sign_of_harm(harm)),
      factor_(harm.relation == Relation::ratio ? harm.margin : 1.0),
      shift_(harm.relation == Relation::ratio ? 0.0 : harm.margin),
      tightest_at_(settings.tightest_at),
      min_windows_(settings.min_windows),
      min_count_(static_cast<double>(settings.min_samples)) {}

Statistic ClusteredRate::statistic() const {
  Statistic statistic;
  statistic.kind = Statistic::Kind::rate;
  return statistic;
}

std::size_t ClusteredRate::slots() const noexcept { return kSlots; }

void ClusteredRate::update(std::span<double> slots, const Observation& observation) const noexcept {
  const auto* samples = std::get_if<Samples>(&observation.event);
  if (samples == nullptr) return;
  const double n_c = static_cast<double>(samples->candidate.count);
  const double n_b = static_cast<double>(samples->baseline.count);
  const double k_c = samples->candidate.sum;
  const double k_b = samples->baseline.sum;
  if (n_c == 0.0 || (compares_arms_ && n_b == 0.0)) return;
  const double h = compares_arms_ ? n_c * (n_b / (n_c + n_b)) : n_c;
  const double x = h * (k_c / n_c - (compares_arms_ ? factor_ * (k_b / n_b) : 0.0) - shift_);
  slots[kX] += x;
  slots[kH] += h;
  slots[kXX] += x * x;
  slots[kXXXX] += x * x * (x * x);
  slots[kXH] += x * h;
  slots[kHH] += h * h;
  slots[kXXBefore] += x * slots[kLastX];
  slots[kXHBefore] += x * slots[kLastH] + h * slots[kLastX];
  slots[kHHBefore] += h * slots[kLastH];
  slots[kLastX] = x;
  slots[kLastH] = h;
  slots[kWindows] += 1.0;
  slots[kCandidate] += n_c;
  slots[kCandidateEvents] += k_c;
  slots[kCandidateWeight] += h * h / n_c;
  if (!compares_arms_) return;
  slots[kBaseline] += n_b;
  slots[kBaselineEvents] += k_b;
  slots[kBaselineWeight] += h * h / n_b;
}

ClusteredRate::LogE ClusteredRate::log_e(std::span<const double> slots,
                                         const Budget& budget) const noexcept {
  // Of n equal X this is n (and not a little less by rounding), of one X among zeros 1.
  const double carriers = 1.000001 * (slots[kXX] / slots[kXXXX] * slots[kXX]);
  if (!(carriers >= min_windows_) || slots[kCandidate] < min_count_ ||
      (compares_arms_ && slots[kBaseline] < min_count_))
    return {};
  double binomial = slots[kCandidateWeight] *
                    gates::smoothed_event_variance(slots[kCandidateEvents], slots[kCandidate]);
  if (compares_arms_)
    binomial += factor_ * factor_ * slots[kBaselineWeight] *
                gates::smoothed_event_variance(slots[kBaselineEvents], slots[kBaseline]);
  const double v = slots[kWindows];
  const double effect = slots[kX] / slots[kH];
  const double squares =
      Products{.xx = slots[kXX], .xh_twice = 2.0 * slots[kXH], .hh = slots[kHH]}.about(effect);
  const double neighbours =
      Products{.xx = slots[kXXBefore], .xh_twice = slots[kXHBefore], .hh = slots[kHHBefore]}.about(
          effect);
  const double correction = v / (v - 1.0);
  const double variance =
      std::max(binomial, correction * (squares + 2.0 * std::max(0.0, neighbours)));
  const double s = sign_ * gates::standardised(slots[kX], variance) * std::sqrt(v);
  return log_e_of({s, v}, tightest_at_, budget);
}

Evidence ClusteredRate::evidence(std::span<const double> slots,
                                 const Budget& budget) const noexcept {
  return gates::evidence_of(log_e(slots, budget), budget);
}

namespace {

std::unique_ptr<GateTest> make_clustered_rate(const GateSpec& gate, Diagnostics& diagnostics) {
  const std::size_t problems = diagnostics.size();
  const MetricInfo& metric = gates::metric_of_requests(gate, diagnostics);
  if (metric.kind != MetricKind::event)
    gates::report(diagnostics, "test",
                  "clustered_rate counts events, and " + gate.metric +
                      " is a number per request; use normal_mixture");
  if (diagnostics.size() > problems) return nullptr;
  return std::make_unique<ClusteredRate>(
      gate.harm,
      ClusteredRate::Settings{.tightest_at = gates::parameter(gate.test, "tightest_at", 100.0),
                              .min_windows = gates::parameter(gate.test, "min_windows", 40.0),
                              .min_samples = gate.min_samples});
}

}  // namespace

GateTestInfo clustered_rate_info() {
  return {
      .name = "clustered_rate",
      .guarantee = Guarantee::anytime,
      .about =
          "rates compared by what varies between windows, for events that come in bursts; valid "
          "at every look, asymptotically in the windows",
      .source =
          "normal mixture of Howard, Ramdas, McAuliffe, Sekhon, Annals of Statistics 49 (2021) "
          "1055 on self-normalised sums (de la Pena, Annals of Probability 27 (1999) 537)",
      .parameters =
          {
              gates::tightest_at_parameter(
                  {.default_text = "100",
                   .about = "windows at which the least evidence is asked for",
                   .largest = 1e9}),
              {.name = "min_windows",
               .kind = ParameterInfo::Kind::count,
               .default_text = "40",
               .about = "windows that carry the variance before any evidence is believed (about 3 "
                        "times as "
                        "many, where events do not come in bursts)",
               .choices = {},
               .smallest = 10.0,
               .largest = 1e6},
          },
      .make = make_clustered_rate,
  };
}

}  // namespace gatewright
