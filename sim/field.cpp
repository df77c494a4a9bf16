#include "sim/field.h"

#include <algorithm>
#include <tuple>
#include <utility>

#include "sim/delay.h"
#include "sim/telemetry/tally.h"
#include "sim/windows/fidelity.h"

namespace gatewright::sim {
namespace {

bool go_the_same_ways(const Driver& a, const Driver& b) noexcept {
  return a.assignment() == b.assignment() && a.until() == b.until() &&
         is_same_way(a.timeline(), b.timeline());
}

/// What things cost, in drawn requests: some ten nanoseconds each.
constexpr std::uint64_t kCostOfWindow = 300;  ///< that is drawn without its requests
constexpr std::uint64_t kCostOfVisit = 140;   ///< the steps of a contender in one window
/// What a visit costs more where the contender's memory was pushed out of the cache since the last one.
constexpr std::uint64_t kCostOfFetching = 40;
/// As many contenders as fit into a core's cache, roughly; fewer are never fetched anew.
constexpr std::size_t kCachedContenders = 64;

/// Adds a window's reading of each arm that has one.
void add_gauges(const Measurement& measurement, const ServedRequests& servers, Tally& tally) {
  for (const std::size_t arm : {kBaselineArm, kCandidateArm}) {
    const std::optional<ArmGauges>& gauges = servers.gauges()[arm];
    if (!gauges) continue;
    const double value = measurement.metric == WorldMetric::cpu ? gauges->cpu : gauges->memory;
    tally[arm].summary += {1, value, value * value};
  }
}

}  // namespace

Field::Field(std::span<const Contender> contenders, const PreparedScenario& scenario, Visits visits)
    : world_(scenario),
      scenario_(scenario),
      split_(scenario.scenario().telemetry.mirrored_sampled),
      half_split_(scenario.scenario().telemetry.mirrored_sampled),
      rating_delays_(scenario.scenario().baseline.thumbs.delay,
                     scenario.scenario().telemetry.window, scenario.scenario().horizon),
      preference_(scenario.scenario().interleaving),
      visits_(visits),
      reports_singly_(ReportFaults(scenario.scenario().telemetry, {}).any()),
      cuts_short_(
          ReportFaults(scenario.scenario().telemetry, {}).any(TelemetryFaultKind::truncated)) {
  if (choose_fidelity(contenders, scenario).fidelity == Fidelity::windows)
    windows_ = std::make_unique<WindowWorld>(scenario);
  players_.reserve(contenders.size());
  for (std::size_t i = 0; i < contenders.size(); ++i) {
    Player& player = players_.emplace_back();
    player.driver = std::make_unique<Driver>(contenders[i], scenario, checker_memory_);
    if (scenario.scenario().serving)
      player.servers = std::make_unique<ServedRequests>(scenario.scenario());
    for (const Measurement& measurement : player.driver->measurements()) {
      const auto found = std::ranges::find(measurements_, measurement);
      player.places.push_back(static_cast<std::size_t>(found - measurements_.begin()));
      if (found == measurements_.end()) measurements_.push_back(measurement);
    }
    if (const std::optional<CountedUnit>& unit = player.driver->unit(); unit && !windows_) {
      auto known = std::ranges::find(sightings_, *unit,
                                     [](const auto& sightings) { return sightings->unit(); });
      if (known == sightings_.end())
        known = sightings_.insert(known, std::make_unique<UnitSightings>(*unit));
      player.sightings = known->get();
    }
    const Assignment& assignment = contenders[i].assignment;
    if (!is_special(assignment)) continue;
    const auto known = std::ranges::find(
        assignments_, assignment,
        [](const auto& column) -> const Assignment& { return column->assignment(); });
    if (known != assignments_.end()) {
      player.assignment = known->get();
    } else {
      assignments_.push_back(std::make_unique<AssignmentColumn>(assignment));
      player.assignment = assignments_.back().get();
    }
  }
  if (windows_) {
    for (Player& player : players_) {
      player.measured_places = player.places;
      std::erase_if(player.measured_places, [this](std::size_t place) {
        return measurements_[place].metric == WorldMetric::units;
      });
      const auto order = [this](std::size_t place) {
        const Measurement& one = measurements_[place];
        return std::tuple(one.metric, one.kind, one.scope, one.pairs, one.covariate, one.segment);
      };
      std::ranges::sort(player.measured_places, {}, order);
      player.measured_places.erase(std::ranges::unique(player.measured_places).begin(),
                                   player.measured_places.end());
      const std::span<const Probe> probes =
          contenders[static_cast<std::size_t>(&player - players_.data())].engine.policy().probes();
      for (const std::size_t place : player.measured_places) {
        std::vector<double> probabilities;
        for (std::size_t i = 0; i < probes.size(); ++i)
          if (player.places[i] == place && probes[i].statistic.kind == Statistic::Kind::quantile)
            probabilities.push_back(probes[i].statistic.probability);
        player.measuring.add(measurements_[place], probabilities);
      }
    }
  }
  assign_first_courses();
  for (const Measurement& measurement : measurements_) {
    any_preference_ |= measurement.metric == WorldMetric::preference;
    if (!rating_delays_.any() || !is_rating(measurement.metric)) continue;
    any_rating_ = true;
    if (rating_place(measurement) == rating_segments_.size())
      rating_segments_.push_back(measurement.segment);
  }
}

void Field::play(RunKey key, std::vector<RunTrace>* traces) {
  key_ = key;
  traces_ = traces;
  partings_.clear();
  const bool in_a_row =
      visits_ == Visits::in_a_row || (visits_ == Visits::cheapest && is_cheaper_in_a_row());
  costs_ = {};
  if (in_a_row) return play_in_a_row();
  start_courses();
  for (Player& player : players_) start(player);
  play_windows();
}

void Field::start_world() {
  last_arrival_ = Instant{};
  chunks_played_ = 0;
  if (windows_)
    windows_->start(key_);
  else
    world_.start(key_);
  for (Player& player : players_)
    if (player.servers) player.servers->start(key_);
  rating_delays_.start(key_);
  preference_.start(key_);
  for (const auto& assignment : assignments_) assignment->start(key_);
  for (const auto& sightings : sightings_) sightings->start();
  under_way_.clear();
}

void Field::start(Player& player) {
  const auto place = static_cast<std::size_t>(&player - players_.data());
  player.events.clear();
  player.driver->start(key_, traces_ == nullptr ? nullptr : &(*traces_)[place], player.events);
}

void Field::play_windows() {
  start_world();
  joined_ = 0;
  const Instant horizon = Instant{} + scenario_.scenario().horizon;
  bool expired = false;
  for (std::uint64_t window = 0;; ++window) {
    play_events(window);
    if (!expired && start_of(window + 1) > horizon) {
      expire(window, horizon);
      expired = true;
    }
    join(window);
    play_window(window);
    if (group_count_ == 0) break;
  }
  for (const auto& course : std::span(courses_).first(course_count_))
    for (Player* player : course->members) settle(*course, *player);
}

// ---- in a row ----

bool Field::is_cheaper_in_a_row() const noexcept {
  return players_.size() > kCachedContenders && costs_.every_window > costs_.in_a_row;
}

/// A world need not be wound back for those who part from their leader: it is played a second time, and
/// all of them find the same requests, which are functions of the key. Leaders whom nobody leaves are
/// over by then.
void Field::play_in_a_row() {
  start_courses();
  for (const auto& course : std::span(courses_).first(course_count_)) {
    course->members.resize(1);
    course->trail.start();
    start(*course->members.front());
  }
  leads_ahead_ = true;
  play_windows();
  leads_ahead_ = false;

  for (Player& player : players_) {
    if (player.first_leader == &player) continue;
    start(player);
    if (const auto window = follow(courses_[player.first_course]->trail, player))
      partings_.push_back({*window, &player});
    else
      player.driver->settle(player.first_leader->driver->totals());
  }
  if (partings_.empty()) return;
  std::ranges::sort(partings_, {}, [](const Parting& parting) {
    return std::pair(parting.window, parting.player);
  });

  start_courses();
  for (const auto& course : std::span(courses_).first(course_count_)) course->members.clear();
  for (const Parting& parting : partings_)
    courses_[parting.player->first_course]->members.assign(1, parting.player->first_leader);
  for (const auto& course : std::span(courses_).first(course_count_))
    for (Player* leader : course->members) start(*leader);
  play_windows();
}

std::optional<std::uint64_t> Field::follow(const Trail& trail, Player& player) {
  Driver& driver = *player.driver;
  const Instant horizon = Instant{} + scenario_.scenario().horizon;
  const std::span<const Trail::Mark> marks = trail.marks();
  const Instant over = marks.back().bearing.until;
  Bearing leader;
  ExposureSegment standing;  // the leader's timeline in windows without a mark
  for (std::size_t next = 0;;) {
    const Instant own = player.events.next_at();
    const bool is_marked = next < marks.size() && own >= start_of(marks[next].window);
    if (next == marks.size() && own >= over) return std::nullopt;
    const std::uint64_t window = is_marked ? marks[next].window : window_at(own);
    const Instant start = start_of(window);
    arriving_.clear();
    if (is_marked) {
      trail.find_arriving(marks[next], arriving_);
      leader = trail.bearing_at(marks[next++]);
    } else {
      standing = {.from = start, .exposure = leader.timeline.back().exposure};
      leader.timeline = std::span(&standing, 1);
    }
    driver.begin_window(start);
    play_events_until(start_of(window + 1), player);
    if (start_of(window + 1) > horizon) driver.expire(horizon);
    costs_.every_window += kCostOfFetching;
    if (!go_on_alike(driver.bearing(), leader)) return window;
  }
}

void Field::join(std::uint64_t window) {
  for (; joined_ < partings_.size() && partings_[joined_].window == window; ++joined_) {
    Player& player = *partings_[joined_].player;
    Course& course = *courses_[player.first_course];
    course.members.push_back(&player);
    course.next_event = std::min(course.next_event, player.events.next_at());
    course.next_end = std::min(course.next_end, player.driver->until());
    course.may_part = true;
  }
}

// ---- events ----

void Field::play_events(std::uint64_t window) {
  const Instant end = start_of(window + 1);
  const auto later = std::ranges::find_if(
      under_way_, [end](const Packet& packet) { return packet.arrives >= end; });
  for (std::size_t i = 0; i < course_count_; ++i) {
    Course& course = *courses_[i];
    arriving_.clear();
    for (auto packet = under_way_.begin(); packet != later; ++packet) {
      const std::span<const Report> reports = course.ledger->take(packet->window);
      if (!reports.empty()) arriving_.push_back({packet->arrives, reports});
    }
    play_events(window, course, i < first_course_count_);
  }
  under_way_.erase(under_way_.begin(), later);
}

/// All of a member's memory that the window asks for is looked at here, while it is near. The leader
/// comes first, whose way the others are compared with; they come to and fro, because of a field that no
/// cache holds the part visited last is still there.
void Field::play_events(std::uint64_t window, Course& course, bool is_first) {
  if (course.members.empty()) return;
  const Instant start = start_of(window);
  const Instant end = start_of(window + 1);
  Driver& leader = *course.members.front()->driver;
  if (arriving_.empty() && course.next_event >= end) return leader.begin_window(start);
  course.next_event = course.next_end = kNever;
  const auto visit = [&](Player* player) {
    player->driver->begin_window(start);
    play_events_until(end, *player);
    course.next_event = std::min(course.next_event, player->events.next_at());
    course.next_end = std::min(course.next_end, player->driver->until());
  };
  visit(course.members.front());
  const Bearing bearing = leader.bearing();
  if (leads_ahead_) course.trail.mark(window, arriving_, bearing);
  const auto others = std::span(course.members).subspan(1);
  if (is_first && partings_.empty()) {
    costs_.in_a_row += kCostOfVisit;
    costs_.every_window += kCostOfFetching * others.size();
  }
  const auto compare = [&](Player* player) {
    visit(player);
    course.may_part |= !go_on_alike(player->driver->bearing(), bearing);
  };
  if (course.backwards)
    std::ranges::for_each(others.rbegin(), others.rend(), compare);
  else
    std::ranges::for_each(others, compare);
  course.backwards = !course.backwards;
}

void Field::expire(std::uint64_t window, Instant horizon) {
  for (const auto& course : std::span(courses_).first(course_count_)) {
    for (Player* player : course->members) player->driver->expire(horizon);
    if (leads_ahead_ && !course->members.empty())
      course->trail.mark(window, {}, course->driver().bearing());
    course->next_end = std::min(course->next_end, horizon);
    course->may_part = true;
  }
}

void Field::play_events_until(Instant end, Player& player) {
  Driver& driver = *player.driver;
  EventQueue& queue = player.events;
  const Instant horizon = Instant{} + scenario_.scenario().horizon;
  for (auto arriving = arriving_.begin();;) {
    const bool is_own = queue.next_at() < end;
    const bool is_report =
        arriving != arriving_.end() &&
        !(is_own && earlier(queue.front(), {.at = arriving->at, .phase = EventPhase::telemetry}));
    if (!is_own && !is_report) return;
    const Instant now = is_report ? arriving->at : queue.front().at;
    if (now > horizon) driver.expire(horizon);
    if (is_report) {
      driver.deliver((arriving++)->reports, now, queue);
      continue;
    }
    const ScheduledEvent event = queue.pop();
    switch (event.phase) {
      case EventPhase::telemetry:
        driver.deliver_report(event.number, now, queue);
        break;
      case EventPhase::operators:
        driver.operate(event.number, now, queue);
        break;
      case EventPhase::engine:
        driver.wake(now, queue);
        break;
      case EventPhase::actuation:
        driver.actuate(event.number, now, queue);
        break;
    }
  }
}

// ---- courses ----

void Field::assign_first_courses() {
  std::vector<Player*> leaders;
  for (Player& player : players_) {
    const auto known = std::ranges::find_if(
        leaders, [&](const Player* leader) { return may_share(*leader, player); });
    player.first_course = static_cast<std::size_t>(known - leaders.begin());
    if (known == leaders.end())
      player.first_leader = leaders.emplace_back(&player);
    else
      player.first_leader = *known;
  }
  first_course_count_ = leaders.size();
}

void Field::start_courses() {
  course_count_ = 0;
  for (Player& player : players_) {
    if (player.first_course < course_count_) {
      courses_[player.first_course]->members.push_back(&player);
      continue;
    }
    if (course_count_ == courses_.size()) courses_.push_back(std::make_unique<Course>());
    Course& course = *courses_[course_count_++];
    course.members.assign(1, &player);
    course.next_event = course.next_end = Instant{};
    course.may_part = false;
    course.ratings.resize(rating_segments_.size());
    for (AwaitedRatings& ratings : course.ratings) ratings.start();
    // A ledger knows its probes, and the course that stood here before may have had others.
    if (course.ledger == nullptr ||
        course.ledger->probes().data() != player.driver->probes().data())
      course.ledger = std::make_unique<Ledger>(player.driver->probes(), scenario_);
    course.ledger->start();
  }
}

bool Field::may_share(const Player& a, const Player& b) const noexcept {
  // Servers and faults of telemetry are each contender's own.
  return !scenario_.scenario().serving && !reports_singly_ &&
         a.driver->assignment() == b.driver->assignment() &&
         std::ranges::equal(a.driver->probes(), b.driver->probes());
}

Field::Course& Field::room_for_course() {
  const auto courses = std::span(courses_).first(course_count_);
  const auto left =
      std::ranges::find_if(courses, [](const auto& course) { return course->members.empty(); });
  if (left != courses.end()) return **left;
  if (course_count_ == courses_.size()) courses_.push_back(std::make_unique<Course>());
  return *courses_[course_count_++];
}

Field::Course& Field::part_from(const Course& from) {
  Course& course = room_for_course();
  course.ratings = from.ratings;
  course.next_event = from.next_event;
  course.next_end = from.next_end;
  if (course.ledger == nullptr)
    course.ledger = std::make_unique<Ledger>(*from.ledger);
  else
    *course.ledger = *from.ledger;
  return course;
}

void Field::follow_courses(Instant start) {
  for (std::size_t i = 0; i < course_count_; ++i) {
    Course& known = *courses_[i];
    if (known.next_end > start && !known.may_part) continue;
    for (Player* player : known.members) player->driver->begin_window(start);
    if (known.next_end <= start) settle_ended(known, start);
    for (Course* course = &known; course != nullptr;) course = split(*course);
  }
}

void Field::settle_ended(Course& course, Instant start) {
  std::erase_if(course.members, [&](Player* player) {
    if (player->driver->until() > start) return false;
    if (player->servers) run_out(course, *player);
    settle(course, *player);
    return true;
  });
  course.next_end = kNever;
  for (const Player* player : course.members)
    course.next_end = std::min(course.next_end, player->driver->until());
}

Field::Course* Field::split(Course& course) {
  course.may_part = false;
  if (course.members.size() < 2) return nullptr;
  const Bearing leader = course.driver().bearing();
  const auto parting = std::ranges::stable_partition(
      course.members.begin() + 1, course.members.end(),
      [&](Player* player) { return go_on_alike(player->driver->bearing(), leader); });
  if (parting.empty()) return nullptr;
  parting_.assign(parting.begin(), parting.end());
  course.members.erase(parting.begin(), parting.end());
  Course& other = part_from(course);
  other.members = parting_;
  return &other;
}

void Field::settle(const Course& course, Player& player) {
  player.driver->settle(course.ledger->totals());
}

void Field::play_window(std::uint64_t window) {
  const Instant start = start_of(window);
  const Instant end = start_of(window + 1);
  form_groups(start);
  if (group_count_ == 0) return;

  if (windows_) {
    windows_->advance();
    if (partings_.empty()) costs_.in_a_row += kCostOfWindow * group_count_;
    for (Group& group : std::span(groups_).first(group_count_)) draw_window(window, group);
  } else {
    play_requests(window, end);
  }

  bool any_report = false;
  for (Group& group : std::span(groups_).first(group_count_))
    for (Course* course : group.courses) close_window(window, end, group, *course, any_report);

  const Duration delay = draw_delay(scenario_.scenario().telemetry.delay,
                                    {key_.seed, key_.replication, "telemetry.delay", window});
  last_arrival_ = std::max(last_arrival_, after(end, delay));
  if (any_report && !reports_singly_)
    under_way_.push_back({.arrives = last_arrival_, .window = window});
  if (any_report && reports_singly_)
    for (const auto& course : std::span(courses_).first(course_count_))
      for (Player* player : course->members) {
        player->driver->send_reports(course->ledger->take(window),
                                     {.closed = end, .arrives = last_arrival_}, player->events);
        course->next_event = std::min(course->next_event, player->events.next_at());
      }
}

void Field::play_requests(std::uint64_t window, Instant end) {
  world_.advance();
  if (partings_.empty()) costs_.in_a_row += world_.requests();
  for (std::size_t chunk = 0; chunk < world_.chunks(); ++chunk) play_chunk(window, chunk);
  if (scenario_.scenario().serving)
    for (Group& group : std::span(groups_).first(group_count_)) play_servers(group, end);
}

void Field::draw_window(std::uint64_t window, Group& group) {
  const Player& leader = group.leader();
  static const Measuring kNothing;
  drawn_.clear();
  if (group.is_measuring)
    for (const std::size_t place : leader.measured_places) drawn_.push_back(&group.tallies[place]);
  const WindowCounts counts =
      windows_->play({leader.driver->timeline(), leader.driver->until(), leader.driver->history(),
                      leader.driver->assignment()},
                     group.is_measuring ? leader.measuring : kNothing, drawn_, rating_delays_,
                     any_rating_ && group.is_measuring ? &group.ratings : nullptr);
  group.words = counts.words;
  for (Course* course : group.courses) course->ledger->add_window(counts);
  draw_units(window, group, counts);
}

/// As count_units(); what is assigned request by request is a unit of its own.
void Field::draw_units(std::uint64_t window, Group& group, const WindowCounts& counts) {
  const Driver& leader = group.driver();
  if (!splits_units(leader.timeline().back().exposure)) return;
  for (auto& [since, tally] : group.units) {
    if (since > window) continue;
    const bool by_request = leader.assignment().by == AssignmentUnit::request;
    const auto [baseline, candidate] =
        by_request ? std::array{counts.requests - counts.served, counts.served}
                   : windows_->new_users(
                         {leader.timeline(), leader.until(), leader.history(), leader.assignment()},
                         since);
    tally[kBaselineArm].summary.count += baseline;
    tally[kCandidateArm].summary.count += candidate;
  }
}

void Field::form_groups(Instant start) {
  follow_courses(start);
  group_count_ = 0;
  for (const auto& course : std::span(courses_).first(course_count_)) {
    if (course->members.empty()) continue;
    Group& group = group_for(*course);
    const Player& leader = course->leader();
    if (!leader.driver->is_measuring()) continue;
    group.is_measuring = true;
    for (const std::size_t place : leader.places) group.is_measured[place] = true;
    if (!leader.driver->unit()) continue;
    group.sightings = leader.sightings;
    const std::uint64_t since = leader.driver->still_since();
    if (std::ranges::find(group.units, since, &UnitTally::since) == group.units.end())
      group.units.push_back({.since = since, .tally = {}});
  }
}

bool Field::belong_together(const Player& a, const Player& b) const noexcept {
  // What is drawn of a window depends on what is measured of it.
  if (windows_ && (a.driver->is_measuring() != b.driver->is_measuring() ||
                   a.measured_places != b.measured_places || a.measuring != b.measuring))
    return false;
  return go_the_same_ways(*a.driver, *b.driver) &&
         (!world_.depends_on_exposure() || a.driver->history() == b.driver->history());
}

Field::Group& Field::group_for(Course& course) {
  if (!scenario_.scenario().serving) {
    for (Group& group : std::span(groups_).first(group_count_)) {
      if (!belong_together(group.leader(), course.leader())) continue;
      group.courses.push_back(&course);
      return group;
    }
  }
  if (group_count_ == groups_.size()) {
    groups_.emplace_back();
    groups_.back().tallies.resize(measurements_.size());
    if (cuts_short_) groups_.back().halves.resize(measurements_.size());
  }
  Group& group = groups_[group_count_++];
  group.courses.assign(1, &course);
  group.is_measuring = false;
  group.is_measured.assign(measurements_.size(), false);
  for (Tally& tally : group.tallies)
    for (ArmTally& arm : tally) arm.clear();
  for (Tally& tally : group.halves)
    for (ArmTally& arm : tally) arm.clear();
  group.ratings.clear();
  group.units.clear();
  return group;
}

void Field::close_window(std::uint64_t window, Instant end, const Group& group, Course& course,
                         bool& any_report) {
  for (std::size_t place = 0; place < rating_segments_.size(); ++place) {
    AwaitedRatings::Answered answered;
    for (std::size_t i = 0; i < measurements_.size(); ++i) {
      if (!group.is_measured[i] || !is_rating(measurements_[i].metric)) continue;
      if (rating_place(measurements_[i]) != place) continue;
      for (const std::size_t arm : {kBaselineArm, kCandidateArm}) {
        answered.whole[arm] = group.tallies[i][arm].summary.count;
        if (cuts_short_) answered.half[arm] = group.halves[i][arm].summary.count;
      }
    }
    course.ratings[place].expect(group.ratings, rating_segments_[place]);
    course.ratings[place].close(window, answered);
  }
  const Driver& leader = course.driver();
  if (cuts_short_)
    course.ledger->cut_short(tallies_of(course, group, true, halves_), leader.faults());
  any_report |=
      course.ledger->close_window({.k = window,
                                   .end = end,
                                   .arrival_words = windows_ ? group.words : world_.arrival_draws(),
                                   .wanted = leader.wanted()},
                                  tallies_of(course, group, false, tallies_), leader.ways());
}

std::size_t Field::rating_place(const Measurement& measurement) const noexcept {
  const auto known = std::ranges::find(rating_segments_, measurement.segment);
  return static_cast<std::size_t>(known - rating_segments_.begin());
}

const Tally& Field::units_of(const Player& player, const Group& group) const noexcept {
  if (!player.driver->unit()) return no_units_;
  const auto known =
      std::ranges::find(group.units, player.driver->still_since(), &UnitTally::since);
  return known != group.units.end() ? known->tally : no_units_;
}

std::span<const Tally* const> Field::tallies_of(const Course& course, const Group& group, bool half,
                                                std::vector<const Tally*>& room) const {
  room.clear();
  for (const std::size_t place : course.leader().places) {
    const Measurement& measurement = measurements_[place];
    if (any_rating_ && is_rating(measurement.metric))
      room.push_back(&course.ratings[rating_place(measurement)].tally(measurement.metric, half));
    else if (measurement.metric == WorldMetric::units)
      room.push_back(&units_of(course.leader(), group));
    else
      room.push_back(half ? &group.halves[place] : &group.tallies[place]);
  }
  return room;
}

void Field::play_chunk(std::uint64_t window, std::size_t chunk) {
  const std::span<const double> times = world_.chunk_times(chunk);
  const std::span<Group> groups = std::span(groups_).first(group_count_);
  Wants all = 0;
  for (Group& group : groups) {
    group.wants = 0;
    for (Course* course : group.courses) {
      course->wants = course->driver().wants(times);
      group.wants |= course->wants;
    }
    all |= group.wants;
  }
  if (world_.depends_on_exposure() || groups.size() == 1) {
    // Answered is what this group asks for.
    for (Group& group : groups) {
      const Columns& columns = begin(window, chunk, group.wants);
      const Driver& leader = group.driver();
      split_.split(columns, buckets_of(group, columns), leader.timeline(), leader.until());
      world_.finish(split_.exposed(),
                    world_.depends_on_exposure() ? leader.history() : ExposureHistory{});
      add_chunk_to(group, window, columns);
    }
  } else {
    const Columns& columns = begin(window, chunk, all);
    world_.finish_all();
    for (Group& group : groups) {
      split_.split(columns, buckets_of(group, columns), group.driver().timeline(),
                   group.driver().until());
      add_chunk_to(group, window, columns);
    }
  }
  ++chunks_played_;
}

const Columns& Field::begin(std::uint64_t window, std::size_t chunk, Wants wants) {
  Columns& columns = world_.begin(chunk, wants);
  for (const auto& assignment : assignments_) {
    const Wants needed = wants_of(assignment->assignment());
    if ((wants & needed) == needed) assignment->fill(columns);
  }
  for (const auto& sightings : sightings_) {
    const Wants needed = wants_of(sightings->unit(), {});
    if ((wants & needed) == needed) sightings->fill(window, chunk, columns);
  }
  if (any_rating_) rating_delays_.draw(window, chunk, columns);
  if (any_preference_) preference_.draw(window, chunk, columns);
  return columns;
}

/// The split is that of the group.
void Field::add_chunk_to(Group& group, std::uint64_t window, const Columns& columns) {
  const Driver& leader = group.driver();
  const Buckets buckets = buckets_of(group, columns);
  for (Course* course : group.courses)
    course->ledger->add_words(world_.words(), world_.draws_behind(course->wants));
  if (cuts_short_ && group.is_measuring) {
    const Instant middle = start_of(window) + scenario_.scenario().telemetry.window / 2;
    half_split_.split(columns, buckets, leader.timeline(), std::min(leader.until(), middle));
    measure(columns, half_split_, group, group.halves);
  }
  if (!group.units.empty()) count_units(group, window, columns);
  if (ServedRequests* servers = group.leader().servers.get())
    servers->enter(columns, split_, leader.timeline(), chunks_played_);
  else
    count(group, columns, split_, buckets);
}

/// Units are split as they arrive, whatever becomes of their requests.
void Field::count_units(Group& group, std::uint64_t window, const Columns& columns) {
  const Driver& leader = group.driver();
  if (!splits_units(leader.timeline().back().exposure)) return;
  for (auto& [since, tally] : group.units) {
    if (since > window) continue;  // a window that a change of exposure cuts
    const auto count = [&](Split::Places places) {
      return group.sightings->count_new(places, since, columns, leader.assignment());
    };
    tally[kBaselineArm].summary.count += count(split_.places(kBaselineArm, MetricScope::all));
    tally[kCandidateArm].summary.count += count(split_.served());
  }
}

void Field::play_servers(Group& group, Instant end) {
  ServedRequests& servers = *group.leader().servers;
  servers.run_until(end, group.driver().timeline());
  while (const Columns* columns = servers.next_ended())
    count(group, *columns, servers.split_of_ended(), {});
  for (std::size_t i = 0; i < measurements_.size(); ++i)
    if (group.is_measured[i] && is_gauge(measurements_[i].metric))
      add_gauges(measurements_[i], servers, group.tallies[i]);
}

void Field::run_out(const Course& course, Player& player) {
  if (player.servers->is_empty()) return;
  player.servers->run_out();
  while (const Columns* columns = player.servers->next_ended()) {
    const Split& split = player.servers->split_of_ended();
    course.ledger->add_requests(*columns, split, {}, costs_of(*columns, split),
                                player.driver->ways());
  }
}

void Field::count(Group& group, const Columns& columns, Split& split, Buckets buckets) {
  if (group.is_measuring) {
    measure(columns, split, group, group.tallies);
    if (any_rating_) rating_delays_.collect(columns, split, group.ratings);
  }
  const ChunkCosts costs = costs_of(columns, split);
  for (Course* course : group.courses)
    course->ledger->add_requests(columns, split, buckets, costs, course->driver().ways());
}

void Field::measure(const Columns& columns, Split& split, Group& group,
                    std::vector<Tally>& tallies) {
  split.find_answered(columns);
  for (std::size_t i = 0; i < measurements_.size(); ++i) {
    if (!group.is_measured[i]) continue;
    if (measurements_[i].metric == WorldMetric::preference)
      preference_.add_chunk(columns, split, measurements_[i].segment, tallies[i]);
    else
      add_chunk(measurements_[i], columns, split, tallies[i]);
  }
}

Buckets Field::buckets_of(const Group& group, const Columns& columns) const noexcept {
  const AssignmentColumn* special = group.leader().assignment;
  if (special != nullptr) return special->buckets();
  return {.of_place = columns.bucket[bucket_column(group.driver().assignment())].data()};
}

std::uint64_t Field::window_at(Instant now) const noexcept {
  return static_cast<std::uint64_t>(now.time_since_epoch() / scenario_.scenario().telemetry.window);
}

Instant Field::start_of(std::uint64_t window) const noexcept {
  return Instant{} + scenario_.scenario().telemetry.window * static_cast<Duration::rep>(window);
}

}  // namespace gatewright::sim
