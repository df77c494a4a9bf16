#include "sim/users/unit_sightings.h"

#include <algorithm>
#include <utility>

namespace gatewright::sim {
namespace {

[[nodiscard]] bool lists(const Assignment& assignment, std::uint32_t user) noexcept {
  return std::ranges::find(assignment.allow, user) != assignment.allow.end() ||
         std::ranges::find(assignment.deny, user) != assignment.deny.end();
}

[[nodiscard]] bool has_lists(const Assignment& assignment) noexcept {
  return !assignment.allow.empty() || !assignment.deny.empty();
}

}  // namespace

CountedUnit counted_unit(const Assignment& assignment, const Users& users) noexcept {
  switch (assignment.by) {
    case AssignmentUnit::user:
    case AssignmentUnit::time:
      return CountedUnit::user;
    case AssignmentUnit::session:
      return users.sessions.requests > 1.0 ? CountedUnit::session : CountedUnit::request;
    case AssignmentUnit::tenant:
      return CountedUnit::tenant;
    case AssignmentUnit::request:
      break;
  }
  return CountedUnit::request;
}

Wants wants_of(CountedUnit unit, const Assignment& assignment) noexcept {
  const Wants of_lists = has_lists(assignment) ? kWantUsers : 0;
  switch (unit) {
    case CountedUnit::user:
      return kWantUsers;
    case CountedUnit::session:
      return kWantSession | of_lists;
    case CountedUnit::tenant:
      return kWantTenant | of_lists;
    case CountedUnit::request:
      break;
  }
  return of_lists;
}

void UnitSightings::start() noexcept {
  std::ranges::fill(seen_in_, 0U);
  window_.reset();
}

void UnitSightings::fill(std::uint64_t window, std::size_t chunk, const Columns& columns) {
  if (unit_ == CountedUnit::request || (window_ == window && chunk_ == chunk)) return;
  window_ = window;
  chunk_ = chunk;
  const auto now = static_cast<std::uint32_t>(window + 1);
  for (std::size_t i = 0; i < columns.size; ++i) {
    const std::uint32_t unit = number_of(columns, i);
    if (unit >= seen_in_.size()) seen_in_.resize(std::size_t{unit} + unit / 2 + 1);
    before_[i] = std::exchange(seen_in_[unit], now);
  }
}

std::uint64_t UnitSightings::count_new(Split::Places places, std::uint64_t since,
                                       const Columns& columns,
                                       const Assignment& assignment) const noexcept {
  const bool is_any_listed = has_lists(assignment);
  if (unit_ == CountedUnit::request && !is_any_listed) return places.size();
  std::uint64_t count = 0;
  for (const std::uint16_t place : places) {
    const bool is_new = unit_ == CountedUnit::request || before_[place] <= since;
    const bool counts = is_new && !(is_any_listed && lists(assignment, columns.user[place]));
    count += counts ? 1U : 0U;
  }
  return count;
}

std::uint32_t UnitSightings::number_of(const Columns& columns, std::size_t place) const noexcept {
  switch (unit_) {
    case CountedUnit::session:
      return columns.session[place];
    case CountedUnit::tenant:
      return columns.tenant[place];
    case CountedUnit::user:
    case CountedUnit::request:
      break;
  }
  return columns.user[place];
}

}  // namespace gatewright::sim
