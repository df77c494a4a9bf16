#include "sim/arms/error_bursts.h"

#include <algorithm>

#include "sim/seconds.h"

namespace gatewright::sim {

BurstChain::BurstChain(const Arm::ErrorBursts& bursts, std::size_t arm)
    : burst_seconds_(to_seconds(bursts.burst)),
      quiet_seconds_(burst_seconds_ * (1.0 - bursts.burst_share) / bursts.burst_share),
      burst_share_(bursts.burst_share),
      index_(bursts.shared ? 0 : arm) {}

void BurstChain::start(RunKey key) {
  stretches_.clear();
  known_until_seconds_ = 0.0;
  if (burst_share_ == 0.0) return;
  stream_.emplace(StreamKey{key.seed, key.replication, "error.bursts", index_});
  // The exponential law has no memory: what is left of the first stretch is as long as any other.
  add_stretch(0.0, stream_->uniform() < burst_share_);
}

void BurstChain::advance(double end_seconds) {
  if (!stream_) return;
  const auto present = std::ranges::find_if(stretches_, [this](const Stretch& stretch) {
    return stretch.until_seconds > known_until_seconds_;
  });
  // The last one stays in any case: the next is the other state.
  stretches_.erase(stretches_.begin(), std::min(present, stretches_.end() - 1));
  while (stretches_.back().until_seconds <= end_seconds)
    add_stretch(stretches_.back().until_seconds, !stretches_.back().in_burst);
  known_until_seconds_ = end_seconds;
}

void BurstChain::fill(std::span<const double> at_seconds,
                      std::span<std::uint8_t> in_burst) const noexcept {
  std::size_t stretch = 0;
  for (std::size_t i = 0; i < at_seconds.size(); ++i) {
    while (stretches_[stretch].until_seconds <= at_seconds[i]) ++stretch;
    in_burst[i] = stretches_[stretch].in_burst ? 1 : 0;
  }
}

void BurstChain::add_stretch(double from_seconds, bool in_burst) {
  double length = 0.0;
  stream_->fill_exponential(std::span(&length, 1));
  stretches_.push_back(
      {from_seconds + length * (in_burst ? burst_seconds_ : quiet_seconds_), in_burst});
}

}  // namespace gatewright::sim
