// One difference per mirrored prompt, weighed by the normal mixture.
// Used through the catalogue.
// Never compares prompts with each other, so neither drift nor a change of exposure can mislead it.
#include "policies/gates/paired_mixture.h"

#include <string>

#include "policies/gates/making.h"
#include "policies/gates/normal_mixture.h"
#include "policies/gates/pairs.h"

namespace gatewright {
namespace {

/// At the edge of harm every pair's candidate - factor x baseline - shift has mean 0, whenever it was
/// asked: the sum is a martingale, and the mixture of one arm against 0 weighs it.
class PairedMixture final : public gates::PairsTest {
 public:
  PairedMixture(const GateSpec& gate, const NormalMixture::Settings& settings)
      : PairsTest(of_differences(gate, settings),
                  settings.log_scale ? Statistic::Kind::mean_log : Statistic::Kind::mean),
        edge_(gates::edge_line(gate.harm, settings.log_scale)) {}

  std::string_view name() const noexcept override { return "paired_mixture"; }

 private:
  static std::unique_ptr<GateTest> of_differences(const GateSpec& gate,
                                                  NormalMixture::Settings settings) {
    settings.log_scale = false;  // logarithms were taken before
    return std::make_unique<NormalMixture>(HarmSpec{.relation = HarmSpec::Relation::absolute,
                                                    .direction = gate.harm.direction,
                                                    .margin = 0.0},
                                           settings);
  }

  Samples told_of(const Samples& pairs) const noexcept override {
    return {.candidate = gates::differences(pairs, edge_)};
  }

  gates::EdgeLine edge_;
};

std::unique_ptr<GateTest> make_paired_mixture(const GateSpec& gate, Diagnostics& diagnostics) {
  const std::size_t problems = diagnostics.size();
  gates::must_be_pairs(gate, {.events = false, .instead = "paired_rate"}, diagnostics);
  if (diagnostics.size() > problems) return nullptr;
  const NormalMixture::Settings settings = difference_settings(gate, diagnostics);
  if (diagnostics.size() > problems) return nullptr;
  return std::make_unique<PairedMixture>(gate, settings);
}

}  // namespace

GateTestInfo paired_mixture_info() {
  return {
      .name = "paired_mixture",
      .guarantee = Guarantee::anytime,
      .about =
          "one difference per mirrored prompt; valid at every look, asymptotically in the pairs",
      .source =
          "Howard, Ramdas, McAuliffe, Sekhon, Annals of Statistics 49 (2021) 1055, section 3.2",
      .parameters =
          {
              scale_parameter(),
              {.name = "tightest_at",
               .kind = ParameterInfo::Kind::count,
               .default_text = "1000",
               .about = "pairs at which the least evidence is asked for",
               .choices = {},
               .smallest = 1.0,
               .largest = 1e12},
          },
      .make = make_paired_mixture,
  };
}

}  // namespace gatewright
