#include "sim/router/router.h"

#include "sim/delay.h"
#include "sim/seconds.h"

namespace gatewright::sim {
namespace {

ExposureSegment segment(Instant from, Exposure exposure) noexcept {
  return {from, to_seconds(from), exposure};
}

}  // namespace

void Router::start(RunKey key) {
  key_ = key;
  timeline_.assign(1, ExposureSegment{});
  target_.reset();
  actuations_ = 0;
}

std::optional<PendingTarget> Router::request(Exposure target, Instant now) {
  if (target_ == target) return std::nullopt;
  target_ = target;
  const Duration delay = draw_delay(law_, {key_.seed, key_.replication, "actuation", actuations_});
  return PendingTarget{after(now, delay), ++actuations_};
}

bool Router::apply(std::uint64_t number, Instant now) {
  if (number != actuations_ || !target_) return false;
  timeline_.push_back(segment(now, *target_));
  return true;
}

void Router::roll(Instant start) noexcept {
  timeline_.front() = segment(start, timeline_.back().exposure);
  timeline_.resize(1);
}

}  // namespace gatewright::sim
