// The EWMA chart on window-stratified differences.
// Used through the catalogue.
// Never widens its limits at the start: they are those of many looks.
#include "policies/gates/ewma.h"

#include <algorithm>
#include <cmath>

#include "policies/gates/making.h"
#include "policies/gates/numerics.h"
#include "policies/gates/run_length.h"
#include "policies/gates/window_score.h"

namespace gatewright {
namespace {

constexpr double kWeight = 0.1;

/// Roberts, Technometrics 1 (1959) 239: E = w x + (1 - w) E on x = the window's difference beyond
/// the edge of harm, in standard errors. At the edge x is standard normal, and the limit on the
/// harmful side is the one whose run length is the one asked for.
class Ewma final : public GateTest {
 public:
  struct Chart {
    double weight;
    double looks;        ///< average run length
    double limit = 0.0;  ///< of E itself
  };
  Ewma(const HarmSpec& harm, const NormalMixture::Settings& settings, const Chart& chart)
      : difference_(harm, settings), chart_(chart) {}

  void prepare(const Budget&) override {
    const double sd = std::sqrt(chart_.weight / (2.0 - chart_.weight));
    chart_.limit = sd * gates::ewma_limit(chart_.weight, chart_.looks);
  }

  std::string_view name() const noexcept override { return "ewma"; }
  Guarantee guarantee() const noexcept override { return Guarantee::average_run_length; }
  Form form() const noexcept override { return Form::samples; }
  Statistic statistic() const override { return difference_.statistic(); }
  std::size_t slots() const noexcept override { return difference_.slots() + kSlots; }
  bool compares_arms() const noexcept override { return difference_.compares_arms(); }

  void update(std::span<double> slots, const Observation& observation) const noexcept override {
    const auto own = slots.subspan(difference_.slots());
    const auto x = gates::window_score(difference_, slots, observation);
    if (!x) return;
    own[kLooked] = 1.0;
    own[kAverage] += chart_.weight * (*x - own[kAverage]);
  }

  Evidence evidence(std::span<const double> slots, const Budget&) const noexcept override {
    const auto own = slots.subspan(difference_.slots());
    return {.harm = gates::as_share(own[kAverage] / chart_.limit),
            .safety = gates::as_share(-own[kAverage] / chart_.limit),
            .enough = own[kLooked] != 0.0};
  }

 private:
  enum Slot : std::size_t { kLooked, kAverage, kSlots };

  NormalMixture difference_;
  Chart chart_;
};

std::unique_ptr<GateTest> make_ewma(const GateSpec& gate, Diagnostics& diagnostics) {
  const std::size_t problems = diagnostics.size();
  const NormalMixture::Settings settings = difference_settings(gate, diagnostics);
  const double looks = gates::run_length_of(gate, diagnostics);
  const double weight = gates::parameter(gate.test, "weight", kWeight);
  if (!(weight >= 0.01 && weight <= 1.0))
    gates::report(diagnostics, "test.weight", "expected a weight from 0.01 to 1");
  if (diagnostics.size() > problems) return nullptr;
  return std::make_unique<Ewma>(gate.harm, settings, Ewma::Chart{.weight = weight, .looks = looks});
}

}  // namespace

GateTestInfo ewma_info() {
  return {
      .name = "ewma",
      .guarantee = Guarantee::average_run_length,
      .about = "a moving average of what each look shows beyond the edge",
      .source =
          "Roberts, Technometrics 1 (1959) 239; run lengths after Crowder, Technometrics 29 "
          "(1987) 401",
      .parameters =
          {
              gates::run_length_parameter(),
              {.name = "weight",
               .kind = ParameterInfo::Kind::number,
               .default_text = "0.1",
               .about = "of the newest look; smaller finds smaller changes, later",
               .choices = {},
               .smallest = 0.01,
               .largest = 1.0},
              scale_parameter(),
          },
      .make = make_ewma,
  };
}

}  // namespace gatewright
