#include "sim/field.h"

#include <algorithm>

#include "sim/delay.h"
#include "sim/telemetry/tally.h"

namespace gatewright::sim {
namespace {

bool go_the_same_ways(const Driver& a, const Driver& b) noexcept {
  return a.bucket() == b.bucket() && a.until() == b.until() &&
         std::ranges::equal(a.timeline(), b.timeline(), [](const auto& x, const auto& y) {
           return x.from == y.from && x.exposure == y.exposure;
         });
}

}  // namespace

Field::Field(std::span<const Contender> contenders, const PreparedScenario& scenario)
    : world_(scenario), scenario_(scenario) {
  players_.reserve(contenders.size());
  for (std::size_t i = 0; i < contenders.size(); ++i) {
    Player& player = players_.emplace_back();
    player.driver =
        std::make_unique<Driver>(contenders[i], scenario, static_cast<std::uint32_t>(i));
    for (const Measurement& measurement : player.driver->measurements()) {
      const auto found = std::ranges::find(measurements_, measurement);
      player.places.push_back(static_cast<std::size_t>(found - measurements_.begin()));
      if (found == measurements_.end()) measurements_.push_back(measurement);
    }
  }
}

void Field::play(RunKey key, std::vector<RunTrace>* traces) {
  key_ = key;
  last_arrival_ = Instant{};
  queue_.clear();
  world_.start(key);
  for (std::size_t i = 0; i < players_.size(); ++i)
    players_[i].driver->start(key, traces == nullptr ? nullptr : &(*traces)[i], queue_);
  queue_.push({.at = start_of(1), .number = 0, .phase = EventPhase::arrivals});

  const Instant horizon = Instant{} + scenario_.scenario().horizon;
  bool expired = false;
  group_count_ = players_.size();
  while (!queue_.empty() && group_count_ > 0) {
    const ScheduledEvent event = queue_.pop();
    if (!expired && event.at > horizon) {
      for (Player& player : players_) player.driver->expire(horizon);
      expired = true;
    }
    switch (event.phase) {
      case EventPhase::arrivals:
        play_window(event.number);
        break;
      case EventPhase::telemetry:
        for (Player& player : players_) player.driver->deliver(event.number, event.at, queue_);
        break;
      case EventPhase::operators:
        break;
      case EventPhase::engine:
        players_[event.contender].driver->wake(event.at, queue_);
        break;
      case EventPhase::actuation:
        players_[event.contender].driver->actuate(event.number, event.at, queue_);
        break;
    }
  }
}

void Field::play_window(std::uint64_t window) {
  const Instant start = start_of(window);
  const Instant end = start_of(window + 1);
  form_groups(start);
  if (group_count_ == 0) return;

  world_.advance();
  for (std::size_t chunk = 0; chunk < world_.chunks(); ++chunk) play_chunk(chunk);

  bool any_report = false;
  for (Group& group : std::span(groups_).first(group_count_)) {
    for (Player* player : group.members) {
      tallies_.clear();
      for (const std::size_t place : player->places) tallies_.push_back(&group.tallies[place]);
      any_report |= player->driver->close_window(window, end, world_.arrival_draws(), tallies_);
    }
  }

  const Duration delay = draw_delay(scenario_.scenario().telemetry.delay,
                                    {key_.seed, key_.replication, "telemetry.delay", window});
  last_arrival_ = std::max(last_arrival_, after(end, delay));
  if (any_report)
    queue_.push({.at = last_arrival_, .number = window, .phase = EventPhase::telemetry});
  queue_.push({.at = start_of(window + 2), .number = window + 1, .phase = EventPhase::arrivals});
}

void Field::form_groups(Instant start) {
  group_count_ = 0;
  for (Player& player : players_) {
    if (player.driver->until() <= start) continue;
    Group& group = group_for(*player.driver);
    group.members.push_back(&player);
    if (!player.driver->is_measuring()) continue;
    group.is_measuring = true;
    for (const std::size_t place : player.places) group.is_measured[place] = true;
  }
}

Field::Group& Field::group_for(const Driver& driver) {
  for (Group& group : std::span(groups_).first(group_count_))
    if (go_the_same_ways(*group.leader, driver)) return group;
  if (group_count_ == groups_.size()) {
    groups_.emplace_back();
    groups_.back().tallies.resize(measurements_.size());
  }
  Group& group = groups_[group_count_++];
  group.leader = &driver;
  group.members.clear();
  group.is_measuring = false;
  group.is_measured.assign(measurements_.size(), false);
  for (Tally& tally : group.tallies)
    for (ArmTally& arm : tally) arm.clear();
  return group;
}

void Field::play_chunk(std::size_t chunk) {
  const std::span<const double> times = world_.chunk_times(chunk);
  Wants all = 0;
  for (Group& group : std::span(groups_).first(group_count_)) {
    for (Player* player : group.members) {
      player->wants = player->driver->wants(times);
      all |= player->wants;
    }
  }
  const Columns& columns = world_.fill(chunk, all);
  for (Group& group : std::span(groups_).first(group_count_)) {
    const Driver& leader = *group.leader;
    split_.split(columns, leader.bucket(), leader.timeline(), leader.until());
    if (group.is_measuring) {
      split_.find_answered(columns);
      for (std::size_t i = 0; i < measurements_.size(); ++i)
        if (group.is_measured[i]) add_chunk(measurements_[i], columns, split_, group.tallies[i]);
    }
    const ChunkCosts costs = costs_of(columns, split_);
    for (Player* player : group.members)
      player->driver->add_requests(columns, split_, costs, world_.words(),
                                   world_.draws_behind(player->wants));
  }
}

Instant Field::start_of(std::uint64_t window) const noexcept {
  return Instant{} + scenario_.scenario().telemetry.window * static_cast<Duration::rep>(window);
}

}  // namespace gatewright::sim
