// Bare thresholds on means, rates, readings and quantiles of one window.
// Used through the catalogue; strict on every side: a candidate exactly at its limit is no harm.
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
#include "policies/gates/numerics.h"
#include "policies/histogram.h"

namespace gatewright {
namespace {

using gates::parameter;
using gates::report;
using Relation = HarmSpec::Relation;

/// Products of doubles decide "above" up to this relative error, so that 29 of 100 is not above
/// 29%.
constexpr double kSlack = 1e-12;

constexpr const char* kAfter = "1 consecutive";
constexpr const char* kDefinition = "linear";

/// What one arm showed in one window: a number total / count. Totals and counts are kept apart
/// because counts below 2^53 are exact and a quotient is not.
struct ArmLook {
  double total = 0.0;
  double count = 0.0;
};

/// One window: the arms that the relation compares; without both there is no look.
struct Look {
  ArmLook baseline, candidate;
};

class FixedThreshold final : public GateTest {
 public:
  FixedThreshold(HarmSpec harm, Form form, Statistic statistic, std::uint64_t min_samples,
                 CountingRule after)
      : harm_(harm),
        sign_(gates::sign_of_harm(harm)),
        form_(form),
        statistic_(std::move(statistic)),
        min_samples_(min_samples),
        after_(after) {}

  std::string_view name() const noexcept override { return "fixed_threshold"; }
  Guarantee guarantee() const noexcept override { return Guarantee::none; }
  Form form() const noexcept override { return form_; }
  Statistic statistic() const override { return statistic_; }
  std::size_t slots() const noexcept override { return kSlots; }
  bool compares_arms() const noexcept override { return harm_.relation != Relation::absolute; }

  void update(std::span<double> slots, const Observation& observation) const noexcept override {
    const std::optional<Look> look = look_at(observation.event);
    slots[kLooked] = look ? 1.0 : 0.0;
    if (!look) return;
    const bool failed = is_harmful(*look);
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

  std::optional<Look> look_at(const Event& event) const noexcept {
    const auto look = [this](const auto& window) -> std::optional<Look> {
      const auto candidate = arm(window.candidate);
      const auto baseline = compares_arms() ? arm(window.baseline) : ArmLook{};
      if (!candidate || !baseline) return std::nullopt;
      return Look{.baseline = *baseline, .candidate = *candidate};
    };
    if (const auto* samples = std::get_if<Samples>(&event)) return look(*samples);
    if (const auto* readings = std::get_if<Readings>(&event)) return look(*readings);
    if (const auto* distributions = std::get_if<Distributions>(&event)) return look(*distributions);
    return std::nullopt;
  }

  std::optional<ArmLook> arm(const Summary& summary) const noexcept {
    if (summary.count < std::max<std::uint64_t>(1, min_samples_)) return std::nullopt;
    return ArmLook{.total = summary.sum, .count = static_cast<double>(summary.count)};
  }

  std::optional<ArmLook> arm(const Reading& reading) const noexcept {
    if (reading.status != ReadingStatus::ok || !std::isfinite(reading.value) ||
        reading.count < min_samples_)
      return std::nullopt;
    return ArmLook{.total = reading.value, .count = 1.0};
  }

  std::optional<ArmLook> arm(HistogramView view) const noexcept {
    if (count(view) < std::max<std::uint64_t>(1, min_samples_)) return std::nullopt;
    return ArmLook{.total = quantile(view, statistic_.probability), .count = 1.0};
  }

  /// candidate > limit, cross-multiplied: total_c n_b > limit_total n_c with n_b = 1 where nothing
  /// is compared. Mirrored where less is harm.
  bool is_harmful(const Look& look) const noexcept {
    const auto& [baseline, candidate] = look;
    switch (harm_.relation) {
      case Relation::ratio:
        return is_beyond(candidate.total * baseline.count,
                         harm_.margin * baseline.total * candidate.count, 0.0);
      case Relation::difference:
        return is_beyond(candidate.total * baseline.count, baseline.total * candidate.count,
                         harm_.margin * baseline.count * candidate.count);
      case Relation::absolute:
        return is_beyond(candidate.total, harm_.margin * candidate.count, 0.0);
    }
    return false;
  }

  /// Whether value > base + allowance, or below where less is harm, by more than rounding.
  bool is_beyond(double value, double base, double allowance) const noexcept {
    const double slack = kSlack * std::max({std::abs(value), std::abs(base), std::abs(allowance)});
    return sign_ * (value - base - allowance) > slack;
  }

  HarmSpec harm_;
  double sign_;
  Form form_;
  Statistic statistic_;
  std::uint64_t min_samples_;
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
  return std::make_unique<FixedThreshold>(gate.harm, form, std::move(statistic), gate.min_samples,
                                          *after);
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
