#include "sim/turns.h"

#include <algorithm>
#include <atomic>
#include <chrono>
#include <condition_variable>
#include <exception>
#include <memory>
#include <mutex>
#include <thread>
#include <utility>

#include "sim/field.h"
#include "sim/threshold_recorder.h"

namespace gatewright::sim {
namespace {

constexpr std::chrono::milliseconds kBetweenLooks{20};

/// A field of one thread in one world, with what records it.
class Rehearsal {
 public:
  Rehearsal(std::span<const Contender> contenders, const PreparedScenario& scenario,
            bool thresholds)
      : field_(contenders, scenario) {
    recorders_.reserve(contenders.size());
    for (std::size_t c = 0; thresholds && c < contenders.size(); ++c)
      field_.record_with(c, recorders_.emplace_back(contenders[c]));
  }

  /// Leaves the records at place `i`.
  void play(RunKey key, std::size_t i, ManyRecords& records) {
    field_.play(key);
    for (std::size_t c = 0; c < records.by_contender.size(); ++c)
      records.by_contender[c][i] = field_.record(c);
    for (std::size_t c = 0; c < recorders_.size(); ++c)
      records.thresholds[c][i] = {.gates = recorders_[c].rises(),
                                  .end = records.by_contender[c][i]};
  }

 private:
  Field field_;
  std::vector<ThresholdRecorder> recorders_;
};

/// What the threads of run_in_turns share. Each takes the next replication of all worlds when it is free,
/// and leaves its records at their place: which thread played what shows nowhere.
class Workload {
 public:
  Workload(std::span<const Contender> field, std::span<const PreparedScenario* const> worlds,
           const ManyOptions& options)
      : field_(field), worlds_(worlds), options_(options), records_(worlds.size()) {
    for (ManyRecords& records : records_) {
      records.by_contender.resize(field.size());
      if (options.thresholds) records.thresholds.resize(field.size());
      resize(records, options.replications);
    }
  }

  [[nodiscard]] std::uint64_t size() const noexcept {
    return options_.replications * worlds_.size();
  }

  /// Plays replications until none is left; `on_done` is called after each.
  template <typename OnDone>
  void work(OnDone on_done) {
    // A thread's fields are its own memory, from the first to the last replication.
    std::vector<std::unique_ptr<Rehearsal>> rehearsals(worlds_.size());
    while (!is_stopped()) {
      const std::uint64_t next = next_.fetch_add(1, std::memory_order_relaxed);
      if (next >= size()) return;
      const std::size_t world = next % worlds_.size();
      const std::uint64_t i = next / worlds_.size();
      if (rehearsals[world] == nullptr)
        rehearsals[world] =
            std::make_unique<Rehearsal>(field_, *worlds_[world], options_.thresholds);
      rehearsals[world]->play({options_.seed, options_.first_replication + i}, i, records_[world]);
      on_done();
    }
  }

  /// The same, with any exception kept for finish().
  template <typename OnDone>
  void work_guarded(OnDone on_done) noexcept {
    try {
      work(on_done);
    } catch (...) {
      const std::lock_guard lock(mutex_);
      if (!failure_) failure_ = std::current_exception();
      failed_.store(true, std::memory_order_relaxed);
    }
  }

  void work_on_threads(unsigned threads) {
    std::atomic<std::uint64_t> done{0};
    unsigned running = threads;
    std::condition_variable ended;
    std::vector<std::jthread> workers;
    workers.reserve(threads);
    for (unsigned t = 0; t < threads; ++t)
      workers.emplace_back([&] {
        work_guarded([&] { done.fetch_add(1, std::memory_order_relaxed); });
        const std::lock_guard lock(mutex_);
        --running;
        ended.notify_one();
      });
    // Looks now and then: to be woken by every replication would take the workers' time.
    std::unique_lock lock(mutex_);
    for (std::uint64_t told = 0; running > 0 || told < done;) {
      ended.wait_for(lock, kBetweenLooks, [&] { return running == 0; });
      if (const std::uint64_t now = done; now > told) {
        told = now;
        lock.unlock();
        tell_progress(told);
        lock.lock();
      }
    }
  }

  std::vector<ManyRecords> finish() {
    if (failure_) std::rethrow_exception(failure_);
    // Whoever took a replication also finished it, so there is no gap below the counter.
    const std::uint64_t finished = std::min(next_.load(), size());
    for (std::size_t world = 0; world < worlds_.size(); ++world) {
      const std::uint64_t of_world = (finished + worlds_.size() - 1 - world) / worlds_.size();
      records_[world].interrupted = of_world < options_.replications;
      resize(records_[world], of_world);
    }
    return std::move(records_);
  }

 private:
  static void resize(ManyRecords& records, std::uint64_t replications) {
    for (auto& of_contender : records.by_contender) of_contender.resize(replications);
    for (auto& of_contender : records.thresholds) of_contender.resize(replications);
  }

  /// If the listener throws, the workers finish what they are at, and no more.
  void tell_progress(std::uint64_t done) {
    try {
      if (options_.progress) options_.progress(done);
    } catch (...) {
      failed_.store(true, std::memory_order_relaxed);
      throw;
    }
  }

  [[nodiscard]] bool is_stopped() const noexcept {
    return failed_.load(std::memory_order_relaxed) ||
           (options_.stop != nullptr && options_.stop->load(std::memory_order_relaxed));
  }

  std::span<const Contender> field_;
  std::span<const PreparedScenario* const> worlds_;
  const ManyOptions& options_;
  std::vector<ManyRecords> records_;
  alignas(64) std::atomic<std::uint64_t> next_{0};  // apart from what all only read
  std::atomic<bool> failed_{false};
  std::mutex mutex_;
  std::exception_ptr failure_;
};

}  // namespace

std::vector<ManyRecords> run_in_turns(std::span<const Contender> field,
                                      std::span<const PreparedScenario* const> worlds,
                                      const ManyOptions& options) {
  Workload workload(field, worlds, options);
  const unsigned wanted =
      options.threads > 0 ? options.threads : std::max(1U, std::thread::hardware_concurrency());
  const auto threads = static_cast<unsigned>(
      std::min<std::uint64_t>(wanted, std::max<std::uint64_t>(workload.size(), 1)));
  if (threads > 1) {
    workload.work_on_threads(threads);
  } else {
    std::uint64_t done = 0;
    workload.work([&] {
      ++done;
      if (options.progress) options.progress(done);
    });
  }
  return workload.finish();
}

}  // namespace gatewright::sim
