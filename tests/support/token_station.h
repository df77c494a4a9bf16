// A pool of servers, and Station's work token by token: the plain reading of what a pool is.
// Used by tests and benchmarks, to hold Station's jumps against; never used to simulate.
#pragma once

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <deque>
#include <limits>
#include <span>
#include <vector>

#include "sim/serving/station.h"

namespace gatewright::sim::testing {

inline ServingPool pool(std::uint32_t replicas, std::uint32_t concurrency, double slowdown) {
  ServingPool pool;
  pool.replicas = replicas;
  pool.concurrency = concurrency;
  pool.batch_slowdown = slowdown;
  return pool;
}

struct TokenEnd {
  double at_seconds = 0.0;
  JobEnd end = JobEnd::answered;
};

/// What becomes of each job, in order of arrival; the number of replicas does not change. Whatever
/// happens anywhere, every request is advanced to that moment; every token of every request is such
/// an event.
inline std::vector<TokenEnd> play_by_tokens(const ServingPool& pool, std::span<const Job> jobs) {
  struct Running {
    std::size_t job;
    double prefill;  // seconds that are left
    double token;    // units of the present token that are left
    double tokens;   // units behind it
  };
  constexpr double kDone = 1e-9;  // more than rounding leaves, less than shows
  const auto deadline = [&](std::size_t job) {
    return jobs[job].at_seconds + jobs[job].patience_seconds;
  };
  std::vector<TokenEnd> ends(jobs.size());
  std::vector<std::vector<Running>> replicas(pool.replicas);
  std::deque<std::size_t> queue;
  double now = 0.0;
  std::size_t arrived = 0;
  std::size_t ended = 0;
  const auto end = [&](std::size_t job, JobEnd how) {
    ends[job] = {now, how};
    ++ended;
  };
  const auto slowness = [&](std::size_t batch) {
    return 1.0 + pool.batch_slowdown * (static_cast<double>(batch) - 1.0);
  };
  const auto fill = [&] {
    while (!queue.empty()) {
      const auto least = std::ranges::min_element(
          replicas, {}, [](const std::vector<Running>& batch) { return batch.size(); });
      if (least->size() >= pool.concurrency) return;
      const Job& job = jobs[queue.front()];
      const double first = std::min(1.0, job.work);
      least->push_back({queue.front(), job.prefill_seconds, first, job.work - first});
      queue.pop_front();
    }
  };
  while (ended < jobs.size()) {
    double next =
        arrived < jobs.size() ? jobs[arrived].at_seconds : std::numeric_limits<double>::infinity();
    for (const std::size_t job : queue) next = std::min(next, deadline(job));
    for (const auto& batch : replicas)
      for (const Running& one : batch) {
        const double left = one.prefill > kDone ? one.prefill
                                                : one.token * jobs[one.job].seconds_per_unit *
                                                      slowness(batch.size());
        next = std::min({next, now + left, deadline(one.job)});
      }
    const double elapsed = std::max(0.0, next - now);
    now = std::max(now, next);
    for (auto& batch : replicas) {
      const double slow = slowness(batch.size());
      for (Running& one : batch) {
        if (one.prefill > kDone) {
          one.prefill -= elapsed;
          continue;
        }
        one.token -= elapsed / (jobs[one.job].seconds_per_unit * slow);
        if (one.token > kDone) continue;
        one.token = std::min(1.0, one.tokens);
        one.tokens -= one.token;
      }
      std::erase_if(batch, [&](const Running& one) {
        const bool is_done = one.prefill <= kDone && one.token <= kDone;
        const bool is_over = is_done || now >= deadline(one.job);
        if (is_over) end(one.job, is_done ? JobEnd::answered : JobEnd::given_up);
        return is_over;
      });
    }
    std::erase_if(queue, [&](std::size_t job) {
      const bool is_over = now >= deadline(job);
      if (is_over) end(job, JobEnd::given_up);
      return is_over;
    });
    fill();
    for (; arrived < jobs.size() && jobs[arrived].at_seconds <= now; ++arrived) {
      queue.push_back(arrived);
      fill();
      if (queue.size() <= pool.queue) continue;
      queue.pop_back();
      end(arrived, JobEnd::rejected);
    }
  }
  return ends;
}

}  // namespace gatewright::sim::testing
