#include "sim/users/session_flow.h"

#include <algorithm>
#include <cmath>
#include <limits>
#include <span>

#include <boost/random/poisson_distribution.hpp>

#include "sim/seconds.h"
#include "sim/streams.h"

namespace gatewright::sim {
namespace {

double normal(Stream& stream) noexcept {
  double z = 0.0;
  stream.fill_normal(std::span(&z, 1));
  return z;
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
      gap_seconds_(to_seconds(law.gap)) {}

void SessionFlow::start(RunKey key, double per_second) {
  key_ = key;
  draws_ = 0;
  sessions_ = 0;
  for (std::vector<Due>& window : calendar_) window.clear();
  beyond_.clear();
  const double mean = per_second * goes_on_ * mean_seconds(law_.think);
  if (mean <= 0.0) return;
  Stream stream({key.seed, key.replication, "sessions", 0});
  const auto under_way = boost::random::poisson_distribution<std::uint32_t, double>(mean)(stream);
  for (std::uint32_t i = 0; i < under_way; ++i) {
    const double at = draw_by_length(law_.think, stream) * stream.uniform();
    beyond_.push_back({{at, population_.user(stream()), sessions_++}, 1.0});
  }
  draws_ += stream.draws();
}

/// Into the window that it falls into, which is `first` or a later one.
void SessionFlow::put(const Due& due, std::uint64_t first, double window_seconds) {
  const double window = due.request.at_seconds / window_seconds;
  if (window >= static_cast<double>(first + kCalendar - 1))
    beyond_.push_back(due);
  else  // rounding must not carry it back into a window that has been played
    calendar_[std::max(first, static_cast<std::uint64_t>(window)) % kCalendar].push_back(due);
}

void SessionFlow::take_due(const SessionWindow& window) {
  // Nothing put beyond the calendar is due before half of it has passed.
  if (window.index % (kCalendar / 2) == 0) {
    later_.swap(beyond_);
    beyond_.clear();
    for (const Due& due : later_) put(due, window.index, window.length_seconds);
  }
  std::vector<Due>& due = calendar_[window.index % kCalendar];
  generation_.swap(due);
  due.clear();
}

void SessionFlow::begin(const SessionStarts& starts, LaneStream& users) {
  const std::size_t count = starts.at_seconds.size();
  long_words_.resize(count);
  users.fill_long_words(long_words_);
  for (std::size_t i = 0; i < count; ++i) {
    const std::uint32_t user = starts.tenants.empty()
                                   ? population_.user(long_words_[i])
                                   : population_.user_within(starts.tenants[i], long_words_[i]);
    // A start always comes: the changes have acted on the rate of starts.
    generation_.push_back({{starts.at_seconds[i], user, sessions_++}, 0.0});
  }
}

/// Keeps what the changes since it was decided on have left.
void SessionFlow::lower(const ChangeFactor& changes, LaneStream& stream) {
  words_.resize(generation_.size());
  stream.fill_words(words_);
  std::size_t kept = 0;
  for (std::size_t i = 0; i < words_.size(); ++i) {
    Due due = generation_[i];
    const double factor = changes.at(static_cast<Nanoseconds>(due.request.at_seconds * 1e9));
    if (factor < due.factor && !(uniform_of(words_[i]) * due.factor < factor)) continue;
    due.factor = factor;
    generation_[kept++] = due;
  }
  generation_.resize(kept);
}

void SessionFlow::draw_thinks(LaneStream& stream) {
  const DelayLaw& law = law_.think;
  thinks_.resize(generation_.size());
  switch (law.kind) {
    case DelayLaw::Kind::fixed:
      std::ranges::fill(thinks_, static_cast<float>(law.a));
      break;
    case DelayLaw::Kind::uniform:
      words_.resize(thinks_.size());
      stream.fill_words(words_);
      for (std::size_t i = 0; i < thinks_.size(); ++i)
        thinks_[i] = static_cast<float>(law.a + (law.b - law.a) * uniform_of(words_[i]));
      break;
    case DelayLaw::Kind::lognormal:
      stream.fill_normal(thinks_);
      kernels().lognormals(thinks_.data(),
                           {.median = static_cast<float>(law.a),
                            .sigma = static_cast<float>(law.b),
                            .most = std::numeric_limits<float>::max()},
                           thinks_.data(), thinks_.size());
      break;
  }
}

/// The next generation: what follows the present one within the window. What follows later waits.
void SessionFlow::go_on(const SessionWindow& window, Streams& streams) {
  words_.resize(generation_.size());
  streams.goes_on.fill_words(words_);
  const Word goes_on = bound_of(goes_on_);
  std::size_t kept = 0;
  for (std::size_t i = 0; i < words_.size(); ++i) {
    generation_[kept] = generation_[i];
    kept += words_[i] < goes_on ? 1U : 0U;
  }
  generation_.resize(kept);
  draw_thinks(streams.think);

  // Written to both places and kept in one: nobody can foresee which.
  next_.resize(kept);
  later_.resize(kept);
  std::size_t within = 0;
  std::size_t after = 0;
  for (std::size_t i = 0; i < kept; ++i) {
    Due due = generation_[i];
    const auto think = static_cast<double>(thinks_[i]);
    due.request.at_seconds += think;
    if (think > gap_seconds_) due.request.session = sessions_++;
    next_[within] = due;
    later_[after] = due;
    const bool is_within = due.request.at_seconds < window.until_seconds;
    within += is_within ? 1U : 0U;
    after += is_within ? 0U : 1U;
  }
  next_.resize(within);
  later_.resize(after);
  for (const Due& due : later_) put(due, window.index + 1, window.length_seconds);
  generation_.swap(next_);
}

void SessionFlow::play(const SessionWindow& window, const SessionStarts& starts,
                       const ChangeFactor& changes, std::vector<SessionRequest>& out) {
  const auto key = [this, &window](StreamName name) {
    return StreamKey{key_.seed, key_.replication, name, window.index};
  };
  Streams streams{LaneStream(key("sessions.users")), LaneStream(key("sessions.goes_on")),
                  LaneStream(key("sessions.think")), LaneStream(key("sessions.changes"))};
  out.clear();
  take_due(window);
  begin(starts, streams.users);
  while (!generation_.empty()) {
    if (!changes.is_empty()) lower(changes, streams.changes);
    for (const Due& due : generation_) out.push_back(due.request);
    go_on(window, streams);
  }
  order_.sort(out, window.from_seconds, window.until_seconds);
  draws_ += streams.users.draws() + streams.goes_on.draws() + streams.think.draws() +
            streams.changes.draws();
}

}  // namespace gatewright::sim
