#include "sim/router/router.h"

#include <cmath>

#include "policies/probe_mark.h"
#include "sim/delay.h"
#include "sim/seconds.h"

namespace gatewright::sim {
namespace {

ExposureSegment segment(Instant from, Exposure exposure) noexcept {
  return {from, to_seconds(from), exposure};
}

/// Attempts of one actuation are numbered below this in stream keys.
constexpr std::uint64_t kAttemptsPerActuation = std::uint64_t{1} << 20;

std::uint16_t between(std::uint16_t from, std::uint16_t to, double share) noexcept {
  const auto start = static_cast<double>(from);
  return static_cast<std::uint16_t>(std::lround(start + (static_cast<double>(to) - start) * share));
}

Exposure between(const Exposure& from, const Exposure& to, double share) noexcept {
  return {.served = between(from.served, to.served, share),
          .mirrored = between(from.mirrored, to.mirrored, share),
          .interleaved = between(from.interleaved, to.interleaved, share)};
}

}  // namespace

void Router::start(RunKey key) {
  key_ = key;
  timeline_.assign(1, ExposureSegment{});
  history_.assign(1, ExposureSegment{});
  target_.reset();
  actuations_ = 0;
  next_ = Next::nothing;
  attempts_ = 0;
  retried_ = Duration::zero();
}

std::optional<PendingTarget> Router::request(Exposure target, Instant now) {
  if (target_ == target) return std::nullopt;
  target_ = target;
  const Duration delay = draw_delay(law_, {key_.seed, key_.replication, "actuation", actuations_});
  next_ = Next::attempt;
  attempts_ = 0;
  retried_ = Duration::zero();
  return PendingTarget{after(now, delay), ++actuations_};
}

Actuated Router::apply(std::uint64_t number, Instant now) {
  if (number != actuations_ || !target_) {
    GATEWRIGHT_PROBE("router: a target overtaken by a later one");
    return {};
  }
  const Instant later = after(now, rollback_.retry_after);
  switch (next_) {
    case Next::attempt:
      if (happens(rollback_.refused, "router.refused",
                  number * kAttemptsPerActuation + attempts_++)) {
        retried_ += rollback_.retry_after;
        return {.again = later};
      }
      if (happens(rollback_.partial, "router.partial", number)) {
        serve(between(applied(), *target_, rollback_.lands_at), now);
        next_ = Next::rest;
        retried_ += rollback_.retry_after;
        return {.confirms = true, .again = later};
      }
      return arrive(now);
    case Next::rest:
      return arrive(now);
    case Next::acknowledgement:
    case Next::second_confirmation:
      next_ = Next::nothing;
      return {.confirms = true};
    case Next::nothing:
      break;
  }
  return {};
}

Actuated Router::arrive(Instant now) {
  serve(*target_, now);
  const Instant later = after(now, rollback_.retry_after);
  if (happens(rollback_.lost_acknowledgement, "router.lost_acknowledgement", actuations_)) {
    next_ = Next::acknowledgement;
    return {.again = later};
  }
  const bool twice = happens(rollback_.applied_twice, "router.applied_twice", actuations_);
  next_ = twice ? Next::second_confirmation : Next::nothing;
  return {.confirms = true, .again = twice ? std::optional(later) : std::nullopt};
}

void Router::serve(Exposure exposure, Instant now) {
  timeline_.push_back(segment(now, exposure));
  history_.push_back(timeline_.back());
}

bool Router::happens(double share, StreamName name, std::uint64_t index) const noexcept {
  if (share <= 0.0) return false;
  return Stream({key_.seed, key_.replication, name, index}).uniform() < share;
}

void Router::roll(Instant start) noexcept {
  if (timeline_.front().from == start) return;
  timeline_.front() = segment(start, timeline_.back().exposure);
  timeline_.resize(1);
}

}  // namespace gatewright::sim
