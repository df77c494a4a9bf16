#include "scenarios/laws.h"

#include <cmath>
#include <optional>

namespace gatewright::scenarios {

using sim::DelayLaw;
using sim::Lognormal;

ShapeOf<Lognormal> lognormal_shape(const Unit<double>& unit) {
  return object<Lognormal>({
      required(field("median", &Lognormal::median, quantity(unit, kPositive), "of the law")),
      required(field("sigma", &Lognormal::sigma, number(kNotNegative), "sd of the logarithm")),
      unless(
          0.0, &Lognormal::clip,
          field("clip", &Lognormal::clip, quantity(unit, kPositive), "larger values become this")),
  });
}

namespace {

struct LognormalDelay {
  double median = 0.0;
  std::optional<double> sigma, p95;
};

constexpr double kNormalP95 = 1.6448536269514722;  // standard normal quantile at 95%

}  // namespace

ShapeOf<DelayLaw> delay_shape() {
  using Kind = DelayLaw::Kind;
  struct Uniform {
    double from = 0.0, to = 0.0;
  };
  const auto uniform = object<Uniform>(
      {required(field("from", &Uniform::from, seconds(), "shortest")),
       required(field("to", &Uniform::to, seconds(), "longest"))},
      [](const Node& node, const std::string& path, Problems& problems, Uniform& law) {
        if (law.to < law.from)
          problems.error(*node.find("to"), join(path, "to"), "`to` is less than `from`");
      });
  const auto lognormal = object<LognormalDelay>(
      {required(field("median", &LognormalDelay::median, seconds(kPositive), "of the law")),
       field("sigma", &LognormalDelay::sigma, number(kNotNegative), "sd of the logarithm"),
       field("p95", &LognormalDelay::p95, seconds(kPositive), "instead of sigma")},
      [](const Node& node, const std::string& path, Problems& problems, LognormalDelay& law) {
        if (law.sigma.has_value() == law.p95.has_value()) {
          problems.error(node, path, "expected `sigma` or `p95`, one of them");
        } else if (law.p95 && *law.p95 < law.median) {
          problems.error(*node.find("p95"), join(path, "p95"), "`p95` is less than `median`");
        }
      });
  return one_of<DelayLaw>({
      alternative<DelayLaw, double>(
          "fixed", seconds(),
          [](double delay) {
            return DelayLaw{Kind::fixed, delay, 0.0};
          },
          [](const DelayLaw& law) {
            return law.kind == Kind::fixed ? std::optional(law.a) : std::nullopt;
          },
          "always the same"),
      alternative<DelayLaw, Uniform>(
          "uniform", uniform,
          [](Uniform law) {
            return DelayLaw{Kind::uniform, law.from, law.to};
          },
          [](const DelayLaw& law) {
            return law.kind == Kind::uniform ? std::optional(Uniform{law.a, law.b}) : std::nullopt;
          },
          "anything between two times"),
      alternative<DelayLaw, LognormalDelay>(
          "lognormal", lognormal,
          [](const LognormalDelay& law) {
            const double sigma =
                law.sigma ? *law.sigma
                          : std::log(law.p95.value_or(law.median) / law.median) / kNormalP95;
            return DelayLaw{Kind::lognormal, law.median, sigma};
          },
          [](const DelayLaw& law) {
            return law.kind == Kind::lognormal
                       ? std::optional(LognormalDelay{.median = law.a, .sigma = law.b, .p95 = {}})
                       : std::nullopt;
          },
          "long-tailed"),
  });
}

}  // namespace gatewright::scenarios
