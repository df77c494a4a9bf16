// Several contenders in one world: in lockstep, window by window, or one after another behind those that
// lead the way.
// Used by run() and run_many(); one per thread, played again and again, so that nothing is allocated
// once it is warm.
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <span>
#include <vector>

#include "sim/driver.h"
#include "sim/event_queue.h"
#include "sim/ledger.h"
#include "sim/prepared.h"
#include "sim/router/split.h"
#include "sim/run.h"
#include "sim/serving/served_requests.h"
#include "sim/telemetry/late_feedback.h"
#include "sim/telemetry/measurement.h"
#include "sim/telemetry/preference.h"
#include "sim/trail.h"
#include "sim/users/assignment.h"
#include "sim/users/unit_sightings.h"
#include "sim/windows/window_world.h"
#include "sim/world.h"

namespace gatewright::sim {

/// In which order a field visits its contenders. What it finds does not depend on that.
enum class Visits : std::uint8_t {
  cheapest,      ///< what the replication before shows to cost less
  every_window,  ///< all of them in each window
  in_a_row,      ///< each through its whole rollout, as far as it goes its leader's way
};

class Field {
 public:
  /// Both outlive the field; every contender passed check_fit().
  Field(std::span<const Contender> contenders, const PreparedScenario& scenario,
        Visits visits = Visits::cheapest);

  /// Plays one replication. `traces`: null, or one per contender.
  void play(RunKey key, std::vector<RunTrace>* traces = nullptr);
  /// From now on the steps of a contender are shown to `recorder`.
  void record_with(std::size_t contender, ThresholdRecorder& recorder) {
    players_[contender].driver->record_with(&recorder);
  }
  /// The record of a contender in the replication played last.
  [[nodiscard]] RunRecord record(std::size_t contender) const {
    return players_[contender].driver->record();
  }

 private:
  struct Player {
    std::unique_ptr<Driver> driver;
    EventQueue events;
    std::vector<std::size_t> places;           ///< per probe: its measurement among the field's
    Measuring measuring;                       ///< in a fixed order; where windows are drawn
    std::vector<std::size_t> measured_places;  ///< per part of that: among the field's
    AssignmentColumn* assignment = nullptr;    ///< null: a bucket column of the world's
    UnitSightings* sightings = nullptr;  ///< null: nobody asks for units, or they are not drawn
    std::size_t first_course = 0;        ///< on which its rollouts begin
    Player* first_leader = nullptr;      ///< of that course
    /// Its servers, where the scenario has any: how loaded they are depends on its exposure.
    std::unique_ptr<ServedRequests> servers;
  };
  /// Contenders with the same probes and assignment whose requests have gone the same ways from the
  /// start, so that one ledger tells of them all. Some may part from the others; none come together.
  struct Course {
    std::vector<Player*> members;
    std::unique_ptr<Ledger> ledger;
    Trail trail;                          ///< of its leader, where others come behind
    std::vector<AwaitedRatings> ratings;  ///< where feedback is late, as rating_segments_
    Wants wants = 0;                      ///< of the present chunk
    /// Of all members, or earlier: until then nobody has anything to do of its own, and nobody's
    /// requests cease to count.
    Instant next_event{}, next_end{};
    bool may_part = false;   ///< some member may go another way than the leader from now on
    bool backwards = false;  ///< the members are visited next from the last to the first
    [[nodiscard]] const Player& leader() const noexcept { return *members.front(); }
    [[nodiscard]] const Driver& driver() const noexcept { return *members.front()->driver; }
  };
  /// A telemetry window on its way to all contenders.
  struct Packet {
    Instant arrives{};
    std::uint64_t window = 0;
  };
  /// A contender behind its leader that goes another way from this window on.
  struct Parting {
    std::uint64_t window = 0;
    Player* player = nullptr;
  };
  /// What either order of visits would have cost beyond the other in the last replication.
  struct Costs {
    std::uint64_t in_a_row = 0;      ///< the world a second time, and its leaders
    std::uint64_t every_window = 0;  ///< memory that is pushed out between two visits
  };
  /// New units of the present window, for contenders whose exposure stands still since `since`.
  struct UnitTally {
    std::uint64_t since = 0;
    Tally tally;
  };
  /// Courses whose requests go the same ways in a window, in the same world: one split and one tally
  /// serve them all.
  struct Group {
    std::vector<Course*> courses;
    [[nodiscard]] const Player& leader() const noexcept { return courses.front()->leader(); }
    [[nodiscard]] const Driver& driver() const noexcept { return courses.front()->driver(); }
    Wants wants = 0;  ///< of the present chunk
    bool is_measuring = false;
    std::vector<bool> is_measured;  ///< per measurement of the field
    std::vector<Tally> tallies;     ///< the same
    std::vector<Tally> halves;      ///< of the window's first half, where reports can be cut short
    std::uint64_t words = 0;        ///< random ones, where windows are drawn
    std::vector<RatingUnderWay> ratings;       ///< given in this window, where feedback is late
    std::vector<UnitTally> units;              ///< of the members that ask for them
    const UnitSightings* sightings = nullptr;  ///< where any does
  };

  void start_world();
  void start(Player& player);
  /// All windows, for those who are on a course and those who join it.
  void play_windows();
  /// Leaders first; then each of the others, behind its leader; then those that went another way.
  void play_in_a_row();
  /// Plays a contender on the trail of its course's leader. The window from which on it goes another
  /// way, its events played; nothing where it never does.
  [[nodiscard]] std::optional<std::uint64_t> follow(const Trail& trail, Player& player);
  /// Those who part from their leader in this window come to its course, which then splits.
  void join(std::uint64_t window);
  [[nodiscard]] bool is_cheaper_in_a_row() const noexcept;
  /// What contenders are told, decide and do before then, one after another: none waits for another, and
  /// what one touches stays near.
  void play_events(std::uint64_t window);
  void play_events(std::uint64_t window, Course& course, bool is_first);
  void play_events_until(Instant end, Player& player);
  /// Whoever still runs at the horizon, which is in this window, ends there.
  void expire(std::uint64_t window, Instant horizon);
  void play_window(std::uint64_t window);
  void play_requests(std::uint64_t window, Instant end);
  void start_courses();
  /// One course for all contenders that may share it.
  void assign_first_courses();
  [[nodiscard]] bool may_share(const Player& a, const Player& b) const noexcept;
  /// One without members.
  Course& room_for_course();
  /// A course for those that part from `from`, with what it has come to.
  Course& part_from(const Course& from);
  /// Leaves those in a course who go its leader's way; the course of the others, null if there are none.
  Course* split(Course& course);
  /// Settles contenders whose requests count no more, and gives those that go another way from `start`
  /// on a course of their own.
  void follow_courses(Instant start);
  void settle_ended(Course& course, Instant start);
  void settle(const Course& course, Player& player);
  /// Groups the courses that take part in requests from `start` on; none means all is over.
  void form_groups(Instant start);
  Group& group_for(Course& course);
  [[nodiscard]] bool belong_together(const Player& a, const Player& b) const noexcept;
  void play_chunk(std::uint64_t window, std::size_t chunk);
  /// The window without its requests.
  void draw_window(std::uint64_t window, Group& group);
  void draw_units(std::uint64_t window, Group& group, const WindowCounts& counts);
  /// Begins a chunk of the world, and draws what is drawn beside it.
  [[nodiscard]] const Columns& begin(std::uint64_t window, std::size_t chunk, Wants wants);
  void add_chunk_to(Group& group, std::uint64_t window, const Columns& columns);
  /// Requests that the group's servers ended by the end of the window.
  void play_servers(Group& group, Instant end);
  /// Those that they had not, when the rollout was over.
  void run_out(const Course& course, Player& player);
  /// Answers count: as evidence, and for what they cost.
  void count(Group& group, const Columns& columns, Split& split, Buckets buckets);
  void measure(const Columns& columns, Split& split, Group& group, std::vector<Tally>& tallies);
  void count_units(Group& group, std::uint64_t window, const Columns& columns);
  /// The buckets that assign the requests of a group.
  [[nodiscard]] Buckets buckets_of(const Group& group, const Columns& columns) const noexcept;
  void close_window(std::uint64_t window, Instant end, const Group& group, Course& course,
                    bool& any_report);
  /// The tallies of a course's probes: its group's, but for ratings that come late and for units,
  /// which are counted on arrival, so that no report of them is cut short.
  [[nodiscard]] std::span<const Tally* const> tallies_of(const Course& course, const Group& group,
                                                         bool half,
                                                         std::vector<const Tally*>& room) const;
  [[nodiscard]] const Tally& units_of(const Player& player, const Group& group) const noexcept;
  /// The place of a rating's segment in rating_segments_.
  [[nodiscard]] std::size_t rating_place(const Measurement& measurement) const noexcept;
  [[nodiscard]] Instant start_of(std::uint64_t window) const noexcept;
  [[nodiscard]] std::uint64_t window_at(Instant now) const noexcept;

  World world_;
  std::unique_ptr<WindowWorld> windows_;  ///< in place of the world, where windows are drawn
  const PreparedScenario& scenario_;
  std::vector<Packet> under_way_;   ///< by when they arrive
  std::vector<Arriving> arriving_;  ///< in time for the present events, at one course
  CheckerMemory checker_memory_;
  std::vector<Player> players_;
  std::vector<std::unique_ptr<Course>> courses_;  ///< those beyond course_count_ are spare memory
  std::size_t course_count_ = 0;
  std::size_t first_course_count_ = 0;  ///< on which rollouts begin
  std::vector<Player*> parting_;
  std::vector<Measurement> measurements_;  ///< the distinct ones of all contenders
  std::vector<Group> groups_;              ///< those beyond group_count_ are spare memory
  std::size_t group_count_ = 0;
  Split split_;       ///< of the present group and chunk
  Split half_split_;  ///< of what a report that is cut short covers
  RatingDelays rating_delays_;
  Preference preference_;
  std::vector<std::unique_ptr<AssignmentColumn>> assignments_;  ///< the special ones, distinct
  std::vector<std::unique_ptr<UnitSightings>> sightings_;       ///< distinct
  std::vector<std::optional<std::uint8_t>> rating_segments_;    ///< of ratings that come late
  const Tally no_units_{};
  bool any_preference_ = false;
  bool any_rating_ = false;  ///< that comes late
  const Visits visits_;
  bool leads_ahead_ = false;       ///< the leaders are played alone, and leave trails
  std::vector<Parting> partings_;  ///< by window
  std::size_t joined_ = 0;         ///< of them, in the present pass
  Costs costs_;
  std::vector<RunTrace>* traces_ = nullptr;  ///< of the present replication
  const bool reports_singly_;
  const bool cuts_short_;
  std::vector<const Tally*> tallies_;  ///< per probe of one contender
  std::vector<const Tally*> halves_;   ///< the same
  std::vector<Tally*> drawn_;          ///< per measurement of one group, where windows are drawn
  RunKey key_;
  std::uint64_t chunks_played_ = 0;
  Instant last_arrival_{};  ///< of telemetry
};

}  // namespace gatewright::sim
