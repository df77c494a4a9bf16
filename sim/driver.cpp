#include "sim/driver.h"

#include <algorithm>

#include "policies/digest.h"
#include "sim/delay.h"
#include "sim/seconds.h"
#include "sim/telemetry/tally.h"

namespace gatewright::sim {
namespace {

std::size_t bucket_column(const Assignment& assignment) noexcept {
  return assignment.by == AssignmentUnit::request ? kRequestBuckets
                                                  : static_cast<std::size_t>(assignment.hash);
}

std::vector<Measurement> measurements_of(std::span<const Probe> probes) {
  std::vector<Measurement> measurements;
  measurements.reserve(probes.size());
  for (const Probe& probe : probes) measurements.push_back(measurement_of(probe));
  return measurements;
}

std::vector<double> harm_of(const Policy& policy, const RolloutState& state) {
  std::vector<double> harm(policy.gate_names().size());
  for (std::size_t gate = 0; gate < harm.size(); ++gate)
    harm[gate] = policy.harm(state.memory, gate);
  return harm;
}

}  // namespace

Driver::Driver(const Contender& contender, const PreparedScenario& scenario, std::uint32_t index)
    : contender_(contender),
      index_(index),
      longest_actuation_(longest_delay(delay_law(scenario.scenario().rollback))),
      bucket_(bucket_column(contender.assignment)),
      measurements_(measurements_of(contender.engine.policy().probes())),
      initial_state_(contender.engine.initial_state(Instant{})),
      router_(scenario.scenario().rollback),
      probes_(contender.engine.policy().probes(), scenario.scenario().telemetry.window),
      impact_(scenario.scenario()),
      checker_(contender.engine.shared_policy(), contender.plan, machine_of(contender.engine)) {
  for (const std::size_t arm : {kBaselineArm, kCandidateArm})
    for (const Measurement& measurement : measurements_)
      measured_wants_[arm] |= wants_of(measurement, arm);
}

// ---- events ----

void Driver::start(RunKey key, RunTrace* trace, EventQueue& queue) {
  router_.start(key);
  probes_.start();
  impact_.start();
  checker_.start(key.replication);
  state_ = initial_state_;
  decision_ = {};
  record_ = {};
  record_.replication = key.replication;
  trace_ = trace;
  if (trace_ != nullptr) *trace_ = {.journal = {}, .initial_state = initial_state_, .harm = {}};
  running_ = true;
  until_ = kNever;
  sequence_ = 0;
  events_ = 0;
  arrival_words_ = 0;
  words_.fill(0);
  decision_.wake_at = Instant{};
  wake_queued_ = kNever;
  schedule_wake(Instant{}, queue);
}

void Driver::wake(Instant now, EventQueue& queue) {
  if (wake_queued_ != now) return;  // an earlier wake-up has taken its place
  wake_queued_ = kNever;
  if (!running_) return;
  if (decision_.wake_at > now) {
    schedule_wake(now, queue);
    return;
  }
  step(now, Tick{}, queue);
}

void Driver::actuate(std::uint64_t number, Instant now, EventQueue& queue) {
  if (until_ <= now || !router_.apply(number, now)) return;
  const Exposure exposure = router_.applied();
  if (exposure != Exposure{} && !record_.first_exposure_at)
    record_.first_exposure_at = now.time_since_epoch();
  step(now, ExposureApplied{exposure}, queue);
}

void Driver::deliver(std::uint64_t k, Instant now, EventQueue& queue) {
  for (const Report& report : probes_.take(k))
    if (until_ > now) step(now, report.event, queue);
}

void Driver::expire(Instant horizon) noexcept {
  if (!running_) return;
  running_ = false;
  until_ = horizon;
  record_.ended_at = horizon.time_since_epoch();
}

void Driver::step(Instant now, const Event& event, EventQueue& queue) {
  const Observation observation{++sequence_, now, event};
  checker_.remember(state_);
  decision_ = contender_.engine.step(state_, observation);
  checker_.check(observation, decision_, state_);
  ++record_.steps;
  ++events_;
  if (trace_ != nullptr) {
    trace_->journal.append(observation, decision_, digest(state_));
    trace_->harm.push_back(harm_of(contender_.engine.policy(), state_));
  }
  obey(decision_, now, queue);
}

void Driver::obey(const Decision& decision, Instant now, EventQueue& queue) {
  if (decision.cause == Cause::observation_refused) ++record_.faults;
  if (const auto pending = router_.request(decision.exposure, now))
    queue.push({.at = pending->at,
                .number = pending->number,
                .contender = index_,
                .phase = EventPhase::actuation});
  if (decision.action != Action::hold) {
    record_.cause = decision.cause;
    if (decision.action == Action::halt) halt(decision);
    if (decision.action == Action::complete) {
      record_.outcome = Outcome::completed;
      record_.ended_at = now.time_since_epoch();
      running_ = false;
      until_ = now;
    }
  }
  if (running_ && checker_.is_endless()) expire(now);
  end_if_rollback_holds(now);
  if (running_) schedule_wake(now, queue);
}

void Driver::halt(const Decision& decision) {
  running_ = false;
  record_.outcome = Outcome::halted;
  record_.failing = decision.failing;
  record_.ended_at = decision.at.time_since_epoch();
  const std::optional<Duration>& onset = impact_.harmful_since();
  if (!record_.first_exposure_at || !onset || record_.ended_at < *onset) return;
  record_.detection_delay = record_.ended_at - std::max(*record_.first_exposure_at, *onset);
}

void Driver::end_if_rollback_holds(Instant now) {
  if (record_.outcome != Outcome::halted || until_ != kNever) return;
  if (router_.applied() != state_.target) return;
  until_ = now;
  const bool rolls_back = contender_.plan != nullptr
                              ? contender_.plan->when_halted == WhenHalted::rollback
                              : state_.target == Exposure{};
  if (rolls_back)
    checker_.check_rollback({.took = now.time_since_epoch() - record_.ended_at,
                             .at_most = longest_actuation_,
                             .exposure = router_.applied()});
}

void Driver::schedule_wake(Instant now, EventQueue& queue) {
  // An engine that asks for the past is S8's to report; it is woken all the same, a moment later.
  const Instant at = sequence_ == 0 ? now : std::max(decision_.wake_at, now + Duration(1));
  if (at == kNever || at >= wake_queued_) return;
  wake_queued_ = at;
  queue.push({.at = at, .contender = index_, .phase = EventPhase::engine});
}

// ---- one telemetry window of requests ----

Wants Driver::wants(std::span<const double> times) const noexcept {
  const double first = times.front();
  const double last = times.back();
  if (to_seconds(until_) <= first) return 0;

  bool serves = false;
  bool splits = false;
  bool mirrors = false;
  const std::span<const ExposureSegment> timeline = router_.timeline();
  for (std::size_t s = 0; s < timeline.size(); ++s) {
    const bool is_over = s + 1 < timeline.size() && timeline[s + 1].from_seconds <= first;
    if (is_over || timeline[s].from_seconds > last) continue;
    const Exposure& exposure = timeline[s].exposure;
    serves |= exposure.served > 0;
    splits |= exposure.served > 0 && exposure.served < kWholeExposure;
    mirrors |= exposure.mirrored > 0;
  }

  Wants wants = 0;
  if (running_) {
    wants |= measured_wants_[kBaselineArm];
    if (serves || mirrors) wants |= measured_wants_[kCandidateArm];
  }
  if (splits) wants |= want_bucket(bucket_);
  if (mirrors) wants |= kWantMirror | want(kCandidateArm, kCosts);
  if (serves) {
    const bool harms = last >= impact_.harmful_from_seconds();
    const Wants parts = harms ? kCosts | kRefusals | kQualities : kCosts;
    wants |= want(kBaselineArm, parts) | want(kCandidateArm, parts) | (harms ? kWantUsers : 0);
  }
  return wants;
}

void Driver::add_requests(const Columns& columns, const Split& split, const ChunkCosts& costs,
                          const std::array<std::uint64_t, kDraws>& words, Draws draws) {
  record_.requests += split.requests();
  record_.candidate_requests += split.served().size() + split.mirrored().size();
  impact_.add_requests(columns, split, costs);
  for (std::size_t i = 0; i < kDraws; ++i)
    if ((draws >> i & 1) != 0) words_[i] += words[i];
}

bool Driver::close_window(std::uint64_t k, Instant end, std::uint64_t arrival_words,
                          std::span<const Tally* const> tallies) {
  ++events_;
  arrival_words_ += arrival_words;
  impact_.add_exposure(router_.timeline(), std::min(until_, end));
  router_.roll(end);
  return running_ && probes_.close(k, tallies, decision_.measure);
}

RunRecord Driver::record() const {
  RunRecord record = record_;
  record.stage = static_cast<std::uint16_t>(state_.stage);
  record.impact = impact_.impact();
  record.violations = checker_.violations();

  Digest fingerprint;
  fingerprint.add(digest(state_));
  fingerprint.add(static_cast<std::uint64_t>(record.outcome));
  for (const std::uint64_t count :
       {events_, record.steps, record.requests, record.candidate_requests, arrival_words_})
    fingerprint.add(count);
  for (const std::uint64_t words : words_) fingerprint.add(words);
  fingerprint.add(record.impact.user_impact_minutes);
  fingerprint.add(record.impact.impacted_requests);
  fingerprint.add(record.impact.excess_cost_usd);
  record.fingerprint = fingerprint.value();
  return record;
}

}  // namespace gatewright::sim
