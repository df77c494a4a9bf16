// McNemar's test: prompts on which one arm alone had the event are fair coins.
// Used through the catalogue.
// Never asks how often the arms agree.
#include "policies/gates/mcnemar.h"

#include <string>

#include "policies/gates/binomial_tail.h"
#include "policies/gates/making.h"
#include "policies/gates/pairs.h"

namespace gatewright {
namespace {

using gates::ArmTotals;
using gates::Tail;

Tail tail_of(const GateSpec& gate) {
  return gates::parameter<std::string>(gate.test, "tail", "exact") == "mid_p" ? Tail::mid_p
                                                                              : Tail::exact;
}

/// Of events that one arm alone had, among the same requests.
class DiscordantCoins final : public gates::FixedLooksTest {
 public:
  explicit DiscordantCoins(const GateSpec& gate)
      : FixedLooksTest(gate, Statistic::Kind::rate),
        is_up_(gate.harm.direction == Direction::up),
        tail_(tail_of(gate)) {}

  std::string_view name() const noexcept override { return "mcnemar"; }

 private:
  LogP log_p(const ArmTotals& baseline, const ArmTotals& candidate) const noexcept override {
    const LogP up = gates::binomial_tails(
        candidate.sum, {.trials = baseline.sum + candidate.sum, .p = 0.5}, tail_);
    return is_up_ ? up : LogP{.harm = up.safety, .safety = up.harm};
  }

  bool is_up_;
  Tail tail_;
};

class Mcnemar final : public gates::PairsTest {
 public:
  explicit Mcnemar(const GateSpec& gate)
      : PairsTest(std::make_unique<DiscordantCoins>(gate), Statistic::Kind::rate) {}

  std::string_view name() const noexcept override { return "mcnemar"; }

 private:
  Samples told_of(const Samples& pairs) const noexcept override {
    const gates::PairedEvents events = gates::paired_events(pairs);
    const auto alone = [&](double count) { return Summary{pairs.candidate.count, count, count}; };
    return {.baseline = alone(events.baseline_only), .candidate = alone(events.candidate_only)};
  }
};

std::unique_ptr<GateTest> make_mcnemar(const GateSpec& gate, Diagnostics& diagnostics) {
  const std::size_t problems = diagnostics.size();
  gates::must_be_pairs(gate, {.events = true, .instead = "paired_t"}, diagnostics);
  gates::check_two_sided(gate, diagnostics);
  const bool is_ratio = gate.harm.relation == HarmSpec::Relation::ratio;
  if (gate.harm.margin != (is_ratio ? 1.0 : 0.0))
    gates::report(diagnostics, "harm",
                  "mcnemar tells whether the two rates differ at all, so it takes no margin; write "
                  "ratio_above: 1x, or use paired_rate");
  if (diagnostics.size() > problems) return nullptr;
  return std::make_unique<Mcnemar>(gate);
}

}  // namespace

GateTestInfo mcnemar_info() {
  std::vector<ParameterInfo> parameters = gates::fixed_looks_parameters();
  parameters.push_back(gates::tail_parameter());
  return {
      .name = "mcnemar",
      .guarantee = Guarantee::none,
      .about =
          "events on mirrored prompts, by those on which the arms differ; keeps the budget "
          "over a stated number of looks",
      .source =
          "McNemar, Psychometrika 12 (1947) 153; mid-p: Fagerland, Lydersen, Laake, BMC "
          "Medical Research Methodology 13 (2013) 91",
      .parameters = std::move(parameters),
      .make = make_mcnemar,
  };
}

}  // namespace gatewright
