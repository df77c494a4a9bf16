#include "sim/serving/station.h"

#include <algorithm>
#include <cmath>

#include "policies/assert.h"
#include "sim/seconds.h"

namespace gatewright::sim {
namespace {

constexpr double kNeverSeconds = std::numeric_limits<double>::infinity();
constexpr std::uint32_t kFull = std::numeric_limits<std::uint32_t>::max();

}  // namespace

Station::Station(const ServingPool& pool) : pool_(pool) { start(); }

void Station::start() {
  now_ = 0.0;
  sequence_ = 0;
  held_.clear();
  free_ = first_waiting_ = last_waiting_ = kNone;
  waiting_ = running_ = 0;
  tokens_ = 0.0;
  for (Replica& replica : replicas_) {
    replica.prefills.clear();
    replica.answers.clear();
    replica.held = 0;
    replica.state = ReplicaState::off;
  }
  ready_ = starting_ = leaving_ = 0;
  next_event_.assign(std::max<std::size_t>(replicas_.size(), 1), kNeverSeconds);
  load_.assign(std::max<std::size_t>(replicas_.size(), 1), kFull);
  next_ready_ = kNeverSeconds;
  deadlines_.clear();
  next_look_ = pool_.autoscaling ? to_seconds(pool_.autoscaling->every) : kNeverSeconds;
  busy_at_look_ = 0.0;
  low_since_.reset();
  use_ = {};
  ended_.clear();
  provision({.replicas = pool_.replicas});
}

// ---- requests in the system ----

inline Station::Slot Station::take_slot(const Job& job) {
  Slot slot = free_;
  if (slot == kNone) {
    slot = static_cast<Slot>(held_.size());
    held_.emplace_back();
  } else {
    free_ = held_[slot].behind;
  }
  Held& held = held_[slot];
  held.job = job;
  held.sequence = sequence_;
  held.replica = kNone;
  held.before = held.behind = kNone;
  if (job.patience_seconds < kNeverSeconds)
    deadlines_.push(due(job.at_seconds + job.patience_seconds, held, slot));
  return slot;
}

inline void Station::give_back(Slot slot) noexcept {
  held_[slot].sequence = 0;
  held_[slot].behind = free_;
  free_ = slot;
  while (!deadlines_.empty() && is_over(deadlines_.first())) deadlines_.pop();
}

inline void Station::enqueue(Slot slot) noexcept {
  held_[slot].before = last_waiting_;
  (last_waiting_ == kNone ? first_waiting_ : held_[last_waiting_].behind) = slot;
  last_waiting_ = slot;
  ++waiting_;
}

inline void Station::unlink(Slot slot) noexcept {
  const Held& held = held_[slot];
  (held.before == kNone ? first_waiting_ : held_[held.before].behind) = held.behind;
  (held.behind == kNone ? last_waiting_ : held_[held.behind].before) = held.before;
  --waiting_;
}

inline Due Station::due(double key, const Held& held, Slot slot) noexcept {
  return {.key = key, .slot = slot, .order = static_cast<std::uint32_t>(held.sequence)};
}

/// Whether the request ended before its deadline; its slot may hold another one.
inline bool Station::is_over(const Due& deadline) const noexcept {
  const std::uint64_t sequence = held_[deadline.slot].sequence;
  return sequence == 0 || static_cast<std::uint32_t>(sequence) != deadline.order;
}

// ---- time ----

void Station::arrive(const Job& job) {
  GATEWRIGHT_ASSERT(job.at_seconds >= now_);
  run_until(job.at_seconds);
  ++sequence_;
  if (load_.least() < pool_.concurrency) {
    const std::size_t least = load_.first();
    begin(take_slot(job), least);
    settle(least);
  } else if (waiting_ < pool_.queue) {
    enqueue(take_slot(job));
  } else {
    ended_.push_back(
        {.at_seconds = now_, .sequence = sequence_, .tag = job.tag, .end = JobEnd::rejected});
    put_last_end_in_order();
  }
}

void Station::run_until(double seconds) {
  while (true) {
    // At one instant: ends, then new replicas, then lost patience, then the autoscaler.
    const double end = next_event_.least();
    const double deadline = deadlines_.first_key();
    const double others = std::min({next_ready_, deadline, next_look_});
    if (!(std::min(end, others) <= seconds)) break;
    if (end <= others) {
      play_replica(next_event_.first(), std::min(others, seconds));
      continue;
    }
    move(others);
    if (next_ready_ == others) {
      make_ready();
    } else if (deadline == others) {
      const Slot slot = deadlines_.first().slot;
      deadlines_.pop();
      give_up(slot);
    } else {
      look();
    }
  }
  move(seconds);
}

void Station::run_out() {
  while (running_ + waiting_ > 0)
    run_until(std::min({next_event_.least(), next_ready_, deadlines_.first_key(), next_look_}));
}

inline void Station::move(double seconds) noexcept {
  const double elapsed = seconds - now_;
  if (elapsed <= 0.0) return;
  use_.busy_slot_seconds += elapsed * static_cast<double>(running_);
  use_.slot_seconds +=
      elapsed * static_cast<double>(ready_ + leaving_) * static_cast<double>(pool_.concurrency);
  use_.token_seconds += elapsed * tokens_;
  use_.waiting_seconds += elapsed * static_cast<double>(waiting_);
  now_ = seconds;
}

// ---- what happens to a request ----

/// The caller settles the replica.
void Station::begin(Slot slot, std::size_t i) {
  Replica& replica = replicas_[i];
  advance(replica);
  Held& held = held_[slot];
  held.replica = static_cast<std::uint32_t>(i);
  held.started_at = now_;
  held.batch_before = replica.batch;
  held.batch_squared_before = replica.batch_squared;
  ++replica.held;
  ++running_;
  tokens_ += held.job.tokens;
  if (held.job.prefill_seconds > 0.0)
    replica.prefills.insert(due(now_ + held.job.prefill_seconds, held, slot));
  else
    begin_answer(slot, replica);
}

inline void Station::begin_answer(Slot slot, Replica& replica) {
  const Held& held = held_[slot];
  const double mark = replica.clock + held.job.work * held.job.seconds_per_unit;
  replica.answers.insert(due(mark, held, slot));
}

/// A request gives its replica's slot free; the caller settles the replica, which is advanced.
inline void Station::leave(Slot slot) {
  const Held& held = held_[slot];
  Replica& replica = replicas_[held.replica];
  --replica.held;
  --running_;
  tokens_ = running_ == 0 ? 0.0 : tokens_ - held.job.tokens;
  if (replica.held == 0 && replica.state == ReplicaState::leaving) {
    replica.state = ReplicaState::off;
    --leaving_;
  }
}

void Station::end(Slot slot, JobEnd how) {
  const Held& held = held_[slot];
  EndedJob& ended = ended_.emplace_back();
  ended.at_seconds = now_;
  ended.sequence = held.sequence;
  ended.tag = held.job.tag;
  ended.end = how;
  if (held.replica == kNone) {
    ended.waited_seconds = now_ - held.job.at_seconds;
  } else {
    const Replica& replica = replicas_[held.replica];
    ended.waited_seconds = held.started_at - held.job.at_seconds;
    ended.batch.seconds = now_ - held.started_at;
    ended.batch.batch = replica.batch - held.batch_before;
    ended.batch.batch_squared = replica.batch_squared - held.batch_squared_before;
    leave(slot);
  }
  put_last_end_in_order();
  give_back(slot);
}

/// Ends come in order of time; those of one instant are put in order of arrival.
inline void Station::put_last_end_in_order() noexcept {
  for (std::size_t i = ended_.size() - 1;
       i > 0 && ended_[i - 1].at_seconds == ended_[i].at_seconds &&
       ended_[i - 1].sequence > ended_[i].sequence;
       --i)
    std::swap(ended_[i - 1], ended_[i]);
}

/// An empty replica starts anew, so that its clock stays small and exact.
inline void Station::rest(Replica& replica) noexcept {
  replica.clock = replica.batch = replica.batch_squared = 0.0;
  replica.slowness = 1.0;
}

/// A replica has room for one more, and the first in the queue takes it: as long as anybody waits, all
/// other replicas are full.
void Station::refill(std::size_t i) {
  Replica& replica = replicas_[i];
  if (replica.held == 0) rest(replica);
  if (waiting_ > 0 && replica.state == ReplicaState::ready) {
    const Slot slot = first_waiting_;
    unlink(slot);
    begin(slot, i);
  }
  settle(i);
}

void Station::fill_from_queue() {
  while (waiting_ > 0 && load_.least() < pool_.concurrency) {
    const std::size_t least = load_.first();
    const Slot slot = first_waiting_;
    unlink(slot);
    begin(slot, least);
    settle(least);
  }
}

/// The first answer under way at a replica ends, unless the prefills that ended on the way show that it
/// does so later than something else, or than `until`.
void Station::play_replica(std::size_t i, double until) {
  Replica& replica = replicas_[i];
  if (is_prefill_first(replica, next_event_[i])) {
    end_prefills(replica, next_event_[i]);
    find_next_event(i);
    const double next = next_event_[i];
    if (next > until || next > next_event_.least() || is_prefill_first(replica, next)) return;
  }
  move(next_event_[i]);
  run_clock(replica, now_);
  const Due answer = replica.answers.first();
  replica.clock = answer.key;  // without what rounding left
  replica.answers.pop();
  end(answer.slot, JobEnd::answered);
  refill(i);
}

void Station::give_up(Slot slot) {
  const std::uint32_t i = held_[slot].replica;
  if (i == kNone) {
    unlink(slot);
    end(slot, JobEnd::given_up);
    return;
  }
  Replica& replica = replicas_[i];
  advance(replica);
  replica.prefills.erase(slot);
  replica.answers.erase(slot);
  end(slot, JobEnd::given_up);
  refill(i);
}

// ---- replicas ----

inline void Station::run_clock(Replica& replica, double to) noexcept {
  const double elapsed = to - replica.at;
  if (elapsed <= 0.0) return;
  const auto held = static_cast<double>(replica.held);
  replica.clock += elapsed / replica.slowness;
  replica.batch += elapsed * held;
  replica.batch_squared += elapsed * held * held;
  replica.at = to;
}

/// Prefills that end by then: an answer's mark is set where the clock stood when its prefill ended. As that
/// changes nothing for the others in the batch, it need not be an event.
inline void Station::end_prefills(Replica& replica, double by) {
  while (is_prefill_first(replica, by)) {
    const Due prefill = replica.prefills.first();
    replica.prefills.pop();
    run_clock(replica, prefill.key);
    begin_answer(prefill.slot, replica);
  }
}

/// To the present.
inline void Station::advance(Replica& replica) {
  end_prefills(replica, now_);
  run_clock(replica, now_);
}

void Station::settle(std::size_t i) {
  Replica& replica = replicas_[i];
  load_.set(i, replica.state == ReplicaState::ready ? replica.held : kFull);
  if (replica.held == 0) {
    rest(replica);
    next_event_.set(i, kNeverSeconds);
    return;
  }
  replica.slowness = 1.0 + pool_.batch_slowdown * static_cast<double>(replica.held - 1);
  find_next_event(i);
}

/// When the first answer under way ends, if nothing else happens at the replica.
inline double Station::next_answer(const Replica& replica) noexcept {
  if (replica.answers.empty()) return kNeverSeconds;
  return std::max(replica.at,
                  replica.at + (replica.answers.first().key - replica.clock) * replica.slowness);
}

inline bool Station::is_prefill_first(const Replica& replica, double by) noexcept {
  return !replica.prefills.empty() && replica.prefills.first().key <= by;
}

/// No later than the replica's next answer ends. Where a prefill ends first, rounding may move that end,
/// and it is asked again a little sooner.
inline void Station::find_next_event(std::size_t i) {
  constexpr double kLittleSooner = 1.0 - 1e-14;
  const Replica& replica = replicas_[i];
  double next = next_answer(replica);
  for (const Due& prefill : replica.prefills.all()) {
    const Job& job = held_[prefill.slot].job;
    next = std::min(next, prefill.key + job.work * job.seconds_per_unit * replica.slowness);
  }
  if (is_prefill_first(replica, next))
    next = std::max(next * kLittleSooner, replica.prefills.first().key);
  next_event_.set(i, next);
}

void Station::provision(const Provision& wanted) {
  const double ready_at = now_ + wanted.cold_start_seconds;
  for (std::size_t i = 0; provisioned() < wanted.replicas; ++i) {
    if (i == replicas_.size()) {
      replicas_.emplace_back();
      next_event_.assign(replicas_.size(), kNeverSeconds);
      load_.assign(replicas_.size(), kFull);
      for (std::size_t known = 0; known < i; ++known) {
        advance(replicas_[known]);
        settle(known);
      }
    }
    Replica& replica = replicas_[i];
    if (replica.state != ReplicaState::off) continue;
    replica.state = ReplicaState::starting;
    replica.ready_at = ready_at;
    replica.at = now_;
    ++starting_;
  }
  for (std::size_t i = replicas_.size(); starting_ > 0 && provisioned() > wanted.replicas;) {
    if (replicas_[--i].state != ReplicaState::starting) continue;
    replicas_[i].state = ReplicaState::off;
    --starting_;
  }
  for (std::size_t i = replicas_.size(); provisioned() > wanted.replicas;) {
    if (replicas_[--i].state != ReplicaState::ready) continue;
    const bool is_empty = replicas_[i].held == 0;
    replicas_[i].state = is_empty ? ReplicaState::off : ReplicaState::leaving;
    --ready_;
    if (!is_empty) ++leaving_;
    advance(replicas_[i]);
    settle(i);
  }
  find_next_ready();
  if (next_ready_ <= now_) make_ready();
}

void Station::make_ready() {
  for (std::size_t i = 0; i < replicas_.size(); ++i) {
    Replica& replica = replicas_[i];
    if (replica.state != ReplicaState::starting || replica.ready_at > now_) continue;
    replica.state = ReplicaState::ready;
    replica.at = now_;
    --starting_;
    ++ready_;
    settle(i);
  }
  find_next_ready();
  fill_from_queue();
}

void Station::find_next_ready() noexcept {
  next_ready_ = kNeverSeconds;
  for (const Replica& replica : replicas_)
    if (replica.state == ReplicaState::starting)
      next_ready_ = std::min(next_ready_, replica.ready_at);
}

/// Wants as many replicas as keep the mean of busy slots since the last look at the target share.
void Station::look() {
  const Autoscaling& scaling = *pool_.autoscaling;
  const double every = to_seconds(scaling.every);
  const double busy = (use_.busy_slot_seconds - busy_at_look_) / every;
  busy_at_look_ = use_.busy_slot_seconds;
  next_look_ += every;
  const double enough = std::ceil(busy / (scaling.target * static_cast<double>(pool_.concurrency)));
  const auto wanted = static_cast<std::uint32_t>(
      std::clamp(enough, static_cast<double>(scaling.least), static_cast<double>(scaling.most)));
  if (wanted > provisioned())
    provision({.replicas = wanted, .cold_start_seconds = to_seconds(scaling.cold_start)});
  if (wanted >= provisioned()) {
    low_since_.reset();
    return;
  }
  // Down to the most that was wanted while the load was low, as the Kubernetes autoscaler does it.
  if (!low_since_) low_most_ = 0;
  low_since_ = low_since_.value_or(now_);
  low_most_ = std::max(low_most_, wanted);
  if (now_ - *low_since_ < to_seconds(scaling.scale_down_after)) return;
  provision({.replicas = low_most_});
  low_since_.reset();
}

}  // namespace gatewright::sim
