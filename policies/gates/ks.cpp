// Kolmogorov's law for equal distributions, bands of Massart for a margin.
// Used through the catalogue.
// Never more than conservative on the grid, whose ties make the seen distance smaller.
#include "policies/gates/ks.h"

#include <algorithm>
#include <cmath>
#include <numbers>
#include <utility>

#include "policies/gates/distribution_distance.h"
#include "policies/gates/kolmogorov.h"
#include "policies/gates/looks_at_distributions.h"
#include "policies/gates/making.h"

namespace gatewright {
namespace {

/// Margin 0: sqrt(n m / (n + m)) D against Kolmogorov's law (Smirnov 1939), asymptotic. A margin:
/// each arm's empirical distribution function is within sqrt(ln(4 / p) / (2 n)) of its own
/// distribution except with probability p / 2 (Massart, Annals of Probability 18 (1990) 1269), at
/// every n.
class Ks final : public gates::LooksAtDistributions {
 public:
  Ks(double margin, gates::PlannedLooks looks)
      : LooksAtDistributions(std::move(looks), true), margin_(margin) {}

  std::string_view name() const noexcept override { return "ks"; }
  Statistic statistic() const override { return {}; }

 private:
  gates::LookPValues look(std::span<const double> counts) const noexcept override {
    const double n_c = gates::total(gates::candidate_counts(counts));
    const double n_b = gates::total(gates::baseline_counts(counts));
    const gates::SupDistance distance = gates::sup_distance(counts);
    if (margin_ == 0.0)
      return {
          .no_harm = gates::log_kolmogorov_above(distance.seen / std::sqrt(1.0 / n_c + 1.0 / n_b)),
          .harm = 0.0};
    const double unit = 1.0 / std::sqrt(n_c) + 1.0 / std::sqrt(n_b);
    const auto log_p = [unit](double room) {
      const double widths = std::max(0.0, room) / unit;
      return std::min(0.0, 2.0 * std::numbers::ln2 - 2.0 * widths * widths);
    };
    return {.no_harm = log_p(distance.seen - margin_), .harm = log_p(margin_ - distance.most)};
  }

  double margin_;
};

std::unique_ptr<GateTest> make_ks(const GateSpec& gate, Diagnostics& diagnostics) {
  const std::size_t problems = diagnostics.size();
  gates::must_be_shift(gate, diagnostics);
  gates::PlannedLooks looks = gates::planned_looks(gate, diagnostics);
  if (diagnostics.size() > problems) return nullptr;
  return std::make_unique<Ks>(gate.harm.margin, std::move(looks));
}

}  // namespace

GateTestInfo ks_info() {
  return {
      .name = "ks",
      .guarantee = Guarantee::fixed_looks,
      .about = "the largest distance of the arms' distribution functions, at planned looks",
      .source =
          "Kolmogorov 1933, Smirnov 1939; with a margin Massart, Annals of Probability 18 "
          "(1990) 1269",
      .parameters = gates::with_planned_looks({}),
      .make = make_ks,
  };
}

}  // namespace gatewright
