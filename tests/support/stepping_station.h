// A pool of servers step by step: an event for every token, in order, one after the other.
// Used by tests and benchmarks: Station must say the same, and sooner; never used to simulate.
#pragma once

#include <algorithm>
#include <cstddef>
#include <deque>
#include <functional>
#include <limits>
#include <queue>
#include <span>
#include <utility>
#include <vector>

#include "sim/serving/station.h"
#include "tests/support/token_station.h"

namespace gatewright::sim::testing {

/// Station's servers without its jumps; the number of replicas does not change. Each replica has the
/// same clock, and a heap of when its requests' present tokens are ready: what play_by_tokens() does to
/// all requests at every event, this does to the one whose turn it is.
class SteppingStation {
 public:
  SteppingStation(const ServingPool& pool, std::span<const Job> jobs)
      : pool_(pool),
        jobs_(jobs),
        left_(jobs.size()),
        replica_of_(jobs.size(), kNowhere),
        ends_(jobs.size()),
        replicas_(pool.replicas) {}

  /// What becomes of each job, in order of arrival.
  std::vector<TokenEnd> play() && {
    for (std::size_t job = 0; job < jobs_.size(); ++job) {
      play_until(jobs_[job].at_seconds);
      arrive(job);
    }
    play_until(std::numeric_limits<double>::infinity());
    return std::move(ends_);
  }

 private:
  static constexpr std::size_t kNowhere = std::numeric_limits<std::size_t>::max();
  static constexpr std::size_t kQueued = kNowhere - 1;
  static constexpr double kNever = std::numeric_limits<double>::infinity();

  struct Step {
    double due;
    std::size_t job;
    bool operator>(const Step& other) const {
      return due != other.due ? due > other.due : job > other.job;
    }
  };
  using Steps = std::priority_queue<Step, std::vector<Step>, std::greater<>>;
  struct Replica {
    Steps prefills;  // by time
    Steps tokens;    // by the replica's clock
    double clock = 0.0, at = 0.0;
    std::size_t held = 0;
  };

  [[nodiscard]] double slowness(const Replica& replica) const {
    return 1.0 + pool_.batch_slowdown * (static_cast<double>(replica.held) - 1.0);
  }
  [[nodiscard]] bool is_at(std::size_t job, std::size_t replica) const {
    return replica_of_[job] == replica;
  }

  void advance(Replica& replica) {
    if (replica.held > 0) replica.clock += (now_ - replica.at) / slowness(replica);
    replica.at = now_;
  }

  void drop_given_up(std::size_t i) {
    Replica& replica = replicas_[i];
    while (!replica.prefills.empty() && !is_at(replica.prefills.top().job, i))
      replica.prefills.pop();
    while (!replica.tokens.empty() && !is_at(replica.tokens.top().job, i)) replica.tokens.pop();
  }

  [[nodiscard]] double next_of(const Replica& replica) const {
    double next = replica.prefills.empty() ? kNever : replica.prefills.top().due;
    if (!replica.tokens.empty())
      next = std::min(next, std::max(now_, replica.at + (replica.tokens.top().due - replica.clock) *
                                                            slowness(replica)));
    return next;
  }

  void play_until(double seconds) {
    while (true) {
      std::size_t first = 0;
      double next = kNever;
      for (std::size_t i = 0; i < replicas_.size(); ++i)
        if (const double of_replica = next_of(replicas_[i]); of_replica < next) {
          next = of_replica;
          first = i;
        }
      while (!deadlines_.empty() && replica_of_[deadlines_.top().job] == kNowhere) deadlines_.pop();
      const double deadline = deadlines_.empty() ? kNever : deadlines_.top().due;
      if (std::min(next, deadline) > seconds || std::min(next, deadline) == kNever) return;
      now_ = std::min(next, deadline);
      if (next <= deadline) {
        step(first);
      } else {
        const std::size_t job = deadlines_.top().job;
        deadlines_.pop();
        end(job, JobEnd::given_up);
      }
    }
  }

  void step(std::size_t i) {
    Replica& replica = replicas_[i];
    advance(replica);
    if (!replica.prefills.empty() && replica.prefills.top().due <= now_) {
      const std::size_t job = replica.prefills.top().job;
      replica.prefills.pop();
      next_token(replica, job, replica.clock);
    } else {
      const Step token = replica.tokens.top();
      replica.tokens.pop();
      replica.clock = token.due;
      if (left_[token.job] > 0.0)
        next_token(replica, token.job, token.due);
      else
        end(token.job, JobEnd::answered);
    }
    drop_given_up(i);
  }

  void next_token(Replica& replica, std::size_t job, double from) {
    const double token = std::min(1.0, left_[job]);
    left_[job] -= token;
    replica.tokens.push({from + token * jobs_[job].seconds_per_unit, job});
  }

  void arrive(std::size_t job) {
    now_ = jobs_[job].at_seconds;
    left_[job] = jobs_[job].work;
    queue_.push_back(job);
    replica_of_[job] = kQueued;
    if (jobs_[job].patience_seconds < kNever)
      deadlines_.push({now_ + jobs_[job].patience_seconds, job});
    fill();
    if (queue_.size() <= pool_.queue) return;
    queue_.pop_back();
    replica_of_[job] = kNowhere;
    ends_[job] = {now_, JobEnd::rejected};
  }

  void fill() {
    while (!queue_.empty()) {
      const auto least = std::ranges::min_element(replicas_, {}, &Replica::held);
      if (least->held >= pool_.concurrency) return;
      const std::size_t job = queue_.front();
      queue_.pop_front();
      advance(*least);
      ++least->held;
      replica_of_[job] = static_cast<std::size_t>(least - replicas_.begin());
      if (jobs_[job].prefill_seconds > 0.0)
        least->prefills.push({now_ + jobs_[job].prefill_seconds, job});
      else
        next_token(*least, job, least->clock);
    }
  }

  void end(std::size_t job, JobEnd how) {
    ends_[job] = {now_, how};
    const std::size_t i = replica_of_[job];
    replica_of_[job] = kNowhere;
    if (i == kQueued) {
      std::erase(queue_, job);
      return;
    }
    advance(replicas_[i]);
    --replicas_[i].held;
    drop_given_up(i);
    fill();
  }

  const ServingPool& pool_;
  std::span<const Job> jobs_;
  std::vector<double> left_;  // units of each job behind its present token
  std::vector<std::size_t> replica_of_;
  std::vector<TokenEnd> ends_;
  std::vector<Replica> replicas_;
  std::deque<std::size_t> queue_;
  Steps deadlines_;
  double now_ = 0.0;
};

}  // namespace gatewright::sim::testing
