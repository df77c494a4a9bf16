// The output lengths of a recording as a distribution: a value's normal score, and back.
// Used by World where a trace supplies the baseline's answers, so that the candidate's can be
// correlated with them.
#pragma once

#include <cstdint>
#include <span>
#include <vector>

namespace gatewright::sim {

class RecordedLengths {
 public:
  RecordedLengths() = default;
  /// `sorted`: rising, outlives this object.
  explicit RecordedLengths(std::span<const float> sorted);
  [[nodiscard]] bool empty() const noexcept { return sorted_.empty(); }
  /// Standard normal score of the value's rank; `uniform` in (0, 1) chooses among its ties.
  [[nodiscard]] float score(float value, double uniform) const noexcept;
  /// The recorded value at normal score z.
  [[nodiscard]] float at(float z) const noexcept;

 private:
  std::span<const float> sorted_;
  /// Per whole number v the first rank of values in [v, v + 1); one more at the end.
  std::vector<std::uint32_t> first_rank_;
  std::vector<float> scores_;  ///< per rank
};

}  // namespace gatewright::sim
