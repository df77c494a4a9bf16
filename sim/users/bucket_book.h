// Users' buckets of the replications that are played now: a scenario and its healthy twin have the same.
// Used by Audience, shared by threads; it keeps a few and decides nothing.
#pragma once

#include <array>
#include <cstdint>
#include <memory>
#include <mutex>
#include <vector>

#include "policies/plan.h"
#include "sim/run.h"

namespace gatewright::sim {

class BucketBook {
 public:
  using Buckets = std::shared_ptr<const std::vector<std::uint16_t>>;
  /// fill_buckets() of so many users. Threads that ask for the same at once may both compute it.
  [[nodiscard]] Buckets find(AssignmentHash hash, RunKey key, std::size_t users);

 private:
  struct Entry {
    AssignmentHash hash{};
    RunKey key{};
    Buckets buckets{};
  };
  std::mutex mutex_;
  std::array<Entry, 8> entries_;  ///< the oldest is the next to be replaced
  std::size_t next_ = 0;
};

}  // namespace gatewright::sim
