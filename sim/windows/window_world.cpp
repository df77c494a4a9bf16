#include "sim/windows/window_world.h"

#include <algorithm>
#include <cmath>

#include "policies/assert.h"
#include "policies/exposure.h"
#include "sim/seconds.h"
#include "sim/windows/counts.h"
#include "sim/windows/law_book.h"

namespace gatewright::sim {
namespace {

/// Stretches of a window are numbered below this in stream keys.
constexpr std::uint64_t kStretchesPerWindow = std::uint64_t{1} << 20;

/// In the order of Route.
constexpr std::array<StreamName, kRoutes> kStreamNames = {"windows.baseline", "windows.served",
                                                          "windows.mirrored", "windows.unsampled"};

constexpr double kSecondsPerMinute = 60.0;

double seconds_of(Nanoseconds time) noexcept { return static_cast<double>(time) * 1e-9; }

double share(std::uint16_t basis_points) noexcept {
  return static_cast<double>(basis_points) / static_cast<double>(kWholeExposure);
}

}  // namespace

WindowWorld::WindowWorld(const PreparedScenario& scenario)
    : scenario_(scenario),
      rates_(scenario.tables().arrivals->rates()),
      audience_(scenario),
      window_noise_(scenario.scenario().noise, scenario.scenario().baseline,
                    scenario.scenario().telemetry.window) {
  GATEWRIGHT_ASSERT(rates_ != nullptr);
  const Arm& baseline = scenario.scenario().baseline;
  if (baseline.error_bursts)
    for (const std::size_t arm : {kBaselineArm, kCandidateArm})
      bursts_[arm] = BurstChain(*baseline.error_bursts, arm);
}

void WindowWorld::start(RunKey key) {
  key_ = key;
  next_window_ = 0;
  words_before_ = 0;
  rates_->start(key);
  audience_.start(key);
  deployment_noise_ =
      DeploymentNoise(scenario_.scenario().noise, scenario_.scenario().baseline, key);
  window_noise_.start(key);
  for (BurstChain& bursts : bursts_) bursts.start(key);
}

void WindowWorld::advance() {
  const Duration length = scenario_.scenario().telemetry.window;
  window_noise_.advance();
  for (BurstChain& bursts : bursts_)
    bursts.advance(to_seconds(length) * static_cast<double>(next_window_ + 1));
  rates_->next(length, pieces_);
  rate_words_ = rates_->draws() - words_before_;
  words_before_ += rate_words_;
  ++next_window_;
}

/// Where rates, exposures, bursts, effects and prices change.
void WindowWorld::find_cuts(const Exposed& exposed) {
  const Duration length = scenario_.scenario().telemetry.window;
  const Instant from = Instant{} + length * static_cast<Duration::rep>(next_window_ - 1);
  const Instant to = std::min(from + length, exposed.until);
  const double first = to_seconds(from);
  const double last = to_seconds(to);
  cuts_.assign(1, first);
  for (const RatePiece& piece : pieces_) cuts_.push_back(seconds_of(piece.to));
  for (const ExposureSegment& segment : exposed.timeline) cuts_.push_back(segment.from_seconds);
  for (const BurstChain& bursts : bursts_) bursts.add_changes(cuts_);
  for (Instant at = from; at < to;) {
    at = scenario_.effects().next_change(at, exposed.history);
    if (at < to) cuts_.push_back(to_seconds(at));
  }
  for (const std::size_t arm : {kBaselineArm, kCandidateArm})
    scenario_.law_book().prices(arm).add_changes(cuts_);
  std::erase_if(cuts_, [=](double at) { return at < first || at >= last; });
  cuts_.push_back(last);
  std::ranges::sort(cuts_);
  cuts_.erase(std::ranges::unique(cuts_).begin(), cuts_.end());
}

double WindowWorld::rate_at(double seconds) const noexcept {
  for (const RatePiece& piece : pieces_)
    if (seconds < seconds_of(piece.to)) return piece.per_second;
  return 0.0;
}

ArmLaws WindowWorld::laws_at(double seconds, Conditions holding,
                             const ExposureHistory& history) const noexcept {
  const Scenario& numbers = scenario_.scenario();
  const EffectTable& effects = scenario_.effects();
  ArmLaws laws;
  laws.input_tokens =
      effects.at(kBaselineArm, WorldMetric::input_tokens, seconds, holding, history);
  for (const std::size_t arm : {kBaselineArm, kCandidateArm}) {
    ArmLaw& law = laws.arm[arm];
    law.detector =
        arm == kCandidateArm
            ? numbers.candidate_refusal_detector.value_or(numbers.baseline.refusal_detector)
            : numbers.baseline.refusal_detector;
    law.prices = &scenario_.law_book().prices(arm).at(seconds);
    for (std::size_t i = 0; i < kWorldMetrics; ++i) {
      const auto metric = static_cast<WorldMetric>(i);
      if (!can_differ(metric) || is_paired(metric)) continue;
      const Affine noise =
          map_of(both(deployment_noise_.at(arm, metric), window_noise_.at(arm, metric)), metric,
                 own_rate(numbers.baseline, metric));
      law.set(metric, numbers.baseline,
              then(noise, effects.at(arm, metric, seconds, holding, history)));
    }
    if (bursts_[arm].at(seconds)) law.error = law.error_in_burst;
  }
  return laws;
}

const WindowLaw& WindowWorld::law_of(std::span<const Measurement> measurements,
                                     const ArmLaws& laws) {
  for (const WindowLaw* law : known_)
    if (std::ranges::equal(law->measurements(), measurements) &&
        differ_in_events_only(law->laws(), laws))
      return *law;
  known_.push_back(&scenario_.law_book().find(scenario_, measurements, laws));
  return *known_.back();
}

WindowCounts WindowWorld::play(const Exposed& exposed, std::span<const Measurement> measurements,
                               std::span<Tally* const> tallies, const RatingDelays& delays,
                               std::vector<RatingUnderWay>* ratings) {
  WindowCounts counts{.words = rate_words_};
  find_cuts(exposed);
  const double sampled = scenario_.scenario().telemetry.mirrored_sampled;
  std::uint64_t index = (next_window_ - 1) * kStretchesPerWindow;
  for (std::size_t c = 0; c + 1 < cuts_.size(); ++c) {
    const Stretch stretch{cuts_[c], cuts_[c + 1]};
    const double middle = stretch.middle();
    const auto segment = std::ranges::find_if(
        exposed.timeline.rbegin(), exposed.timeline.rend(),
        [middle](const ExposureSegment& s) { return s.from_seconds <= middle; });
    const Exposure exposure = segment == exposed.timeline.rend() ? Exposure{} : segment->exposure;
    const double arrivals = rate_at(middle) * (stretch.to - stretch.from);
    const double mirrored = share(exposure.mirrored);
    const auto parts = audience_.parts(exposed.assignment, exposure.served);
    for (std::size_t p = 0; p < parts.size(); ++p, ++index) {
      const AudiencePart& part = parts[p];
      const ArmLaws laws = laws_at(middle, part.holding, exposed.history);
      const WindowLaw& law = law_of(measurements, laws);
      const bool harmed =
          exposure.served > 0 && scenario_.effects().harms(middle, part.holding, exposed.history);
      const std::array<double, kRoutes> means = {arrivals * part.rest * (1.0 - mirrored),
                                                 arrivals * part.served,
                                                 arrivals * part.rest * mirrored * sampled,
                                                 arrivals * part.rest * mirrored * (1.0 - sampled)};
      for (std::size_t r = 0; r < kRoutes; ++r) {
        if (!(means[r] > 0.0)) continue;
        const auto route = static_cast<Route>(r);
        Stream stream({key_.seed, key_.replication, kStreamNames[r], index});
        const bool is_harmed = harmed && route == Route::served;
        const RouteCounts drawn = law.add(route, means[r], laws, is_harmed, stream, tallies);
        counts.requests += drawn.requests;
        if (route == Route::served || route == Route::mirrored)
          counts.candidate_requests += drawn.requests;
        (route == Route::served ? counts.impact.excess_cost_usd : counts.impact.shadow_cost_usd) +=
            drawn.cost_usd;
        if (is_harmed)
          count_users({exposed.assignment, exposure.served, p}, stretch, drawn, stream,
                      counts.impact);
        counts.words += stream.draws();
        if (ratings == nullptr) continue;
        LaneStream late({key_.seed, key_.replication, "windows.ratings", index * kRoutes + r});
        for (const std::uint8_t arm : {std::uint8_t{kBaselineArm}, std::uint8_t{kCandidateArm}}) {
          const RatingDelays::Arrived arrived{stretch.from, stretch.to};
          delays.draw(arrived, {.arm = arm, .rating = 0}, drawn.down[arm], late, *ratings);
          delays.draw(arrived, {.arm = arm, .rating = 1}, drawn.up[arm], late, *ratings);
        }
        counts.words += late.draws();
      }
    }
  }
  return counts;
}

/// Users are counted once a minute. A minute that a change cuts counts them once in each part.
void WindowWorld::count_users(const Audience::Crowd& crowd, Stretch stretch,
                              const RouteCounts& served, Stream& stream, Impact& impact) {
  impact.impacted_requests += served.impacted;
  std::uint64_t requests = served.requests;
  std::uint64_t impacted = served.impacted;
  for (double from = stretch.from; from < stretch.to;) {
    const double next = (std::floor(from / kSecondsPerMinute) + 1.0) * kSecondsPerMinute;
    const double to = std::min(next, stretch.to);
    const double part = (to - from) / (stretch.to - from);
    const std::uint64_t now = draw_binomial(stream, {requests, part});
    const std::uint64_t bad = draw_binomial(stream, {impacted, part});
    impact.user_impact_minutes += audience_.draw_users(crowd, now, stream);
    impact.bad_user_minutes += audience_.draw_users(crowd, bad, stream);
    requests -= now;
    impacted -= bad;
    from = to;
  }
}

}  // namespace gatewright::sim
