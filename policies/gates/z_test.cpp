// z tests on cumulated samples: pooled, Wald, log-ratio, two-sample and one-sample.
// Used through the catalogue.
// Never uses pairing: paired samples are weighed as independent, which is conservative when the
// arms agree more often than by chance.
#include "policies/gates/z_test.h"

#include <algorithm>
#include <cmath>
#include <string>

#include "policies/gates/making.h"
#include "policies/gates/numerics.h"
#include "policies/gates/totals.h"

namespace gatewright {
namespace {

using gates::ArmTotals;
using gates::parameter;
using Relation = HarmSpec::Relation;

class ZTest final : public GateTest {
 public:
  struct Settings {
    bool is_event = false;
    bool two_sided = false;
    double alpha = 0.05;
    std::uint64_t min_samples = 0;
  };

  ZTest(HarmSpec harm, Settings settings)
      : harm_(harm),
        is_event_(settings.is_event),
        two_sided_(settings.two_sided),
        sign_(gates::sign_of_harm(harm)),
        critical_(gates::normal_quantile_above(settings.two_sided ? settings.alpha / 2.0
                                                                  : settings.alpha)),
        min_count_(std::max(2.0, static_cast<double>(settings.min_samples))) {}

  std::string_view name() const noexcept override { return "z_test"; }
  Guarantee guarantee() const noexcept override { return Guarantee::none; }
  Form form() const noexcept override { return Form::samples; }
  Statistic statistic() const override {
    Statistic statistic;
    if (is_event_) statistic.kind = Statistic::Kind::rate;
    return statistic;
  }
  std::size_t slots() const noexcept override { return 2 * ArmTotals::kSlots; }
  bool compares_arms() const noexcept override { return harm_.relation != Relation::absolute; }

  void update(std::span<double> slots, const Observation& observation) const noexcept override {
    const auto* samples = std::get_if<Samples>(&observation.event);
    if (samples == nullptr) return;
    gates::add(slots.first(ArmTotals::kSlots), samples->baseline);
    gates::add(slots.subspan(ArmTotals::kSlots), samples->candidate);
  }

  Evidence evidence(std::span<const double> slots, const Budget&) const noexcept override {
    const ArmTotals baseline = gates::totals(slots.first(ArmTotals::kSlots));
    const ArmTotals candidate = gates::totals(slots.subspan(ArmTotals::kSlots));
    if (candidate.count < min_count_ || (compares_arms() && baseline.count < min_count_)) return {};
    const double towards_harm = sign_ * z(baseline, candidate) / critical_;
    return {.harm = gates::as_share(two_sided_ ? std::abs(towards_harm) : towards_harm),
            .safety = gates::as_share(-towards_harm),
            .enough = true};
  }

 private:
  /// Distance of the candidate from the edge of harm, in standard errors.
  double z(const ArmTotals& baseline, const ArmTotals& candidate) const noexcept {
    if (is_event_) return gates::rate_z(harm_, baseline, candidate);
    const double margin = harm_.margin;
    if (harm_.relation == Relation::absolute)
      return gates::standardised(candidate.mean() - margin, candidate.variance() / candidate.count);
    const bool is_ratio = harm_.relation == Relation::ratio;
    // Welch, Biometrika 34 (1947) 28; for a ratio the contrast of Fieller, JRSS B 16 (1954) 175.
    const double factor = is_ratio ? margin : 1.0;
    const double shift = is_ratio ? 0.0 : margin;
    return gates::standardised(candidate.mean() - factor * baseline.mean() - shift,
                               candidate.variance() / candidate.count +
                                   factor * factor * baseline.variance() / baseline.count);
  }

  HarmSpec harm_;
  bool is_event_, two_sided_;
  double sign_;
  double critical_;
  double min_count_;  ///< of each arm that is compared, since the evidence began
};

std::unique_ptr<GateTest> make_z_test(const GateSpec& gate, Diagnostics& diagnostics) {
  const std::size_t problems = diagnostics.size();
  const MetricInfo& metric = gates::metric_of_requests(gate, diagnostics);
  const double alpha = parameter(gate.test, "alpha", 0.05);
  if (!(alpha > 0.0 && alpha < 0.5))
    gates::report(diagnostics, "test.alpha", "expected a share above 0% and below 50%");
  if (diagnostics.size() > problems) return nullptr;
  return std::make_unique<ZTest>(
      gate.harm,
      ZTest::Settings{.is_event = metric.kind == MetricKind::event,
                      .two_sided = parameter<std::string>(gate.test, "sides", "one") == "two",
                      .alpha = alpha,
                      .min_samples = gate.min_samples});
}

}  // namespace

GateTestInfo z_test_info() {
  return {
      .name = "z_test",
      .guarantee = Guarantee::none,
      .about =
          "fails when all samples so far differ significantly, as a test of one look would say",
      .source =
          "pooled two-proportion z; Katz et al. 1978 for ratios of rates; Welch 1947 for means",
      .parameters =
          {
              gates::level_parameter(),
              {.name = "sides",
               .kind = ParameterInfo::Kind::choice,
               .default_text = "one",
               .about = "one: harm is a difference in the harmful direction; two: any difference",
               .choices = {"one", "two"}},
          },
      .make = make_z_test,
  };
}

}  // namespace gatewright
