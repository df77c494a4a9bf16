#include "sim/users/session_flow.h"

#include <algorithm>
#include <cmath>
#include <span>

#include <boost/random/poisson_distribution.hpp>

#include "sim/seconds.h"

namespace gatewright::sim {
namespace {

double normal(Stream& stream) noexcept {
  double z = 0.0;
  stream.fill_normal(std::span(&z, 1));
  return z;
}

double draw(const DelayLaw& law, Stream& stream) noexcept {
  switch (law.kind) {
    case DelayLaw::Kind::fixed:
      break;
    case DelayLaw::Kind::uniform:
      return law.a + (law.b - law.a) * stream.uniform();
    case DelayLaw::Kind::lognormal:
      return law.a * std::exp(law.b * normal(stream));
  }
  return law.a;
}

/// A time drawn with probability ~ its length, as those are that one moment falls into.
double draw_by_length(const DelayLaw& law, Stream& stream) noexcept {
  switch (law.kind) {
    case DelayLaw::Kind::fixed:
      break;
    case DelayLaw::Kind::uniform:
      return std::sqrt(law.a * law.a + (law.b * law.b - law.a * law.a) * stream.uniform());
    case DelayLaw::Kind::lognormal:
      return law.a * std::exp(law.b * law.b + law.b * normal(stream));
  }
  return law.a;
}

}  // namespace

double mean_seconds(const DelayLaw& law) noexcept {
  switch (law.kind) {
    case DelayLaw::Kind::fixed:
      break;
    case DelayLaw::Kind::uniform:
      return 0.5 * (law.a + law.b);
    case DelayLaw::Kind::lognormal:
      return law.a * std::exp(0.5 * law.b * law.b);
  }
  return law.a;
}

SessionFlow::SessionFlow(const Sessions& law, const Population& population)
    : law_(law),
      population_(population),
      goes_on_(1.0 - 1.0 / law.requests),
      gap_seconds_(to_seconds(law.gap)),
      stream_(StreamKey{0, 0, "sessions", 0}) {}

void SessionFlow::start(RunKey key, double per_second) {
  stream_ = Stream({key.seed, key.replication, "sessions", 0});
  sessions_ = 0;
  due_.clear();
  const double mean = per_second * goes_on_ * mean_seconds(law_.think);
  if (mean <= 0.0) return;
  const auto under_way = boost::random::poisson_distribution<std::uint32_t, double>(mean)(stream_);
  for (std::uint32_t i = 0; i < under_way; ++i) {
    const double at = draw_by_length(law_.think, stream_) * stream_.uniform();
    push({{at, population_.user(stream_()), sessions_++}, 1.0});
  }
}

void SessionFlow::push(const Due& due) {
  due_.push_back(due);
  std::ranges::push_heap(due_, std::ranges::greater{}, &Due::order);
}

void SessionFlow::begin(double at_seconds, std::uint32_t tenant) {
  const std::uint64_t word = stream_();
  const std::uint32_t user =
      tenant == 0 ? population_.user(word) : population_.user_within(tenant, word);
  // A start always comes: the changes have acted on the rate of starts.
  push({{at_seconds, user, sessions_++}, 0.0});
}

void SessionFlow::go_on(const SessionRequest& after, double factor) {
  if (!(stream_.uniform() < goes_on_)) return;
  const double think = draw(law_.think, stream_);
  push({{after.at_seconds + think, after.user, think > gap_seconds_ ? sessions_++ : after.session},
        factor});
}

std::optional<SessionRequest> SessionFlow::next(double until_seconds, const ChangeFactor& changes) {
  while (!due_.empty() && due_.front().request.at_seconds < until_seconds) {
    const Due due = due_.front();
    std::ranges::pop_heap(due_, std::ranges::greater{}, &Due::order);
    due_.pop_back();
    const double factor = changes.at(static_cast<Nanoseconds>(due.request.at_seconds * 1e9));
    if (factor < due.factor && !(stream_.uniform() * due.factor < factor)) continue;
    go_on(due.request, factor);
    return due.request;
  }
  return std::nullopt;
}

}  // namespace gatewright::sim
