#include "sim/serving/station.h"

#include <algorithm>
#include <cmath>
#include <functional>

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

Station::Slot Station::take_slot(const Job& job) {
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
  if (job.patience_seconds < kNeverSeconds) {
    deadlines_.push_back({job.at_seconds + job.patience_seconds, sequence_, slot});
    std::ranges::push_heap(deadlines_, std::greater<>{});
  }
  return slot;
}

void Station::give_back(Slot slot) noexcept {
  held_[slot].sequence = 0;
  held_[slot].behind = free_;
  free_ = slot;
}

void Station::enqueue(Slot slot) noexcept {
  held_[slot].before = last_waiting_;
  (last_waiting_ == kNone ? first_waiting_ : held_[last_waiting_].behind) = slot;
  last_waiting_ = slot;
  ++waiting_;
}

void Station::unlink(Slot slot) noexcept {
  const Held& held = held_[slot];
  (held.before == kNone ? first_waiting_ : held_[held.before].behind) = held.behind;
  (held.behind == kNone ? last_waiting_ : held_[held.behind].before) = held.before;
  --waiting_;
}

bool Station::is_current(const Due& due) const noexcept {
  return held_[due.slot].sequence == due.sequence;
}

void Station::drop_outdated(DueHeap& heap) const {
  while (!heap.empty() && !is_current(heap.front())) {
    std::ranges::pop_heap(heap, std::greater<>{});
    heap.pop_back();
  }
}

// ---- time ----

void Station::arrive(const Job& job) {
  GATEWRIGHT_ASSERT(job.at_seconds >= now_);
  run_until(job.at_seconds);
  ++sequence_;
  const std::size_t least = load_.first();
  if (load_[least] < pool_.concurrency) {
    begin(take_slot(job), least);
    settle(least);
  } else if (waiting_ < pool_.queue) {
    enqueue(take_slot(job));
  } else {
    record({.at_seconds = now_, .sequence = sequence_, .tag = job.tag, .end = JobEnd::rejected});
  }
}

void Station::run_until(double seconds) {
  while (true) {
    // At one instant: ends, then new replicas, then lost patience, then the autoscaler.
    const std::size_t replica = next_event_.first();
    const double deadline = deadlines_.empty() ? kNeverSeconds : deadlines_.front().key;
    const double others = std::min({next_ready_, deadline, next_look_});
    const double next = std::min(next_event_[replica], others);
    if (!(next <= seconds)) break;
    move(next);
    if (next_event_[replica] <= others) {
      play_replica(replica);
    } else if (next_ready_ == others) {
      make_ready();
    } else if (deadline == others) {
      const Due due = deadlines_.front();
      std::ranges::pop_heap(deadlines_, std::greater<>{});
      deadlines_.pop_back();
      if (is_current(due)) give_up(due.slot);
    } else {
      look();
    }
  }
  move(seconds);
}

void Station::run_out() {
  while (running_ + waiting_ > 0) {
    const double deadline = deadlines_.empty() ? kNeverSeconds : deadlines_.front().key;
    run_until(std::min({next_event_[next_event_.first()], next_ready_, deadline, next_look_}));
  }
}

void Station::move(double seconds) noexcept {
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
  if (held.job.prefill_seconds > 0.0) {
    replica.prefills.push_back({now_ + held.job.prefill_seconds, held.sequence, slot});
    std::ranges::push_heap(replica.prefills, std::greater<>{});
  } else {
    begin_answer(slot, replica);
  }
}

void Station::begin_answer(Slot slot, Replica& replica) {
  const Held& held = held_[slot];
  const double mark = replica.clock + held.job.work * held.job.seconds_per_unit;
  replica.answers.push_back({mark, held.sequence, slot});
  std::ranges::push_heap(replica.answers, std::greater<>{});
}

/// A request gives its replica's slot free; the caller settles the replica, which is advanced.
void Station::leave(Slot slot) {
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
  EndedJob ended{.at_seconds = now_,
                 .waited_seconds = now_ - held.job.at_seconds,
                 .sequence = held.sequence,
                 .tag = held.job.tag,
                 .end = how};
  if (held.replica != kNone) {
    const Replica& replica = replicas_[held.replica];
    ended.waited_seconds = held.started_at - held.job.at_seconds;
    const double stay = now_ - held.started_at;
    if (stay > 0.0) {
      const double mean = (replica.batch - held.batch_before) / stay;
      const double square = (replica.batch_squared - held.batch_squared_before) / stay;
      ended.batch_variation = std::sqrt(std::max(0.0, square - mean * mean)) / mean;
    }
    leave(slot);
  }
  record(ended);
  give_back(slot);
}

/// Ends come in order of time; those of one instant are put in order of arrival.
void Station::record(const EndedJob& ended) {
  ended_.push_back(ended);
  for (std::size_t i = ended_.size() - 1; i > 0 && ended_[i - 1].at_seconds == ended.at_seconds &&
                                          ended_[i - 1].sequence > ended.sequence;
       --i)
    std::swap(ended_[i - 1], ended_[i]);
}

void Station::fill_from_queue() {
  while (waiting_ > 0) {
    const std::size_t least = load_.first();
    if (load_[least] >= pool_.concurrency) return;
    const Slot slot = first_waiting_;
    unlink(slot);
    begin(slot, least);
    settle(least);
  }
}

void Station::play_replica(std::size_t i) {
  Replica& replica = replicas_[i];
  const double due = next_event_[i];
  if (!replica.prefills.empty() && replica.prefills.front().key <= due) {
    advance(replica);
    const Slot slot = replica.prefills.front().slot;
    std::ranges::pop_heap(replica.prefills, std::greater<>{});
    replica.prefills.pop_back();
    begin_answer(slot, replica);
    settle(i);
    return;
  }
  advance(replica);
  const Due answer = replica.answers.front();
  replica.clock = answer.key;  // without what rounding left
  std::ranges::pop_heap(replica.answers, std::greater<>{});
  replica.answers.pop_back();
  end(answer.slot, JobEnd::answered);
  settle(i);
  fill_from_queue();
}

void Station::give_up(Slot slot) {
  const std::uint32_t i = held_[slot].replica;
  if (i == kNone) {
    unlink(slot);
    end(slot, JobEnd::given_up);
    return;
  }
  advance(replicas_[i]);
  end(slot, JobEnd::given_up);
  settle(i);
  fill_from_queue();
}

// ---- replicas ----

void Station::advance(Replica& replica) const noexcept {
  const double elapsed = now_ - replica.at;
  const auto held = static_cast<double>(replica.held);
  replica.clock += elapsed / replica.slowness;
  replica.batch += elapsed * held;
  replica.batch_squared += elapsed * held * held;
  replica.at = now_;
}

void Station::settle(std::size_t i) {
  Replica& replica = replicas_[i];
  load_.set(i, replica.state == ReplicaState::ready ? replica.held : kFull);
  if (replica.held == 0) {
    // An empty replica starts anew, so that its clock stays small and exact.
    replica.prefills.clear();
    replica.answers.clear();
    replica.clock = replica.batch = replica.batch_squared = 0.0;
    replica.slowness = 1.0;
    next_event_.set(i, kNeverSeconds);
    return;
  }
  replica.slowness = 1.0 + pool_.batch_slowdown * static_cast<double>(replica.held - 1);
  drop_outdated(replica.prefills);
  drop_outdated(replica.answers);
  double next = replica.prefills.empty() ? kNeverSeconds : replica.prefills.front().key;
  if (!replica.answers.empty())
    next = std::min(next, std::max(now_, now_ + (replica.answers.front().key - replica.clock) *
                                                    replica.slowness));
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
