// Which requests of a chunk go to which arm under a contender's exposure.
// Used by Field for groups of contenders with one exposure; read by Tally and Impact.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <span>

#include "policies/metric.h"
#include "sim/arms/columns.h"
#include "sim/router/router.h"

namespace gatewright::sim {

/// Places in a chunk, in order of arrival; the candidate's: first those served, then those mirrored.
class Split {
 public:
  using Places = std::span<const std::uint16_t>;

  /// Splits the requests that arrive before `until`. `bucket`: the assignment's bucket column; it
  /// and the mirror column are filled where the timeline needs them.
  void split(const Columns& columns, std::size_t bucket, std::span<const ExposureSegment> timeline,
             Instant until);

  /// Finds the places that have an answer; arms with any place have their answers filled. Without it
  /// the answered lists are those of the chunk before.
  void find_answered(const Columns& columns);

  /// Requests of an arm on which metrics of that scope are defined.
  [[nodiscard]] Places places(std::size_t arm, MetricScope scope) const noexcept;
  [[nodiscard]] Places served() const noexcept { return head(all_[kCandidateArm], served_); }
  [[nodiscard]] Places mirrored() const noexcept {
    return head(all_[kCandidateArm], count_[kCandidateArm]).subspan(served_);
  }
  /// Requests that arrived in time, at either arm.
  [[nodiscard]] std::size_t requests() const noexcept { return requests_; }

 private:
  [[nodiscard]] static Places head(const Column<std::uint16_t>& column, std::size_t n) noexcept {
    return std::span(column.data(), n);
  }
  std::array<Column<std::uint16_t>, 2> all_;
  std::array<Column<std::uint16_t>, 2> answered_;
  Column<std::uint16_t> shadow_;  ///< mirrored places, before they are appended
  std::array<std::size_t, 2> count_{};
  std::array<std::size_t, 2> answered_count_{};
  std::size_t served_ = 0;           ///< of the candidate's
  std::size_t served_answered_ = 0;  ///< of the candidate's answered ones
  std::size_t requests_ = 0;
};

}  // namespace gatewright::sim
