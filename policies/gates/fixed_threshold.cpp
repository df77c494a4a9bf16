// Bare thresholds on means, rates, readings and quantiles of one window.
// Used through the catalogue; threshold_look.h says what one window shows.
// Never counts a look that has too few samples, and never lets it break a row of failing looks.
#include "policies/gates/fixed_threshold.h"

#include <algorithm>
#include <cmath>
#include <optional>
#include <string>
#include <tuple>
#include <utility>
#include <vector>

#include "policies/assert.h"
#include "policies/gates/counting_rule.h"
#include "policies/gates/making.h"
#include "policies/gates/threshold_look.h"

namespace gatewright {
namespace {

using gates::parameter;
using gates::report;

constexpr const char* kAfter = "1 consecutive";
constexpr const char* kDefinition = "linear";

class FixedThreshold final : public GateTest {
 public:
  FixedThreshold(ThresholdLook look, Form form, Statistic statistic, CountingRule after)
      : look_(look), form_(form), statistic_(std::move(statistic)), after_(after) {}

  std::string_view name() const noexcept override { return "fixed_threshold"; }
  Guarantee guarantee() const noexcept override { return Guarantee::none; }
  Form form() const noexcept override { return form_; }
  Statistic statistic() const override { return statistic_; }
  std::size_t slots() const noexcept override { return kSlots; }
  bool compares_arms() const noexcept override { return look_.compares_arms(); }

  void update(std::span<double> slots, const Observation& observation) const noexcept override {
    const auto seen = look_.look_at(observation.event);
    slots[kLooked] = seen ? 1.0 : 0.0;
    if (!seen) return;
    const bool failed = look_.is_harmful(*seen);
    slots[kPassed] = failed ? 0.0 : 1.0;
    after_.count(slots.subspan(kRule), failed);
  }

  Evidence evidence(std::span<const double> slots, const Budget&) const noexcept override {
    return {.harm = after_.share(slots.subspan(kRule)),
            .safety = slots[kPassed],
            .enough = slots[kLooked] != 0.0};
  }

 private:
  enum Slot : std::size_t { kLooked, kPassed, kRule, kSlots = kRule + CountingRule::kSlots };

  ThresholdLook look_;
  Form form_;
  Statistic statistic_;
  CountingRule after_;
};

/// The statistic and form of a quantile gate by its definition.
std::pair<Form, Statistic> quantile_of(const GateSpec& gate, Diagnostics& diagnostics) {
  Statistic statistic{.kind = Statistic::Kind::quantile,
                      .probability = gate.harm.probability,
                      .definition = QuantileDefinition::linear,
                      .buckets = {}};
  const auto definition = parameter<std::string>(gate.test, "definition", kDefinition);
  const auto buckets = parameter<std::vector<double>>(gate.test, "buckets", {});
  if (definition == "histogram_quantile") {
    statistic.definition = QuantileDefinition::histogram_quantile;
    statistic.buckets = buckets;
    const bool finite = std::ranges::all_of(buckets, [](double b) { return std::isfinite(b); });
    const bool rising =
        std::ranges::adjacent_find(buckets, std::ranges::greater_equal{}) == buckets.end();
    if (buckets.empty() || !finite || !rising)
      report(diagnostics, "test.buckets",
             "histogram_quantile needs the upper bounds of the metrics store's buckets, finite and "
             "rising");
    return {Form::readings, statistic};
  }
  if (!buckets.empty())
    report(diagnostics, "test.buckets",
           "buckets belong to definition histogram_quantile, not to " + definition);
  if (definition == "histogram") {
    statistic.definition = QuantileDefinition::nearest_rank;
    return {Form::distributions, statistic};
  }
  if (definition == "nearest_rank") statistic.definition = QuantileDefinition::nearest_rank;
  return {Form::readings, statistic};
}

std::unique_ptr<GateTest> make_fixed_threshold(const GateSpec& gate, Diagnostics& diagnostics) {
  const std::size_t problems = diagnostics.size();
  const MetricInfo* metric = find_metric(gate.metric);
  GATEWRIGHT_ASSERT(metric != nullptr);

  if (gate.harm.kind == HarmSpec::Kind::distribution)
    report(diagnostics, "harm",
           "fixed_threshold weighs means, rates, readings and quantiles; for a distribution use "
           "dkw_sequence, ks or psi");
  Form form = Form::samples;
  Statistic statistic;
  if (gate.harm.kind == HarmSpec::Kind::quantile) {
    std::tie(form, statistic) = quantile_of(gate, diagnostics);
  } else {
    if (parameter<std::string>(gate.test, "definition", kDefinition) != kDefinition)
      report(diagnostics, "test.definition", "only a quantile has a definition");
    if (!parameter<std::vector<double>>(gate.test, "buckets", {}).empty())
      report(diagnostics, "test.buckets", "only a quantile has buckets");
    if (metric->kind == MetricKind::event) statistic.kind = Statistic::Kind::rate;
    if (metric->kind == MetricKind::gauge) {
      form = Form::readings;
      if (gate.min_samples > 0)
        report(diagnostics, "min_samples", gate.metric + " is a reading and has no samples");
    }
  }

  const auto after_text = parameter<std::string>(gate.test, "after", kAfter);
  const auto after = parse_counting_rule(after_text);
  if (!after)
    report(diagnostics, "test.after",
           "expected a counting rule such as 2 consecutive, 3 of 5 (of at most 64) or 4 "
           "cumulative, got '" +
               after_text + "'");

  if (diagnostics.size() > problems) return nullptr;
  const ThresholdLook look(gate.harm, gate.min_samples, statistic.probability);
  return std::make_unique<FixedThreshold>(look, form, std::move(statistic), *after);
}

}  // namespace

GateTestInfo fixed_threshold_info() {
  return {
      .name = "fixed_threshold",
      .guarantee = Guarantee::none,
      .about = "fails when the window's mean, rate or quantile is beyond the limit",
      .source =
          "the rule of most canary tools; quantiles after Hyndman and Fan, The American "
          "Statistician 50 (1996) 361",
      .parameters =
          {
              {.name = "after",
               .kind = ParameterInfo::Kind::counting_rule,
               .default_text = kAfter,
               .about =
                   "failing looks that make the gate fail: K consecutive, K of N, K cumulative",
               .choices = {}},
              {.name = "definition",
               .kind = ParameterInfo::Kind::choice,
               .default_text = kDefinition,
               .about = "which sample quantile: linear (type 7), nearest_rank (type 1), "
                        "histogram_quantile (within the metrics store's buckets), histogram "
                        "(nearest rank on the built-in grid, within 0.4%)",
               .choices = {"linear", "nearest_rank", "histogram_quantile", "histogram"}},
              {.name = "buckets",
               .kind = ParameterInfo::Kind::numbers,
               .default_text = "[]",
               .about = "upper bounds of the metrics store's buckets, in the metric's unit",
               .choices = {}},
          },
      .make = make_fixed_threshold,
  };
}

}  // namespace gatewright
