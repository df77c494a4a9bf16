// Events as coins of a known probability.
// Used through the catalogue.
// Never approximates the binomial law.
#include "policies/gates/sign_test.h"

#include <string>

#include "policies/gates/binomial_tail.h"
#include "policies/gates/making.h"

namespace gatewright {
namespace {

using gates::ArmTotals;
using gates::Tail;

class SignTest final : public gates::FixedLooksTest {
 public:
  explicit SignTest(const GateSpec& gate)
      : FixedLooksTest(gate, Statistic::Kind::rate),
        level_(gate.harm.margin),
        is_up_(gate.harm.direction == Direction::up),
        tail_(gates::parameter<std::string>(gate.test, "tail", "exact") == "mid_p" ? Tail::mid_p
                                                                                   : Tail::exact) {}

  std::string_view name() const noexcept override { return "sign_test"; }

 private:
  LogP log_p(const ArmTotals&, const ArmTotals& candidate) const noexcept override {
    const LogP up =
        gates::binomial_tails(candidate.sum, {.trials = candidate.count, .p = level_}, tail_);
    return is_up_ ? up : LogP{.harm = up.safety, .safety = up.harm};
  }

  double level_;
  bool is_up_;
  Tail tail_;
};

std::unique_ptr<GateTest> make_sign_test(const GateSpec& gate, Diagnostics& diagnostics) {
  const std::size_t problems = diagnostics.size();
  const MetricInfo& metric = gates::metric_of_requests(gate, diagnostics);
  if (metric.kind != MetricKind::event)
    gates::report(
        diagnostics, "test",
        "sign_test counts events, and " + gate.metric + " is a number per request; use welch_t");
  if (gate.harm.relation != HarmSpec::Relation::absolute)
    gates::report(diagnostics, "harm",
                  "sign_test holds one rate against a level; write, say, below: 50%");
  if (diagnostics.size() > problems) return nullptr;
  return std::make_unique<SignTest>(gate);
}

}  // namespace

GateTestInfo sign_test_info() {
  std::vector<ParameterInfo> parameters = gates::fixed_looks_parameters();
  parameters.push_back(gates::tail_parameter());
  return {
      .name = "sign_test",
      .guarantee = Guarantee::none,
      .about =
          "exact binomial test of a rate against a level, such as 50% of credited clicks; keeps "
          "the budget over a stated number of looks",
      .source = "binomial law; Radlinski, Kurup, Joachims, CIKM 2008, for credited clicks",
      .parameters = std::move(parameters),
      .make = make_sign_test,
  };
}

}  // namespace gatewright
