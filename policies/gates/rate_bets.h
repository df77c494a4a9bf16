// Bets against the edge of harm on events of one arm or two: exact e-values for any linear edge.
// Used by two_sample_rate and detected_rate.
// Never needs a model of the rates: they may change from window to window, and be large.
#pragma once

#include <array>
#include <span>

#include "policies/gates/gate_test.h"
#include "policies/gates/log_e.h"

namespace gatewright::gates {

/// The edge of harm: p_c = factor p_b + shift; with factor 0 the baseline is not asked.
struct LinearEdge {
  double factor = 1.0;
  double shift = 0.0;
  Direction harm = Direction::up;
};

/// Before a window of n_c and n_b requests a point (p_b, p_c) on the edge and a stake L >= 0 are
/// chosen from the windows before it. Each outcome y in {0, 1} then multiplies the capital by
///
///     1 + (L / n_c) (y - p_c)  on the candidate,   1 - factor (L / n_b) (y - p_b)  on the baseline.
///
/// Why the capital is an e-value: if the true rates are q_c and q_b, the window's mean factor is (1 +
/// (L / n_c) (q_c - p_c))^n_c (1 - factor (L / n_b) (q_b - p_b))^n_b <= exp(L (q_c - factor q_b -
/// shift)), by 1 + x <= exp(x) and because the point lies on the edge; that is at most 1 at the edge
/// and on the harmless side, whatever the point, the stake and the window. Where the point is the
/// truth it is exactly 1. These are the growth-optimal e-variables of Turner and Grunwald (AISTATS
/// 2023, "Safe sequential testing and effect estimation in stratified count data") written as bets.
/// For safety the signs are turned around.
///
/// The point is the least-squares estimate of all earlier windows, so the first window in which both
/// arms answer bears no evidence where arms are compared, and the result depends on the order of
/// windows. Stakes are proportioned to kNodes harms, in standard deviations of one request, from a
/// half-normal prior of variance 1 / rho as in normal_mixture; the evidence is the mean of the
/// capitals. What is not covered: events of one arm and window that depend on each other positively.
class RateBets {
 public:
  static constexpr std::size_t kNodes = 16;

  using LogE = gates::LogE;

  /// `tightest_at`: requests per arm (harmonic mean) at which the least evidence is asked for.
  RateBets(const LinearEdge& edge, double tightest_at);

  [[nodiscard]] static constexpr std::size_t slots() noexcept { return kSlots; }
  [[nodiscard]] bool compares_arms() const noexcept { return edge_.factor > 0.0; }
  void update(std::span<double> slots, const Samples& samples) const noexcept;
  [[nodiscard]] LogE log_e(std::span<const double> slots) const noexcept;
  /// Whether each arm that is asked has `count` requests or more.
  [[nodiscard]] bool has(std::span<const double> slots, double count) const noexcept;

 private:
  enum Slot : std::size_t {
    kBaseline,
    kBaselineEvents,
    kCandidate,
    kCandidateEvents,
    kMore,  ///< ln of the capitals of bets on more events of the candidate
    kFewer = kMore + kNodes,
    kSlots = kFewer + kNodes,
  };

  /// A point on the edge, inside the unit square; p_c is NaN where there is none.
  struct Point {
    double p_b, p_c;
  };
  [[nodiscard]] Point point(std::span<const double> slots) const noexcept;

  LinearEdge edge_;
  std::array<double, kNodes> harms_{};  ///< in standard deviations of one request
};

}  // namespace gatewright::gates
