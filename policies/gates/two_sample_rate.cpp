// The gate test that bets on events.
// Used through the catalogue.
// Never knows where its edge comes from.
#include "policies/gates/two_sample_rate.h"

#include <algorithm>
#include <string>

#include "policies/gates/making.h"
#include "policies/gates/numerics.h"

namespace gatewright {

using Relation = HarmSpec::Relation;

RateBetTest::RateBetTest(const gates::LinearEdge& edge, const Settings& settings)
    : name_(settings.name),
      bets_(edge, settings.tightest_at),
      min_count_(std::max(1.0, static_cast<double>(settings.min_samples))) {}

Statistic RateBetTest::statistic() const {
  Statistic statistic;
  statistic.kind = Statistic::Kind::rate;
  return statistic;
}

void RateBetTest::update(std::span<double> slots, const Observation& observation) const noexcept {
  if (const auto* samples = std::get_if<Samples>(&observation.event)) bets_.update(slots, *samples);
}

Evidence RateBetTest::evidence(std::span<const double> slots, const Budget& budget) const noexcept {
  if (!bets_.has(slots, min_count_)) return {};
  return gates::evidence_of(bets_.log_e(slots), budget);
}

gates::LinearEdge linear_edge(const HarmSpec& harm) noexcept {
  return {.factor = harm.relation == Relation::ratio        ? harm.margin
                    : harm.relation == Relation::difference ? 1.0
                                                            : 0.0,
          .shift = harm.relation == Relation::ratio ? 0.0 : harm.margin,
          .harm = harm.direction};
}

namespace {

std::unique_ptr<GateTest> make_two_sample_rate(const GateSpec& gate, Diagnostics& diagnostics) {
  const std::size_t problems = diagnostics.size();
  const MetricInfo& metric = gates::metric_of_requests(gate, diagnostics);
  if (metric.kind != MetricKind::event)
    gates::report(diagnostics, "test",
                  "two_sample_rate counts events, and " + gate.metric +
                      " is a number per request; use normal_mixture");
  if (gate.harm.relation == Relation::absolute)
    gates::report(diagnostics, "harm",
                  "two_sample_rate compares two arms; use beta_binomial_mixture for an absolute "
                  "rate");
  if (gate.harm.relation == Relation::difference &&
      !(gate.harm.margin > -1.0 && gate.harm.margin < 1.0))
    gates::report(diagnostics, "harm", "expected a difference of rates above -100% and below 100%");
  if (diagnostics.size() > problems) return nullptr;
  return std::make_unique<RateBetTest>(
      linear_edge(gate.harm),
      RateBetTest::Settings{.name = "two_sample_rate",
                            .tightest_at = gates::parameter(gate.test, "tightest_at", 1000.0),
                            .min_samples = gate.min_samples});
}

}  // namespace

GateTestInfo two_sample_rate_info() {
  return {
      .name = "two_sample_rate",
      .guarantee = Guarantee::anytime,
      .about =
          "two rates compared by bets, with a difference or a ratio as margin; valid at every "
          "look, at any count, for rare and for frequent events",
      .source =
          "Turner, Grunwald, AISTATS 2023, \"Safe sequential testing and effect estimation in "
          "stratified count data\"",
      .parameters =
          {
              gates::tightest_at_parameter(
                  {.default_text = "1000",
                   .about =
                       "requests per arm (harmonic mean of the arms) at which the least evidence "
                       "is asked for"}),
          },
      .make = make_two_sample_rate,
  };
}

}  // namespace gatewright
