// Who is served, where World's bucket columns do not say it: by session, tenant or time, and lists of
// users who always or never are.
// Used by Field, one per distinct assignment of its contenders; it knows no exposure.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "policies/plan.h"
#include "sim/arms/columns.h"
#include "sim/router/split.h"
#include "sim/run.h"
#include "sim/world.h"

namespace gatewright::sim {

/// World's bucket column of an assignment by user or request.
[[nodiscard]] std::size_t bucket_column(const Assignment& assignment) noexcept;
/// Whether it takes more than a bucket column of World's.
[[nodiscard]] bool is_special(const Assignment& assignment) noexcept;
/// The columns that it goes by.
[[nodiscard]] Wants wants_of(const Assignment& assignment) noexcept;

/// Buckets of a chunk's requests. A unit's bucket is the hash of "salt:number", as in population.h: the
/// number is the session's, the tenant's or that of the block of time, the salt "seed.replication".
/// Listed users have a bucket of their own: 0 is served as soon as anybody is, 10,000 never.
class AssignmentColumn {
 public:
  explicit AssignmentColumn(Assignment assignment) : assignment_(std::move(assignment)) {}

  [[nodiscard]] const Assignment& assignment() const noexcept { return assignment_; }
  void start(RunKey key);
  /// The wanted columns are filled.
  void fill(const Columns& columns);
  [[nodiscard]] Buckets buckets() const noexcept {
    return {.of_place = column_.data(), .at_whole = !assignment_.deny.empty()};
  }

 private:
  [[nodiscard]] std::uint16_t bucket_of(std::uint64_t unit) const;
  /// The bucket of a unit with a small number, computed when first asked for.
  [[nodiscard]] std::uint16_t known_bucket_of(std::uint32_t unit);
  [[nodiscard]] std::uint16_t bucket_of_block(double at_seconds);
  void put_in_lists(const Columns& columns);

  Assignment assignment_;
  std::string salt_;
  Column<std::uint16_t> column_{};
  std::vector<std::uint16_t> known_;
  std::uint64_t block_ = 0;  ///< that block_bucket_ belongs to, from 1; 0: none
  std::uint16_t block_bucket_ = 0;
};

}  // namespace gatewright::sim
