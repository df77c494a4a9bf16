#include "sim/windows/window_world.h"

#include <algorithm>
#include <cmath>
#include <tuple>

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

/// Whether nothing but time makes laws change, and that at once.
bool do_laws_stand(const PreparedScenario& scenario) {
  const Scenario& written = scenario.scenario();
  return !scenario.effects().depends_on_exposure() && !written.baseline.error_bursts &&
         written.noise.window.empty() &&
         std::ranges::none_of(written.effects, [](const Effect& effect) {
           return effect.ramp_in > Duration::zero() || effect.fade > Duration::zero();
         });
}

double seconds_of(Nanoseconds time) noexcept { return static_cast<double>(time) * 1e-9; }

double share(std::uint16_t basis_points) noexcept {
  return static_cast<double>(basis_points) / static_cast<double>(kWholeExposure);
}

}  // namespace

void Measuring::add(const Measurement& measurement, std::span<const double> probabilities) {
  const auto but_segment = [](const Measurement& one) {
    return std::tie(one.metric, one.scope, one.kind, one.pairs, one.covariate);
  };
  const auto known = std::ranges::find_if(measured, [&](const Measured& other) {
    return but_segment(other.measurement) == but_segment(measurement);
  });
  Part& part = parts.emplace_back();
  part.measured = static_cast<std::size_t>(known - measured.begin());
  if (measurement.segment) part.segment.emplace(*measurement.segment);
  if (known == measured.end()) {
    measured.push_back({measurement, {}});
    measured.back().measurement.segment.reset();
  }
  std::vector<double>& asked = measured[parts.back().measured].probabilities;
  asked.insert(asked.end(), probabilities.begin(), probabilities.end());
  std::ranges::sort(asked);
  asked.erase(std::ranges::unique(asked).begin(), asked.end());
}

bool Measuring::by_segment() const noexcept {
  return std::ranges::any_of(parts, [](const Part& part) { return part.segment.has_value(); });
}

WindowWorld::WindowWorld(const PreparedScenario& scenario)
    : scenario_(scenario),
      rates_(scenario.tables().arrivals->rates()),
      window_noise_(scenario.scenario().noise, scenario.scenario().baseline,
                    scenario.scenario().telemetry.window),
      laws_stand_(do_laws_stand(scenario)) {
  GATEWRIGHT_ASSERT(rates_ != nullptr);
  for (const std::size_t arm : {kBaselineArm, kCandidateArm})
    scenario.law_book().prices(arm).add_changes(price_changes_);
  const Arm& baseline = scenario.scenario().baseline;
  if (baseline.error_bursts)
    for (const std::size_t arm : {kBaselineArm, kCandidateArm})
      bursts_[arm] = BurstChain(*baseline.error_bursts, arm);
}

void WindowWorld::start(RunKey key) {
  key_ = key;
  world_ = scrambled_world(key.seed, key.replication);
  next_window_ = 0;
  words_before_ = 0;
  rates_->start(key);
  for (const auto& audience : audiences_)
    if (audience) audience->start(key);
  deployment_noise_ =
      DeploymentNoise(scenario_.scenario().noise, scenario_.scenario().baseline, key);
  window_noise_.start(key);
  for (BurstChain& bursts : bursts_) bursts.start(key);
  standing_.clear();
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

WindowWorld::Standing& WindowWorld::laws_of(const Stretch& stretch, Conditions holding,
                                            const ExposureHistory& history) {
  auto known = std::ranges::find(standing_, holding, &Standing::holding);
  if (known == standing_.end())
    known =
        standing_.insert(known, {.holding = holding, .stretch = {}, .laws = {}, .law = nullptr});
  const Stretch& stands = known->stretch;
  if (laws_stand_ && stands.from <= stretch.from && stretch.to <= stands.to) return *known;
  known->law = nullptr;
  known->laws = laws_at(stretch.middle(), holding, history);
  const Instant from = Instant{} + Duration(std::llround(stretch.from * 1e9));
  double to = to_seconds(scenario_.effects().next_change(from, history));
  for (const double change : price_changes_)
    if (change > stretch.from) to = std::min(to, change);
  known->stretch = {stretch.from, to};
  return *known;
}

const WindowLaw& WindowWorld::law_of(std::span<const Measured> measured, Standing& standing) {
  if (standing.law == nullptr || !std::ranges::equal(standing.law->measured(), measured))
    standing.law = &find_law(measured, standing.laws);
  return *standing.law;
}

const WindowLaw& WindowWorld::find_law(std::span<const Measured> measured, const ArmLaws& laws) {
  for (const WindowLaw* law : known_)
    if (std::ranges::equal(law->measured(), measured) && differ_in_events_only(law->laws(), laws))
      return *law;
  known_.push_back(&scenario_.law_book().find(scenario_, measured, laws));
  return *known_.back();
}

Audience& WindowWorld::audience(bool by_segment) {
  std::unique_ptr<Audience>& audience = audiences_[by_segment ? 1 : 0];
  if (!audience) {
    audience = std::make_unique<Audience>(scenario_, by_segment);
    audience->start(key_);
  }
  return *audience;
}

void WindowWorld::hand_out(const Measuring& measuring, std::uint8_t segment,
                           std::span<Tally* const> tallies) {
  for (std::size_t i = 0; i < measuring.parts.size(); ++i) {
    const auto& [measured, only] = measuring.parts[i];
    if (only && *only != segment) continue;
    for (const std::size_t arm : {kBaselineArm, kCandidateArm})
      (*tallies[i])[arm].add(of_segment_[measured][arm]);
  }
  for (Tally& tally : of_segment_)
    for (ArmTally& arm : tally) arm.clear();
}

WindowCounts WindowWorld::play(const Exposed& exposed, const Measuring& measuring,
                               std::span<Tally* const> tallies, const RatingDelays& delays,
                               std::vector<RatingUnderWay>* ratings) {
  WindowCounts counts{.words = rate_words_};
  find_cuts(exposed);
  counted_.clear();
  const bool by_segment = measuring.by_segment();
  Audience& audience = this->audience(by_segment);
  drawn_.assign(tallies.begin(), tallies.end());
  if (by_segment) {
    of_segment_.resize(measuring.measured.size());
    drawn_.clear();
    for (Tally& tally : of_segment_) drawn_.push_back(&tally);
  }
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
    const auto parts = audience.parts(exposed.assignment, exposure.served);
    for (std::size_t p = 0; p < parts.size(); ++p, ++index) {
      const AudiencePart& part = parts[p];
      Standing& standing = laws_of(stretch, part.holding, exposed.history);
      const WindowLaw& law = law_of(measuring.measured, standing);
      const bool harmed =
          exposure.served > 0 && scenario_.effects().harms(middle, part.holding, exposed.history);
      const std::array<double, kRoutes> means = {arrivals * part.rest * (1.0 - mirrored),
                                                 arrivals * part.served,
                                                 arrivals * part.rest * mirrored * sampled,
                                                 arrivals * part.rest * mirrored * (1.0 - sampled)};
      for (std::size_t r = 0; r < kRoutes; ++r) {
        if (!(means[r] > 0.0)) continue;
        const auto route = static_cast<Route>(r);
        Stream stream(world_, kStreamNames[r], index);
        const bool is_harmed = harmed && route == Route::served;
        const RouteCounts drawn =
            law.add(route, means[r], standing.laws, is_harmed, stream, drawn_, room_);
        counts.requests += drawn.requests;
        if (route == Route::served) counts.served += drawn.requests;
        if (route == Route::served || route == Route::mirrored)
          counts.candidate_requests += drawn.requests;
        (route == Route::served ? counts.impact.excess_cost_usd : counts.impact.shadow_cost_usd) +=
            drawn.cost_usd;
        if (is_harmed)
          count_users(audience, {exposed.assignment, exposure.served, p}, stretch, drawn, stream,
                      counts.impact);
        counts.words += stream.draws();
        if (ratings == nullptr) continue;
        LaneStream late({key_.seed, key_.replication, "windows.ratings", index * kRoutes + r});
        for (const std::uint8_t arm : {std::uint8_t{kBaselineArm}, std::uint8_t{kCandidateArm}}) {
          const RatingDelays::Arrived arrived{stretch.from, stretch.to};
          const RatingUnderWay down{.arm = arm, .rating = 0, .segment = part.segment};
          const RatingUnderWay up{.arm = arm, .rating = 1, .segment = part.segment};
          delays.draw(arrived, down, drawn.down[arm], late, *ratings);
          delays.draw(arrived, up, drawn.up[arm], late, *ratings);
        }
        counts.words += late.draws();
      }
      if (by_segment) hand_out(measuring, part.segment, tallies);
    }
  }
  return counts;
}

std::array<std::uint64_t, 2> WindowWorld::new_users(const Exposed& exposed, std::uint64_t since) {
  const std::uint64_t window = next_window_ - 1;
  double arrivals = 0.0;
  double from = to_seconds(scenario_.scenario().telemetry.window) * static_cast<double>(window);
  for (const RatePiece& piece : pieces_) {
    const double to = seconds_of(piece.to);
    arrivals += piece.per_second * (to - from);
    from = to;
  }
  Stream stream({key_.seed, key_.replication, "windows.units", window});
  return audience(false).draw_new_users({.assignment = exposed.assignment,
                                         .served = exposed.timeline.back().exposure.served,
                                         .since = since,
                                         .window = window,
                                         .arrivals = arrivals},
                                        stream);
}

/// Users are counted once a minute. Of a minute that a change cuts, those that come again are left out.
void WindowWorld::count_users(Audience& audience, const Audience::Crowd& crowd, Stretch stretch,
                              const RouteCounts& served, Stream& stream, Impact& impact) {
  impact.impacted_requests += served.impacted;
  std::uint64_t requests = served.requests;
  std::uint64_t impacted = served.impacted;
  for (double from = stretch.from; from < stretch.to;) {
    const double minute = std::floor(from / kSecondsPerMinute) * kSecondsPerMinute;
    const double to = std::min(minute + kSecondsPerMinute, stretch.to);
    const double part = (to - from) / (stretch.to - from);
    const std::uint64_t now = draw_binomial(stream, {requests, part});
    const std::uint64_t bad = draw_binomial(stream, {impacted, part});
    std::uint64_t users = audience.draw_users(crowd, now, stream);
    std::uint64_t bad_users = audience.draw_users(crowd, bad, stream);
    const auto before = std::ranges::find_if(counted_, [&](const CountedMinute& one) {
      return one.from == minute && one.part == crowd.part;
    });
    if (before != counted_.end()) {
      const Audience::Crowd then{crowd.assignment, before->served, crowd.part};
      const auto leave_again = [&](std::uint64_t& drawn, const Audience::Made& earlier,
                                   const Audience::Made& later) {
        const double again = audience.expected_in_both(earlier, later) + stream.uniform();
        drawn -= std::min(drawn, static_cast<std::uint64_t>(again));
      };
      leave_again(users, {then, before->requests}, {crowd, now});
      leave_again(bad_users, {then, before->impacted}, {crowd, bad});
      before->served = std::max(before->served, crowd.served);
      before->requests += now;
      before->impacted += bad;
    } else if (to < minute + kSecondsPerMinute) {
      counted_.push_back({minute, crowd.part, crowd.served, now, bad});
    }
    impact.user_impact_minutes += users;
    impact.bad_user_minutes += bad_users;
    requests -= now;
    impacted -= bad;
    from = to;
  }
}

}  // namespace gatewright::sim
