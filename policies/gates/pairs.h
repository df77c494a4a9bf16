// Mirrored requests as pairs of answers: their sums as differences and as a table, and tests of them.
// Used by the gate tests of pairs, most of which are tests of one number per pair.
// Never weighs samples that are not pairs.
#pragma once

#include <memory>
#include <string_view>

#include "policies/gates/gate_test.h"

namespace gatewright::gates {

/// The pairs that an observation tells of; null: none.
[[nodiscard]] const Samples* pairs_in(const Observation& observation) noexcept;

/// The edge of harm as a line: candidate = factor x baseline + shift.
struct EdgeLine {
  double factor = 1.0;
  double shift = 0.0;
};
[[nodiscard]] EdgeLine edge_line(const HarmSpec& harm, bool log_scale);

/// Of candidate - factor x baseline - shift, one number per pair: of mean 0 at the edge of harm. Its
/// spread is not believed to be below what the rounding of the sums can resolve.
[[nodiscard]] Summary differences(const Samples& pairs, const EdgeLine& edge) noexcept;

/// Pairs by the arms that had the event.
struct PairedEvents {
  double both = 0.0, candidate_only = 0.0, baseline_only = 0.0, neither = 0.0;
};
[[nodiscard]] PairedEvents paired_events(const Samples& pairs) noexcept;

/// A test that is told of pairs what `told_of` makes of them.
class PairsTest : public GateTest {
 public:
  void prepare(const Budget& budget) final { inner_->prepare(budget); }
  Guarantee guarantee() const noexcept final { return inner_->guarantee(); }
  Form form() const noexcept final { return Form::samples; }
  Statistic statistic() const final;
  std::size_t slots() const noexcept final { return inner_->slots(); }
  bool compares_arms() const noexcept final { return true; }
  void update(std::span<double> slots, const Observation& observation) const noexcept final;
  Evidence evidence(std::span<const double> slots, const Budget& budget) const noexcept final {
    return inner_->evidence(slots, budget);
  }

 protected:
  /// `inner` weighs samples.
  PairsTest(std::unique_ptr<GateTest> inner, Statistic::Kind kind)
      : inner_(std::move(inner)), kind_(kind) {}

 private:
  [[nodiscard]] virtual Samples told_of(const Samples& pairs) const noexcept = 0;

  std::unique_ptr<GateTest> inner_;
  Statistic::Kind kind_;
};

/// Refuses metrics that no mirrored request has at both arms, and relations without a baseline; and
/// events or numbers, whichever the test does not weigh, naming `instead`.
struct PairsWanted {
  bool events = false;
  std::string_view instead;
};
void must_be_pairs(const GateSpec& gate, const PairsWanted& wanted, Diagnostics& diagnostics);

}  // namespace gatewright::gates
