#include "sim/users/assignment.h"

#include <algorithm>
#include <limits>

#include "policies/exposure.h"
#include "sim/seconds.h"
#include "sim/users/population.h"

namespace gatewright::sim {
namespace {

constexpr std::uint16_t kUnknown = std::numeric_limits<std::uint16_t>::max();

bool has_lists(const Assignment& assignment) noexcept {
  return !assignment.allow.empty() || !assignment.deny.empty();
}

}  // namespace

std::size_t bucket_column(const Assignment& assignment) noexcept {
  return assignment.by == AssignmentUnit::request ? kRequestBuckets
                                                  : static_cast<std::size_t>(assignment.hash);
}

bool is_special(const Assignment& assignment) noexcept {
  const bool has_column =
      assignment.by == AssignmentUnit::user || assignment.by == AssignmentUnit::request;
  return !has_column || has_lists(assignment);
}

Wants wants_of(const Assignment& assignment) noexcept {
  const Wants of_lists = has_lists(assignment) ? kWantUsers : 0;
  switch (assignment.by) {
    case AssignmentUnit::session:
      return kWantSession | of_lists;
    case AssignmentUnit::tenant:
      return kWantTenant | of_lists;
    case AssignmentUnit::time:
      return of_lists;
    case AssignmentUnit::user:
    case AssignmentUnit::request:
      break;
  }
  return want_bucket(bucket_column(assignment)) | of_lists;
}

void AssignmentColumn::start(RunKey key) {
  salt_ = std::to_string(key.seed) + '.' + std::to_string(key.replication);
  std::ranges::fill(known_, kUnknown);
  block_ = 0;
}

void AssignmentColumn::fill(const Columns& columns) {
  const std::size_t n = columns.size;
  switch (assignment_.by) {
    case AssignmentUnit::user:
    case AssignmentUnit::request:
      std::copy_n(columns.bucket[bucket_column(assignment_)].begin(), n, column_.begin());
      break;
    case AssignmentUnit::session:
      for (std::size_t i = 0; i < n; ++i) column_[i] = bucket_of(columns.session[i]);
      break;
    case AssignmentUnit::tenant:
      for (std::size_t i = 0; i < n; ++i) column_[i] = known_bucket_of(columns.tenant[i]);
      break;
    case AssignmentUnit::time:
      for (std::size_t i = 0; i < n; ++i) column_[i] = bucket_of_block(columns.at_seconds[i]);
      break;
  }
  if (has_lists(assignment_)) put_in_lists(columns);
}

std::uint16_t AssignmentColumn::bucket_of(std::uint64_t unit) const {
  return bucket(assignment_.hash, salt_, std::to_string(unit));
}

std::uint16_t AssignmentColumn::known_bucket_of(std::uint32_t unit) {
  if (unit >= known_.size()) known_.resize(std::size_t{unit} + 1, kUnknown);
  if (known_[unit] == kUnknown) known_[unit] = bucket_of(unit);
  return known_[unit];
}

std::uint16_t AssignmentColumn::bucket_of_block(double at_seconds) {
  const auto block = static_cast<std::uint64_t>(at_seconds / to_seconds(assignment_.block)) + 1;
  if (block != block_) {
    block_ = block;
    block_bucket_ = bucket_of(block);
  }
  return block_bucket_;
}

void AssignmentColumn::put_in_lists(const Columns& columns) {
  const auto lists = [](const std::vector<std::uint32_t>& users, std::uint32_t user) {
    return std::ranges::find(users, user) != users.end();
  };
  for (std::size_t i = 0; i < columns.size; ++i) {
    const std::uint32_t user = columns.user[i];
    if (lists(assignment_.allow, user)) column_[i] = 0;
    if (lists(assignment_.deny, user)) column_[i] = kWholeExposure;
  }
}

}  // namespace gatewright::sim
