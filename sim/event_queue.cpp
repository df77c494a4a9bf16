#include "sim/event_queue.h"

#include <algorithm>

#include "policies/assert.h"

namespace gatewright::sim {
namespace {

/// std::push_heap keeps the greatest in front; the greatest is the one that nothing precedes.
constexpr auto kLater = [](const ScheduledEvent& a, const ScheduledEvent& b) {
  return earlier(b, a);
};

}  // namespace

void EventQueue::push(ScheduledEvent event) {
  event.sequence = next_sequence_++;
  heap_.push_back(event);
  std::push_heap(heap_.begin(), heap_.end(), kLater);
}

ScheduledEvent EventQueue::pop() {
  GATEWRIGHT_ASSERT(!heap_.empty());
  std::pop_heap(heap_.begin(), heap_.end(), kLater);
  const ScheduledEvent event = heap_.back();
  heap_.pop_back();
  return event;
}

void EventQueue::clear() noexcept {
  heap_.clear();
  next_sequence_ = 0;
}

}  // namespace gatewright::sim
