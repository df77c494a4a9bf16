// The log ratio of two means.
// Used through the catalogue.
// Never squares a mean, which could overflow where its ratios do not.
#include "policies/gates/delta_ratio.h"

#include <algorithm>
#include <cmath>
#include <string>

#include "policies/gates/making.h"
#include "policies/gates/normal_mixture.h"
#include "policies/gates/totals.h"

namespace gatewright {
namespace {

using gates::ArmTotals;

constexpr double kDefaultMinSamples = 100.0;

/// (sd / mean)^2.
double relative_variance(const ArmTotals& arm) noexcept {
  const double mean = arm.mean();
  return arm.variance() / mean / mean;
}

}  // namespace

DeltaRatio::DeltaRatio(const HarmSpec& harm, const Settings& settings)
    : sign_(gates::sign_of_harm(harm)),
      log_margin_(std::log(harm.margin)),
      v_opt_(0.5 * settings.tightest_at),  // equal arms of n samples have 1 / W = n / 2 units
      min_count_(settings.min_samples > 0 ? std::max(2.0, static_cast<double>(settings.min_samples))
                                          : kDefaultMinSamples) {}

std::size_t DeltaRatio::slots() const noexcept { return 2 * ArmTotals::kSlots; }

void DeltaRatio::update(std::span<double> slots, const Observation& observation) const noexcept {
  const auto* samples = std::get_if<Samples>(&observation.event);
  if (samples == nullptr) return;
  gates::add(slots, samples->baseline);
  gates::add(slots.subspan(ArmTotals::kSlots), samples->candidate);
}

DeltaRatio::LogRatio DeltaRatio::log_ratio(std::span<const double> slots) const noexcept {
  const ArmTotals baseline = gates::totals(slots);
  const ArmTotals candidate = gates::totals(slots.subspan(ArmTotals::kSlots));
  if (candidate.count < min_count_ || baseline.count < min_count_) return {};
  const double b = baseline.mean(), c = candidate.mean();
  if (!(b > 0.0 && c > 0.0)) return {};
  const double of_b = relative_variance(baseline), of_c = relative_variance(candidate);
  return {.value = sign_ * (std::log(c) - std::log(b) - log_margin_),
          .variance = of_c / candidate.count + of_b / baseline.count,
          .unit = 0.5 * (of_c + of_b),
          .enough = true};
}

Evidence DeltaRatio::evidence(std::span<const double> slots, const Budget& budget) const noexcept {
  const LogRatio ratio = log_ratio(slots);
  if (!ratio.enough) return {};
  const double v = ratio.variance > 0.0 ? ratio.unit / ratio.variance : 0.0;
  const double s = gates::standardised(ratio.value, ratio.variance) * std::sqrt(v);
  return gates::evidence_of(log_e_of({s, v}, v_opt_, budget), budget);
}

namespace {

std::unique_ptr<GateTest> make_delta_ratio(const GateSpec& gate, Diagnostics& diagnostics) {
  const std::size_t problems = diagnostics.size();
  const MetricInfo& metric = gates::metric_of_requests(gate, diagnostics);
  if (metric.kind == MetricKind::event)
    gates::report(diagnostics, "test",
                  "delta_ratio compares means, and " + gate.metric +
                      " is an event; use beta_binomial_mixture");
  if (gate.harm.relation != HarmSpec::Relation::ratio)
    gates::report(diagnostics, "harm",
                  "delta_ratio needs a ratio to the baseline; use normal_mixture, or give a ratio");
  if (diagnostics.size() > problems) return nullptr;
  return std::make_unique<DeltaRatio>(
      gate.harm,
      DeltaRatio::Settings{.tightest_at = gates::parameter(gate.test, "tightest_at", 1000.0),
                           .min_samples = gate.min_samples});
}

}  // namespace

GateTestInfo delta_ratio_info() {
  return {
      .name = "delta_ratio",
      .guarantee = Guarantee::anytime,
      .about =
          "the ratio of the means of all samples so far; valid at every look while traffic or "
          "exposure stand, asymptotically in the samples",
      .source =
          "delta method (Deng, Knoblich, Lu, KDD 2018) in the normal mixture of Howard, "
          "Ramdas, McAuliffe, Sekhon, Annals of Statistics 49 (2021) 1055",
      .parameters =
          {
              gates::tightest_at_parameter(
                  {.default_text = "1000",
                   .about =
                       "samples per arm (harmonic mean of the arms) at which the least evidence is "
                       "asked for"}),
          },
      .make = make_delta_ratio,
  };
}

}  // namespace gatewright
