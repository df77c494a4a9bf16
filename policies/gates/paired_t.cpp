// One difference per mirrored prompt, weighed by Student's t.
// Used through the catalogue.
// Never compares prompts with each other.
#include "policies/gates/paired_t.h"

#include <string>

#include "policies/gates/catalogue.h"
#include "policies/gates/fixed_looks.h"
#include "policies/gates/making.h"
#include "policies/gates/normal_mixture.h"
#include "policies/gates/pairs.h"
#include "policies/gates/welch_t.h"

namespace gatewright {
namespace {

bool is_log_scale(const GateSpec& gate) {
  return gates::parameter<std::string>(gate.test, "scale", "linear") == "log";
}

/// The differences' own gate: harm is a mean beyond 0.
GateSpec of_differences(const GateSpec& gate) {
  GateSpec differences = gate;
  differences.harm = {
      .relation = HarmSpec::Relation::absolute, .direction = gate.harm.direction, .margin = 0.0};
  differences.test.name = "welch_t";
  differences.test.parameters.erase("scale");
  return differences;
}

class PairedT final : public gates::PairsTest {
 public:
  PairedT(const GateSpec& gate, std::unique_ptr<GateTest> of_differences)
      : PairsTest(std::move(of_differences),
                  is_log_scale(gate) ? Statistic::Kind::mean_log : Statistic::Kind::mean),
        edge_(gates::edge_line(gate.harm, is_log_scale(gate))) {}

  std::string_view name() const noexcept override { return "paired_t"; }

 private:
  Samples told_of(const Samples& pairs) const noexcept override {
    return {.candidate = gates::differences(pairs, edge_)};
  }

  gates::EdgeLine edge_;
};

std::unique_ptr<GateTest> make_paired_t(const GateSpec& gate, Diagnostics& diagnostics) {
  const std::size_t problems = diagnostics.size();
  gates::must_be_pairs(gate, {.events = false, .instead = "mcnemar or paired_rate"}, diagnostics);
  gates::check_two_sided(gate, diagnostics);
  gates::check_log_scale(gate, *find_metric(gate.metric), diagnostics);
  if (diagnostics.size() > problems) return nullptr;
  return std::make_unique<PairedT>(gate, welch_t_info().make(of_differences(gate), diagnostics));
}

}  // namespace

GateTestInfo paired_t_info() {
  std::vector<ParameterInfo> parameters = gates::fixed_looks_parameters();
  parameters.push_back(scale_parameter());
  return {
      .name = "paired_t",
      .guarantee = Guarantee::none,
      .about =
          "Student's t of one difference per mirrored prompt; keeps the budget over a stated "
          "number of looks",
      .source = "Student, Biometrika 6 (1908) 1; of candidate - ratio x baseline for ratios",
      .parameters = std::move(parameters),
      .make = make_paired_t,
  };
}

}  // namespace gatewright
