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
#include "sim/router/row_set.h"

namespace gatewright::sim {

/// The buckets of a chunk's requests, and whether they count where everyone is served: with a list of
/// users who never are, or else the column need not be filled there.
struct Buckets {
  const std::uint16_t* of_place = nullptr;
  bool at_whole = false;
};

/// Whose answer to a request it is.
enum class Way : std::uint8_t { baseline, served, mirrored };

/// Sets of a chunk's requests.
class Split {
 public:
  using Places = RowSet::Places;

  /// `mirrored_sampled`: share of the mirrored requests that telemetry sees.
  explicit Split(double mirrored_sampled = 1.0) : mirrored_sampled_(mirrored_sampled) {}

  /// Splits the requests that arrive before `until`. The buckets and the mirror column are filled
  /// where the timeline needs them.
  void split(const Columns& columns, Buckets buckets, std::span<const ExposureSegment> timeline,
             Instant until);

  /// Splits a chunk of answers by the ways that they went when their requests arrived.
  void split(std::span<const Way> ways);

  /// Finds the requests that have an answer; arms with any request have their answers filled. Without
  /// it the answered ones are those of the chunk before.
  void find_answered(const Columns& columns);

  /// Requests of an arm on which metrics of that scope are defined.
  [[nodiscard]] const RowSet& rows(std::size_t arm, MetricScope scope) const noexcept;
  [[nodiscard]] Places places(std::size_t arm, MetricScope scope) const noexcept {
    return rows(arm, scope).places();
  }
  /// Mirrored requests that are counted, where both arms tried to answer, or both did.
  [[nodiscard]] const RowSet& pairs(MetricScope scope) const noexcept {
    return scope == MetricScope::all ? counted_ : paired_;
  }
  [[nodiscard]] Places served() const noexcept { return served_.places(); }
  /// Requests that the candidate answers beside the baseline: mirrored and interleaved ones.
  [[nodiscard]] Places mirrored() const noexcept { return beside_.places(); }
  [[nodiscard]] Places interleaved() const noexcept { return interleaved_.places(); }
  /// All that the candidate answers, for whomever.
  [[nodiscard]] Places exposed() const noexcept {
    return only_serves_ ? served() : exposed_.places();
  }
  /// Requests that arrived in time, at either arm.
  [[nodiscard]] std::size_t requests() const noexcept { return requests_; }

 private:
  /// The requests of a chunk that the candidate answers for somebody.
  struct Shares {
    RowBits served{}, counted{}, interleaved{}, uncounted{};
  };
  void assign(const RowBits& all, const Shares& shares) noexcept;

  double mirrored_sampled_;
  std::array<RowSet, 2> all_;       ///< per arm, as far as telemetry sees them
  std::array<RowSet, 2> answered_;  ///< of them
  RowSet served_;
  RowSet served_answered_;
  RowSet counted_;  ///< mirrored ones that telemetry sees
  RowSet paired_;   ///< those of them that neither arm failed
  RowSet interleaved_;
  RowSet beside_;
  RowSet exposed_;
  bool only_serves_ = true;  ///< then these sets are one, and it is listed once
  std::size_t requests_ = 0;
};

}  // namespace gatewright::sim
