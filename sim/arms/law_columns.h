// The numbers of an arm's law that differ from request to request, as columns.
// Used by World where effects ramp, begin, end or have conditions within a chunk; an answer reads them
// through LawRows. Knows no effects, only their maps.
#pragma once

#include <array>
#include <cstddef>

#include "sim/arms/answers.h"
#include "sim/arms/columns.h"
#include "sim/effects/effect_table.h"
#include "sim/scenario.h"

namespace gatewright::sim {

/// Room for one arm's columns in one chunk.
class LawColumns {
 public:
  /// The maps that act on a metric's own numbers: `first` on those of all requests, then `own`, one
  /// for each of the first `size`.
  struct Maps {
    Affine first;
    const AffineColumns& own;
    std::size_t size;
    [[nodiscard]] Affine operator[](std::size_t row) const noexcept {
      return then(first, own[row]);
    }
  };

  /// Computes what belongs to `metric`, as ArmLaw::set() does for all requests at once, and lets
  /// `rows` point to it.
  void set(WorldMetric metric, const Arm& arm, const Maps& maps, LawRows& rows) noexcept;
  /// The same for metrics of two answers to one prompt.
  void set(WorldMetric metric, const SamePrompt& pair, const Maps& maps, LawRows& rows) noexcept;

 private:
  [[nodiscard]] LawRows::Map fill(WorldMetric metric, const Maps& maps) noexcept;
  [[nodiscard]] LawRows::Score fill(WorldMetric metric, const Arm::Score& score,
                                    const Maps& maps) noexcept;
  static void fill(double probability, const Maps& maps, Column<Word>& bounds) noexcept;

  // Per metric that can differ; what is never asked for is never touched.
  std::array<std::array<Column<float>, 2>, kWorldMetrics> numbers_;
  std::array<Column<Word>, kWorldMetrics> bounds_;
  Column<Word> in_burst_;
};

}  // namespace gatewright::sim
