// A rate that a detector reports, weighed as the true rate behind it.
// Used through the catalogue; the correction is open for tests and documentation.
// Never estimates the detector's errors: they come from its labelled sample, per arm.
#pragma once

#include "policies/gates/rate_bets.h"

namespace gatewright {

/// What a detector gets right: the share of true events that it reports, and of non-events that it
/// passes over.
struct Detector {
  double sensitivity = 1.0;
  double specificity = 1.0;

  /// Youden's index, by which differences of rates shrink when the detector reports them; the
  /// interval of the true rate is wider by its inverse.
  [[nodiscard]] constexpr double index() const noexcept { return sensitivity + specificity - 1.0; }
  [[nodiscard]] constexpr double reported(double true_rate) const noexcept {
    return true_rate * index() + 1.0 - specificity;
  }
  /// Rogan and Gladen, American Journal of Epidemiology 107 (1978) 71.
  [[nodiscard]] constexpr double corrected(double reported_rate) const noexcept {
    return (reported_rate + specificity - 1.0) / index();
  }
};

/// The edge of harm of true rates, as an edge of reported rates: a linear edge stays one, because
/// both corrections are linear. Bets on it are exact for given detectors.
[[nodiscard]] gates::LinearEdge reported_edge(const gates::LinearEdge& true_edge,
                                              const Detector& of_baseline,
                                              const Detector& of_candidate) noexcept;

[[nodiscard]] GateTestInfo detected_rate_info();

}  // namespace gatewright
