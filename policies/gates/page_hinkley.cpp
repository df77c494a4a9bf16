// The detector, fed with one number per look.
// Used through the catalogue.
// Never compares with the baseline's level: only with what the candidate was before.
#include "policies/gates/page_hinkley.h"

#include <algorithm>
#include <cmath>

#include "policies/gates/making.h"
#include "policies/gates/numerics.h"
#include "policies/gates/window_score.h"

namespace gatewright {
namespace {

/// Fed with the window's difference beyond the edge of harm, in standard errors.
class PageHinkleyGate final : public GateTest {
 public:
  PageHinkleyGate(const HarmSpec& harm, const NormalMixture::Settings& settings,
                  const PageHinkley& detector)
      : difference_(harm, settings), detector_(detector) {}

  std::string_view name() const noexcept override { return "page_hinkley"; }
  Guarantee guarantee() const noexcept override { return Guarantee::none; }
  Form form() const noexcept override { return Form::samples; }
  Statistic statistic() const override { return difference_.statistic(); }
  std::size_t slots() const noexcept override { return difference_.slots() + kSlots; }
  bool compares_arms() const noexcept override { return difference_.compares_arms(); }

  void update(std::span<double> slots, const Observation& observation) const noexcept override {
    const auto own = slots.subspan(difference_.slots());
    const auto x = gates::window_score(difference_, slots, observation);
    if (!x) return;
    PageHinkley::State state{.count = own[kCount] + 1.0, .mean = own[kMean], .sum = own[kSum]};
    detector_.update(state, *x);
    own[kCount] = state.count - 1.0;  // slots start as zeros, the detector's count as 1
    own[kMean] = state.mean;
    own[kSum] = state.sum;
  }

  Evidence evidence(std::span<const double> slots, const Budget&) const noexcept override {
    const auto own = slots.subspan(difference_.slots());
    const bool enough = own[kCount] + 1.0 >= detector_.min_instances;
    return {.harm = enough ? gates::as_share(own[kSum] / detector_.threshold) : 0.0,
            .safety = 0.0,
            .enough = enough};
  }

 private:
  enum Slot : std::size_t { kCount, kMean, kSum, kSlots };

  NormalMixture difference_;
  PageHinkley detector_;
};

std::unique_ptr<GateTest> make_page_hinkley(const GateSpec& gate, Diagnostics& diagnostics) {
  const std::size_t problems = diagnostics.size();
  const NormalMixture::Settings settings = difference_settings(gate, diagnostics);
  const PageHinkley usual;
  const PageHinkley detector{
      .min_instances = gates::parameter(gate.test, "min_looks", usual.min_instances),
      .delta = gates::parameter(gate.test, "delta", usual.delta),
      .threshold = gates::parameter(gate.test, "threshold", usual.threshold),
      .alpha = gates::parameter(gate.test, "alpha", usual.alpha)};
  if (!(detector.threshold > 0.0))
    gates::report(diagnostics, "test.threshold", "expected a number above 0");
  if (diagnostics.size() > problems) return nullptr;
  return std::make_unique<PageHinkleyGate>(gate.harm, settings, detector);
}

}  // namespace

void PageHinkley::update(State& state, double x) const noexcept {
  state.mean += (x - state.mean) / state.count;
  state.sum = std::max(0.0, alpha * state.sum + (x - state.mean - delta));
  state.count += 1.0;
}

GateTestInfo page_hinkley_info() {
  return {
      .name = "page_hinkley",
      .guarantee = Guarantee::none,
      .about = "a cumulative sum of what each look shows beyond the looks before it",
      .source = "Page, Biometrika 41 (1954) 100, in the form of river.drift.PageHinkley",
      .parameters =
          {
              {.name = "threshold",
               .kind = ParameterInfo::Kind::number,
               .default_text = "50",
               .about = "the sum that is an alarm, in standard errors of a look",
               .choices = {},
               .smallest = 1e-6,
               .largest = 1e9},
              {.name = "delta",
               .kind = ParameterInfo::Kind::number,
               .default_text = "0.005",
               .about = "taken off each look, in standard errors",
               .choices = {},
               .smallest = 0.0,
               .largest = 1e6},
              {.name = "alpha",
               .kind = ParameterInfo::Kind::number,
               .default_text = "0.9999",
               .about = "what is kept of the sum from look to look",
               .choices = {},
               .smallest = 0.01,
               .largest = 1.0},
              {.name = "min_looks",
               .kind = ParameterInfo::Kind::count,
               .default_text = "30",
               .about = "looks before the first alarm",
               .choices = {},
               .smallest = 1.0,
               .largest = 1e9},
              scale_parameter(),
          },
      .make = make_page_hinkley,
  };
}

}  // namespace gatewright
