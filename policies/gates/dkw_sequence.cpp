// Two anytime bands around empirical distribution functions.
// Used through the catalogue; the band's constants are in uniform_boundaries.h.
// Never needs the arms to be observed equally often.
#include "policies/gates/dkw_sequence.h"

#include <algorithm>
#include <cmath>
#include <numbers>

#include "policies/gates/cumulative_counts.h"
#include "policies/gates/distribution_distance.h"
#include "policies/gates/making.h"
#include "policies/gates/numerics.h"
#include "policies/gates/uniform_boundaries.h"

namespace gatewright {
namespace {

constexpr double kFrom = 100.0;

/// Each arm's empirical distribution function stays within its band for ever, except with
/// probability error / 2. So the distance of the distributions is at least what is seen less both
/// bands' widths, and at most what is seen plus both.
class DkwSequence final : public GateTest {
 public:
  DkwSequence(double margin, double from) : margin_(margin), from_(from) {}

  std::string_view name() const noexcept override { return "dkw_sequence"; }
  Guarantee guarantee() const noexcept override { return Guarantee::anytime; }
  Form form() const noexcept override { return Form::distributions; }
  Statistic statistic() const override { return {}; }
  std::size_t slots() const noexcept override { return 2 * gates::kCumulativeSlots; }
  bool compares_arms() const noexcept override { return true; }

  void update(std::span<double> slots, const Observation& observation) const noexcept override {
    gates::add_window(slots, observation, true);
  }

  Evidence evidence(std::span<const double> slots, const Budget& budget) const noexcept override {
    const double n_c = gates::total(gates::candidate_counts(slots));
    const double n_b = gates::total(gates::baseline_counts(slots));
    if (n_c < from_ || n_b < from_) return {};
    const gates::SupDistance distance = gates::sup_distance(slots);
    const auto share = [&](double room, double error) {
      return gates::as_share(log_p(room, n_c, n_b) / std::log(error));
    };
    return {.harm = share(distance.seen - margin_, budget.false_alarm),
            .safety = share(margin_ - distance.most, budget.missed_harm),
            .enough = true};
  }

 private:
  /// ln of twice the error of the narrowest pair of bands that together are wider than `room`.
  double log_p(double room, double n_c, double n_b) const noexcept {
    const auto width = [&](double c) {
      return gates::distribution_band({.samples = n_c, .from = from_}, c) +
             gates::distribution_band({.samples = n_b, .from = from_}, c);
    };
    double low = 0.0, high = std::min(n_c, n_b);  // the width at C = n exceeds A > 0.85
    if (width(low) >= room) return 0.0;
    if (width(high) <= room) low = high;
    for (int halving = 0; halving < 50; ++halving) {
      const double c = 0.5 * (low + high);
      (width(c) < room ? low : high) = c;
    }
    return std::min(0.0, std::numbers::ln2 + gates::log_band_error(low));
  }

  double margin_;
  double from_;
};

std::unique_ptr<GateTest> make_dkw_sequence(const GateSpec& gate, Diagnostics& diagnostics) {
  const std::size_t problems = diagnostics.size();
  gates::must_be_shift(gate, diagnostics);
  const double from = gates::parameter(gate.test, "from", kFrom);
  if (!(from >= 1.0 && std::isfinite(from)))
    gates::report(diagnostics, "test.from", "expected a number of samples, at least 1");
  if (diagnostics.size() > problems) return nullptr;
  return std::make_unique<DkwSequence>(gate.harm.margin,
                                       std::max(from, static_cast<double>(gate.min_samples)));
}

}  // namespace

GateTestInfo dkw_sequence_info() {
  return {
      .name = "dkw_sequence",
      .guarantee = Guarantee::anytime,
      .about =
          "the largest distance of the arms' distribution functions, by bands that hold at "
          "every look",
      .source = "Howard and Ramdas, Bernoulli 28 (2022) 1704, theorem 2, a band per arm",
      .parameters =
          {
              {.name = "from",
               .kind = ParameterInfo::Kind::count,
               .default_text = "100",
               .about = "samples per arm from which the bands hold; min_samples if that is more",
               .choices = {},
               .smallest = 1.0,
               .largest = 1e12},
          },
      .make = make_dkw_sequence,
  };
}

}  // namespace gatewright
