// The index over classes of the baseline's quantiles, with its chi-square law.
// Used through the catalogue.
// Never uses the folklore limits: what .1 means depends on the number of samples.
#include "policies/gates/psi.h"

#include <algorithm>
#include <cmath>
#include <utility>

#include "policies/gates/distribution_distance.h"
#include "policies/gates/incomplete_beta.h"
#include "policies/gates/looks_at_distributions.h"
#include "policies/gates/making.h"

namespace gatewright {
namespace {

/// For equal distributions PSI / (1/n + 1/m) tends to a chi-square variable with one degree of
/// freedom less than there are classes (Yurdakul 2018). Near equality its root is the length of a
/// normal vector about the true one's, so by the triangle inequality the root of the index strays
/// from the root of the margin by more than r with a probability of at most chi-square's beyond
/// r^2 / (1/n + 1/m), on either side. Exact in the limit for margin 0, conservative otherwise.
class Psi final : public gates::LooksAtDistributions {
 public:
  Psi(double margin, double classes, gates::PlannedLooks looks)
      : LooksAtDistributions(std::move(looks), true),
        root_margin_(std::sqrt(margin)),
        classes_(classes) {}

  std::string_view name() const noexcept override { return "psi"; }
  Statistic statistic() const override { return {}; }

 private:
  gates::LookPValues look(std::span<const double> counts) const noexcept override {
    const double n_c = gates::total(gates::candidate_counts(counts));
    const double n_b = gates::total(gates::baseline_counts(counts));
    const gates::StabilityIndex index = gates::population_stability(counts, classes_);
    if (index.classes < 2.0) return {};
    const auto log_p = [&](double beyond) {
      const double root = std::max(0.0, beyond);
      return gates::log_chi_square_above(root * root / (1.0 / n_c + 1.0 / n_b),
                                         index.classes - 1.0);
    };
    const double seen = std::sqrt(index.value);
    return {.no_harm = log_p(seen - root_margin_), .harm = log_p(root_margin_ - seen)};
  }

  double root_margin_;
  double classes_;
};

std::unique_ptr<GateTest> make_psi(const GateSpec& gate, Diagnostics& diagnostics) {
  const std::size_t problems = diagnostics.size();
  gates::must_be_shift(gate, diagnostics);
  gates::PlannedLooks looks = gates::planned_looks(gate, diagnostics);
  const double classes = gates::parameter(gate.test, "classes", 10.0);
  if (!(classes >= 2.0 && classes <= 100.0))
    gates::report(diagnostics, "test.classes", "expected a whole number from 2 to 100");
  if (diagnostics.size() > problems) return nullptr;
  return std::make_unique<Psi>(gate.harm.margin, classes, std::move(looks));
}

}  // namespace

GateTestInfo psi_info() {
  return {
      .name = "psi",
      .guarantee = Guarantee::fixed_looks,
      .about = "the population stability index at planned looks, weighed by its chi-square law",
      .source =
          "Yurdakul, \"Statistical properties of population stability index\", Western "
          "Michigan University 2018",
      .parameters = gates::with_planned_looks({
          {.name = "classes",
           .kind = ParameterInfo::Kind::count,
           .default_text = "10",
           .about = "of equal probability in the baseline",
           .choices = {},
           .smallest = 2.0,
           .largest = 100.0},
      }),
      .make = make_psi,
  };
}

}  // namespace gatewright
