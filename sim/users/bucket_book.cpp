#include "sim/users/bucket_book.h"

#include <algorithm>

#include "sim/users/population.h"

namespace gatewright::sim {

BucketBook::Buckets BucketBook::find(AssignmentHash hash, RunKey key, std::size_t users) {
  {
    const std::lock_guard lock(mutex_);
    for (const Entry& entry : entries_)
      if (entry.buckets != nullptr && entry.hash == hash && entry.key.seed == key.seed &&
          entry.key.replication == key.replication && entry.buckets->size() == users)
        return entry.buckets;
  }
  std::vector<std::uint16_t> buckets(users);
  fill_buckets(hash, key.seed, key.replication, buckets);
  Entry entry{hash, key, std::make_shared<const std::vector<std::uint16_t>>(std::move(buckets))};
  Buckets found = entry.buckets;
  const std::lock_guard lock(mutex_);
  entries_[next_] = std::move(entry);
  next_ = (next_ + 1) % entries_.size();
  return found;
}

}  // namespace gatewright::sim
