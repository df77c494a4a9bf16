#include "sim/driver.h"

#include <algorithm>

#include "policies/digest.h"
#include "policies/probe_mark.h"
#include "sim/delay.h"
#include "sim/seconds.h"
#include "sim/telemetry/tally.h"
#include "sim/users/assignment.h"

namespace gatewright::sim {
namespace {

/// Number of an operators event: the command, and the stage that it approves, from 1; 0: any.
std::uint64_t operator_number(OperatorCommand::Kind command, std::uint64_t stage = 0) noexcept {
  return stage << 8 | static_cast<std::uint64_t>(command);
}

std::vector<Measurement> measurements_of(std::span<const Probe> probes, const Traffic& traffic) {
  std::vector<Measurement> measurements;
  measurements.reserve(probes.size());
  for (const Probe& probe : probes) {
    measurements.push_back(measurement_of(probe));
    if (!probe.segment.empty()) measurements.back().segment = segment_index(traffic, probe.segment);
  }
  return measurements;
}

std::vector<Finding> findings_of(const Policy& policy, const RolloutState& state) {
  std::vector<Finding> findings(policy.gate_names().size());
  for (std::size_t gate = 0; gate < findings.size(); ++gate)
    findings[gate] = policy.finding(state.memory, gate);
  const bool any =
      std::ranges::any_of(findings, [](Finding found) { return found != Finding::none; });
  return any ? findings : std::vector<Finding>();
}

std::vector<double> harm_of(const Policy& policy, const RolloutState& state) {
  std::vector<double> harm(policy.gate_names().size());
  for (std::size_t gate = 0; gate < harm.size(); ++gate)
    harm[gate] = policy.harm(state.memory, gate);
  return harm;
}

}  // namespace

Driver::Driver(const Contender& contender, const PreparedScenario& scenario, CheckerMemory& memory)
    : contender_(contender),
      scenario_(scenario.scenario()),
      router_(scenario.scenario().rollback),
      checker_(contender.engine.shared_policy(), contender.plan, machine_of(contender.engine),
               memory),
      effects_(scenario.effects()),
      longest_actuation_(longest_delay(delay_law(scenario.scenario().rollback))),
      assignment_wants_(wants_of(contender.assignment)),
      has_servers_(scenario.scenario().serving.has_value()),
      judging_parts_(kRefusals | (scenario.scenario().objectives.minds_quality() ? kQualities : 0)),
      measurements_(
          measurements_of(contender.engine.policy().probes(), scenario.scenario().traffic)),
      initial_state_(contender.engine.initial_state(Instant{})),
      delivery_(scenario.scenario().telemetry, contender.engine.policy().probes()) {
  for (const std::size_t arm : {kBaselineArm, kCandidateArm})
    for (const Measurement& measurement : measurements_)
      measured_wants_[arm] |= wants_of(measurement, arm);
  for (const Measurement& measurement : measurements_)
    if (measurement.metric == WorldMetric::units)
      unit_ = counted_unit(contender.assignment, scenario_.traffic.users);
}

// ---- events ----

void Driver::start(RunKey key, RunTrace* trace, EventQueue& queue) {
  router_.start(key);
  delivery_.start(key);
  checker_.start(key.replication, trace == nullptr ? Restarts::seldom : Restarts::often);
  state_ = initial_state_;
  decision_ = {};
  record_ = {};
  record_.replication = key.replication;
  trace_ = trace;
  if (recorder_ != nullptr) recorder_->start();
  if (trace_ != nullptr) *trace_ = {.journal = {}, .initial_state = initial_state_, .harm = {}};
  running_ = true;
  until_ = kNever;
  served_at_halt_ = 0;
  cold_.reset();
  approval_asked_.reset();
  sequence_ = 0;
  totals_ = {};
  decision_.wake_at = Instant{};
  wake_queued_ = kNever;
  schedule_wake(Instant{}, queue);
  for (const OperatorAction& action : scenario_.operators)
    queue.push({.at = Instant{} + action.at,
                .number = operator_number(action.command),
                .phase = EventPhase::operators});
}

void Driver::wake(Instant now, EventQueue& queue) {
  if (wake_queued_ != now) {  // an earlier wake-up has taken its place
    GATEWRIGHT_PROBE("driver: a wake-up that another one replaced");
    return;
  }
  wake_queued_ = kNever;
  if (!running_) return;
  if (decision_.wake_at > now) {
    schedule_wake(now, queue);
    return;
  }
  step(now, Tick{}, queue);
}

void Driver::actuate(std::uint64_t number, Instant now, EventQueue& queue) {
  if (until_ <= now) return;
  const Actuated actuated = router_.apply(number, now);
  const Exposure exposure = router_.applied();
  if (exposure != Exposure{} && !record_.first_exposure_at)
    record_.first_exposure_at = now.time_since_epoch();
  if (actuated.again)
    queue.push({.at = *actuated.again, .number = number, .phase = EventPhase::actuation});
  if (actuated.confirms) step(now, ExposureApplied{exposure}, queue);
  end_if_rollback_holds(now);  // also where nobody was told that it does
}

void Driver::deliver(std::span<const Report> reports, Instant now, EventQueue& queue) {
  for (const Report& report : reports)
    if (until_ > now) step(now, report.event, queue);
}

void Driver::send_reports(std::span<Report> reports, Delivery::Times times, EventQueue& queue) {
  for (const Delivery::Arrival& arrival : delivery_.send(reports, times))
    queue.push({.at = arrival.at, .number = arrival.number, .phase = EventPhase::telemetry});
}

void Driver::deliver_report(std::uint64_t number, Instant now, EventQueue& queue) {
  const Report& report = delivery_.receive(number);
  if (until_ > now) step(now, report.event, queue);
}

void Driver::operate(std::uint64_t number, Instant now, EventQueue& queue) {
  if (!running_) return;
  const std::uint64_t stage = number >> 8;
  if (stage != 0 && stage != static_cast<std::uint64_t>(state_.stage) + 1) return;
  step(now, OperatorCommand{static_cast<OperatorCommand::Kind>(number & 0xFF)}, queue);
}

void Driver::expire(Instant horizon) noexcept {
  if (!running_) return;
  GATEWRIGHT_PROBE("driver: still running at the horizon");
  running_ = false;
  until_ = horizon;
  record_.ended_at = horizon.time_since_epoch();
}

void Driver::step(Instant now, const Event& event, EventQueue& queue) {
  const Observation observation{++sequence_, now, event};
  checker_.remember(state_);
  if (recorder_ != nullptr) recorder_->remember(state_, decision_.measure);
  decision_ = contender_.engine.step(state_, observation);
  checker_.check(observation, decision_, state_);
  ++record_.steps;
  if (trace_ != nullptr) {
    trace_->journal.append(observation, decision_, digest(state_));
    trace_->harm.push_back(harm_of(contender_.engine.policy(), state_));
  }
  if (recorder_ != nullptr)
    recorder_->look(observation, decision_, state_, detection_delay_at(decision_.at));
  obey(decision_, now, queue);
}

void Driver::obey(const Decision& decision, Instant now, EventQueue& queue) {
  if (decision.cause == Cause::observation_refused) ++record_.faults;
  if (const auto pending = router_.request(decision.exposure, now))
    queue.push({.at = pending->at, .number = pending->number, .phase = EventPhase::actuation});
  if (running_ && decision.action == Action::hold && decision.cause != Cause::observation_refused)
    record_.waited_for = decision.cause;
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
  if (running_ && decision.cause == Cause::awaiting_approval) ask_for_approval(now, queue);
  if (running_ && checker_.is_endless()) expire(now);
  end_if_rollback_holds(now);
  if (running_) schedule_wake(now, queue);
}

void Driver::ask_for_approval(Instant now, EventQueue& queue) {
  if (!scenario_.approves_after || approval_asked_ == state_.stage) return;
  approval_asked_ = state_.stage;
  queue.push({.at = after(now, *scenario_.approves_after),
              .number = operator_number(OperatorCommand::Kind::approve,
                                        static_cast<std::uint64_t>(state_.stage) + 1),
              .phase = EventPhase::operators});
}

void Driver::halt(const Decision& decision) {
  running_ = false;
  served_at_halt_ = router_.applied().served;
  record_.outcome = Outcome::halted;
  record_.failing = decision.failing;
  record_.ended_at = decision.at.time_since_epoch();
  record_.detection_delay = detection_delay_at(decision.at);
}

std::optional<Duration> Driver::detection_delay_at(Instant now) const {
  const std::optional<Stretch> harm =
      effects_.next_harm({.from = Instant{}, .to = after(now, Duration(1))}, history());
  if (!record_.first_exposure_at || !harm) return std::nullopt;
  return now.time_since_epoch() -
         std::max(*record_.first_exposure_at, harm->from.time_since_epoch());
}

void Driver::end_if_rollback_holds(Instant now) {
  if (record_.outcome != Outcome::halted || until_ != kNever) return;
  if (router_.applied() != state_.target) return;
  until_ = now;
  const bool rolls_back = contender_.plan != nullptr
                              ? contender_.plan->when_halted == WhenHalted::rollback
                              : state_.target == Exposure{};
  if (!rolls_back) return;
  checker_.check_rollback({.took = now.time_since_epoch() - record_.ended_at,
                           .at_most = longest_actuation_ + router_.retried(),
                           .exposure = router_.applied()});
  if (scenario_.rollback.cold == Duration::zero() || served_at_halt_ == 0) return;
  cold_ = {to_seconds(now), served_at_halt_, scenario_.rollback.cold_factor};
  until_ = after(now, scenario_.rollback.cold);
}

void Driver::schedule_wake(Instant now, EventQueue& queue) {
  // An engine that asks for the past is S8's to report; it is woken all the same, a moment later.
  const Instant at = sequence_ == 0 ? now : std::max(decision_.wake_at, now + Duration(1));
  if (at == kNever || at >= wake_queued_) return;
  wake_queued_ = at;
  queue.push({.at = at, .phase = EventPhase::engine});
}

// ---- one telemetry window of requests ----

std::uint64_t Driver::still_since() const noexcept {
  const std::span<const ExposureSegment> history = router_.history();
  std::size_t last = history.size() - 1;
  while (last > 0 && history[last - 1].exposure == history[last].exposure) --last;
  const Duration window = scenario_.telemetry.window;
  return static_cast<std::uint64_t>((history[last].from.time_since_epoch() + window - Duration(1)) /
                                    window);
}

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
    splits |= exposure.served > 0 &&
              (exposure.served < kWholeExposure || !contender_.assignment.deny.empty());
    mirrors |= exposure.mirrored > 0 || exposure.interleaved > 0;
  }

  Wants wants = 0;
  if (running_) {
    wants |= measured_wants_[kBaselineArm];
    if (serves || mirrors) wants |= measured_wants_[kCandidateArm];
  }
  if (has_servers_) {
    // Who is answered, and for how long, decides how long others wait.
    wants |= kWantInput | want(kBaselineArm, 0);
    if (serves || mirrors) wants |= want(kCandidateArm, 0);
  }
  if (splits) wants |= assignment_wants_;
  if (splits && running_ && unit_) wants |= wants_of(*unit_, contender_.assignment);
  if (cold_) wants |= assignment_wants_ | kWantUsers | want(kBaselineArm, judging_parts_);
  if (mirrors) wants |= kWantMirror | want(kCandidateArm, kCosts);
  if (serves) {
    // What servers answer later may be harmed by then.
    const bool harms = has_servers_ || effects_.may_harm(first, last, history());
    const Wants parts = harms ? kCosts | judging_parts_ : kCosts;
    wants |= want(kBaselineArm, parts) | want(kCandidateArm, parts) |
             (harms ? kWantExposedUsers | kWantHarm : 0);
  }
  return wants;
}

RunRecord Driver::record() const {
  RunRecord record = record_;
  record.stage = static_cast<std::uint16_t>(state_.stage);
  record.requests = totals_.requests;
  record.candidate_requests = totals_.candidate_requests;
  record.impact = totals_.impact;
  record.violations = checker_.violations();
  record.findings = findings_of(contender_.engine.policy(), state_);

  Digest fingerprint;
  fingerprint.add(digest(state_));
  fingerprint.add(static_cast<std::uint64_t>(record.outcome));
  for (const std::uint64_t count : {record.steps + totals_.windows, record.steps, record.requests,
                                    record.candidate_requests, totals_.arrival_words})
    fingerprint.add(count);
  // Streams that came to the world later leave a mark only where they were opened.
  for (std::size_t i = 0; i < kDraws; ++i)
    if (i < kFirstDraws || totals_.words[i] != 0) fingerprint.add(totals_.words[i]);
  fingerprint.add(record.impact.user_impact_minutes);
  fingerprint.add(record.impact.impacted_requests);
  fingerprint.add(record.impact.excess_cost_usd);
  record.fingerprint = fingerprint.value();
  return record;
}

}  // namespace gatewright::sim
