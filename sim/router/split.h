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

/// The buckets of a chunk's requests, and whether they count where everyone is served: with a list of
/// users who never are, or else the column need not be filled there.
struct Buckets {
  const std::uint16_t* of_place = nullptr;
  bool at_whole = false;
};

/// Whose answer to a request it is.
enum class Way : std::uint8_t { baseline, served, mirrored };

/// Places in a chunk, in order of arrival; the candidate's: first those served, then those mirrored as
/// far as telemetry sees them, then those interleaved, then the mirrored ones that nobody counts.
class Split {
 public:
  using Places = std::span<const std::uint16_t>;

  /// `mirrored_sampled`: share of the mirrored requests that telemetry sees.
  explicit Split(double mirrored_sampled = 1.0) : mirrored_sampled_(mirrored_sampled) {}

  /// Splits the requests that arrive before `until`. The buckets and the mirror column are filled
  /// where the timeline needs them.
  void split(const Columns& columns, Buckets buckets, std::span<const ExposureSegment> timeline,
             Instant until);

  /// Splits a chunk of answers by the ways that they went when their requests arrived.
  void split(std::span<const Way> ways);

  /// Finds the places that have an answer; arms with any place have their answers filled. Without it
  /// the answered lists are those of the chunk before.
  void find_answered(const Columns& columns);

  /// Requests of an arm on which metrics of that scope are defined.
  [[nodiscard]] Places places(std::size_t arm, MetricScope scope) const noexcept;
  /// Mirrored requests that are counted, where both arms tried to answer, or both did.
  [[nodiscard]] Places pairs(MetricScope scope) const noexcept {
    if (scope != MetricScope::all) return head(paired_, paired_count_);
    return head(all_[kCandidateArm], count_[kCandidateArm] - interleaved_).subspan(served_);
  }
  [[nodiscard]] Places served() const noexcept { return head(all_[kCandidateArm], served_); }
  /// Requests that the candidate answers beside the baseline: mirrored and interleaved ones.
  [[nodiscard]] Places mirrored() const noexcept {
    return head(all_[kCandidateArm], count_[kCandidateArm] + uncounted_).subspan(served_);
  }
  [[nodiscard]] Places interleaved() const noexcept {
    return head(all_[kCandidateArm], count_[kCandidateArm])
        .subspan(count_[kCandidateArm] - interleaved_);
  }
  /// Requests that arrived in time, at either arm.
  [[nodiscard]] std::size_t requests() const noexcept { return requests_; }

 private:
  [[nodiscard]] static Places head(const Column<std::uint16_t>& column, std::size_t n) noexcept {
    return std::span(column.data(), n);
  }
  std::array<Column<std::uint16_t>, 2> all_;
  std::array<Column<std::uint16_t>, 2> answered_;
  double mirrored_sampled_;
  /// Places before they are appended: mirrored ones that are counted, interleaved ones, others.
  std::array<Column<std::uint16_t>, 3> shadow_;
  Column<std::uint16_t> paired_;  ///< counted mirrored places that both arms answered
  std::size_t paired_count_ = 0;
  std::array<std::size_t, 2> count_{};
  std::array<std::size_t, 2> answered_count_{};
  std::size_t served_ = 0;           ///< of the candidate's
  std::size_t interleaved_ = 0;      ///< of the candidate's
  std::size_t uncounted_ = 0;        ///< mirrored, but not in count_
  std::size_t served_answered_ = 0;  ///< of the candidate's answered ones
  std::size_t requests_ = 0;
};

}  // namespace gatewright::sim
