// Page and Hinkley's detector as stream-learning libraries run it: against its own running mean.
// Used through the catalogue; the detector itself is open for tests.
// Never claims a guarantee: the running mean learns a lasting harm, and no run length is known.
#pragma once

#include "policies/gates/gate_test.h"

namespace gatewright {

/// As in river 0.x (river.drift.PageHinkley): S = max(0, alpha S + x - mean - delta), alarm at S >=
/// threshold, from the min_instances-th value on.
struct PageHinkley {
  double min_instances = 30.0;
  double delta = 0.005;
  double threshold = 50.0;
  double alpha = 0.9999;

  struct State {
    double count = 1.0;  ///< values taken in, and one
    double mean = 0.0;
    double sum = 0.0;
  };
  void update(State& state, double x) const noexcept;
  [[nodiscard]] bool is_alarm(const State& state) const noexcept {
    return state.count >= min_instances && state.sum >= threshold;
  }
};

[[nodiscard]] GateTestInfo page_hinkley_info();

}  // namespace gatewright
