#include "scenarios/sweep.h"

namespace gatewright::scenarios {

std::size_t SweepGrid::cells() const noexcept {
  std::size_t cells = 1;
  for (const SweepAxis& axis : axes_) cells *= axis.values.size();
  return cells;
}

SweepChoice SweepGrid::choice(std::size_t cell) const {
  SweepChoice choice(axes_.size());
  for (std::size_t i = axes_.size(); i-- > 0; cell /= axes_[i].values.size())
    choice[i] = cell % axes_[i].values.size();
  return choice;
}

std::vector<std::pair<std::string, std::string>> SweepGrid::settings(std::size_t cell) const {
  const SweepChoice chosen = choice(cell);
  std::vector<std::pair<std::string, std::string>> settings;
  for (std::size_t i = 0; i < axes_.size(); ++i)
    settings.emplace_back(axes_[i].path, axes_[i].values[chosen[i]]);
  return settings;
}

SweepChoice SweepGrid::part_of(std::size_t cell, bool (SweepAxis::*moves)() const) const {
  const SweepChoice chosen = choice(cell);
  SweepChoice part;
  for (std::size_t i = 0; i < axes_.size(); ++i)
    if ((axes_[i].*moves)()) part.push_back(chosen[i]);
  return part;
}

SweepChoice SweepGrid::world_of(std::size_t cell) const {
  return part_of(cell, &SweepAxis::moves_world);
}

SweepChoice SweepGrid::twin_of(std::size_t cell) const {
  return part_of(cell, &SweepAxis::moves_twin);
}

}  // namespace gatewright::scenarios
