#include "sim/serving/served_requests.h"

#include <algorithm>
#include <cmath>

#include "sim/lane_stream.h"
#include "sim/seconds.h"
#include "sim/serving/rows.h"

namespace gatewright::sim {
namespace {

/// A rejection comes at once, which is a moment later: latencies have logarithms.
constexpr double kRejectionSeconds = 0.01;
/// While an answer grows it keeps half of its tokens, on average, besides its prompt.
constexpr double kMeanShareOfAnswer = 0.5;

constexpr std::size_t arm_of(Way way) noexcept {
  return way == Way::baseline ? kBaselineArm : kCandidateArm;
}

}  // namespace

ServedRequests::ServedRequests(const Scenario& scenario)
    : serving_(*scenario.serving),
      timeout_seconds_(scenario.baseline.latency.timeout_seconds),
      servers_{Servers{.station = Station(serving_.baseline), .pool = serving_.baseline},
               Servers{.station = Station(serving_.candidate), .pool = serving_.candidate}},
      ended_columns_(std::make_unique<Columns>()) {
  const Arm::Price& baseline = scenario.baseline.price;
  const Arm::Price& candidate = scenario.candidate_price.value_or(baseline);
  for (const std::size_t arm : {kBaselineArm, kCandidateArm}) {
    servers_[arm].prices =
        PriceTable(arm == kBaselineArm ? baseline : candidate, scenario.traffic.cached_input);
  }
}

void ServedRequests::start(RunKey key) {
  key_ = key;
  followed_ = {};
  followed_at_ = -1.0;
  for (Servers& servers : servers_) {
    servers.station.start();
    servers.use_before = {};
  }
  requests_.clear();
  first_free_ = 0;
  in_flight_ = 0;
  number_ = 0;
  ended_.clear();
  next_ = 0;
  gauges_ = {};
}

// ---- arrivals ----

void ServedRequests::enter(const Columns& columns, const Split& split,
                           std::span<const ExposureSegment> timeline, std::uint64_t chunk) {
  if (serving_.batch_noise > 0.0) {
    LaneStream baseline({key_.seed, key_.replication, "serving.noise.baseline", chunk});
    LaneStream candidate({key_.seed, key_.replication, "serving.noise.candidate", chunk});
    baseline.fill_normal(std::span(servers_[kBaselineArm].noise).first(columns.size));
    candidate.fill_normal(std::span(servers_[kCandidateArm].noise).first(columns.size));
  }
  for (const std::uint16_t place : split.places(kBaselineArm, MetricScope::all))
    enter_one(columns, place, Way::baseline);

  // Both lists are in order of arrival: so are they together.
  const Split::Places served = split.served();
  const Split::Places mirrored = split.mirrored();
  for (std::size_t s = 0, m = 0; s < served.size() || m < mirrored.size();) {
    const bool is_served = m == mirrored.size() || (s < served.size() && served[s] < mirrored[m]);
    const std::uint16_t place = is_served ? served[s++] : mirrored[m++];
    follow(timeline, columns.at_seconds[place]);
    enter_one(columns, place, is_served ? Way::served : Way::mirrored);
  }
}

void ServedRequests::enter_one(const Columns& columns, std::size_t place, Way way) {
  const std::size_t arm = arm_of(way);
  Servers& servers = servers_[arm];
  if (first_free_ == requests_.size()) {
    if (requests_.size() == pool_.size() * kChunk) pool_.push_back(std::make_unique<Columns>());
    requests_.push_back({.next_free = first_free_ + 1});
  }
  const std::uint32_t slot = first_free_;
  InFlight& request = requests_[slot];
  first_free_ = request.next_free;
  ++in_flight_;
  request.at_seconds = columns.at_seconds[place];
  request.number = ++number_;
  request.noise = servers.noise[place];
  request.way = way;

  Columns& block = block_of(slot);
  const std::size_t row = slot % kChunk;
  copy_row(columns, place, block, row);
  // Prefill that the arms' times to first token do not include belongs to unloaded answers too.
  for (const std::size_t each : {kBaselineArm, kCandidateArm}) {
    const double rate = servers_[each].pool.prefill_tokens_per_second;
    if (rate <= 0.0) continue;
    const auto prefill = block.input_tokens[row] / static_cast<float>(rate);
    block.arm[each].ttft[row] += prefill;
    block.arm[each].latency[row] += prefill;
  }
  const ArmColumns& answer = block.arm[arm];
  const auto latency = static_cast<double>(answer.latency[row]);
  const double first_token = std::min(static_cast<double>(answer.ttft[row]), latency);
  servers.station.arrive(
      {.at_seconds = request.at_seconds,
       .prefill_seconds = first_token,
       .work = latency - first_token,
       .patience_seconds = timeout_seconds_,
       .tokens = static_cast<double>(block.input_tokens[row]) +
                 kMeanShareOfAnswer * static_cast<double>(answer.output_tokens[row]),
       .tag = slot});
}

/// The candidate's replicas go with its exposure, up to `seconds`.
void ServedRequests::follow(std::span<const ExposureSegment> timeline, double seconds) {
  if (!serving_.follows_exposure) return;
  for (const ExposureSegment& segment : timeline) {
    if (segment.from_seconds <= followed_at_ || segment.from_seconds > seconds) continue;
    if (segment.exposure == followed_) continue;
    followed_ = segment.exposure;
    followed_at_ = segment.from_seconds;
    const double share = static_cast<double>(followed_.served + followed_.mirrored) /
                         static_cast<double>(kWholeExposure);
    const double replicas = std::ceil(share * static_cast<double>(serving_.baseline.replicas));
    Station& station = servers_[kCandidateArm].station;
    station.run_until(segment.from_seconds);
    station.provision({.replicas = static_cast<std::uint32_t>(std::max(1.0, replicas)),
                       .cold_start_seconds = to_seconds(serving_.cold_start)});
  }
}

// ---- ends ----

void ServedRequests::run_until(Instant end, std::span<const ExposureSegment> timeline) {
  follow(timeline, to_seconds(end));
  for (Servers& servers : servers_) servers.station.run_until(to_seconds(end));
  read_gauges();
  collect();
}

void ServedRequests::run_out() {
  for (Servers& servers : servers_) servers.station.run_out();
  collect();
}

/// Of both arms, in order of arrival: what is counted in a window does not depend on the order in
/// which it came to its end there.
void ServedRequests::collect() {
  ended_.clear();
  next_ = 0;
  for (Servers& servers : servers_) {
    for (const EndedJob& job : servers.station.ended())
      ended_.push_back({requests_[job.tag].number, job});
    servers.station.forget_ended();
  }
  // The baseline's half of a mirrored request has the lower number, but one arrival.
  std::ranges::sort(ended_, [this](const Ended& a, const Ended& b) {
    const double at = requests_[a.job.tag].at_seconds;
    const double other = requests_[b.job.tag].at_seconds;
    return at != other ? at < other : a.number < b.number;
  });
}

const Columns* ServedRequests::next_ended() {
  const std::size_t n = std::min(kChunk, ended_.size() - next_);
  if (n == 0) return nullptr;
  for (std::size_t i = 0; i < n; ++i) {
    const EndedJob& job = ended_[next_++].job;
    InFlight& request = requests_[job.tag];
    copy_row(block_of(job.tag), job.tag % kChunk, *ended_columns_, i);
    ended_at_[i] = request.at_seconds;
    ended_ways_[i] = request.way;
    load_answer(job, request, i);
    request.next_free = first_free_;
    first_free_ = job.tag;
    --in_flight_;
  }
  ended_columns_->size = n;
  ended_columns_->at_seconds = ended_at_.data();
  ended_split_.split(std::span(ended_ways_).first(n));
  return ended_columns_.get();
}

void ServedRequests::load_answer(const EndedJob& ended, const InFlight& request,
                                 std::size_t place) {
  const std::size_t arm = arm_of(request.way);
  ArmColumns& answer = ended_columns_->arm[arm];
  if (ended.end == JobEnd::answered) {
    const double latency = ended.at_seconds - request.at_seconds;
    answer.ttft[place] += static_cast<float>(ended.waited_seconds);
    answer.latency[place] = static_cast<float>(std::min(latency, timeout_seconds_));
    answer.tpot[place] = std::max(answer.latency[place] - answer.ttft[place], 0.0F) /
                         std::max(answer.output_tokens[place], 1.0F);
    answer.quality[place] = std::clamp(
        answer.quality[place] +
            request.noise * static_cast<float>(serving_.batch_noise * ended.batch_variation),
        0.0F, 1.0F);
    return;
  }
  const bool is_rejected = ended.end == JobEnd::rejected;
  if ((answer.events[place] & kError) == 0) {
    // Only the prompt is billed, as for every error.
    const float tokens = ended_columns_->input_tokens[place];
    const PromptRates rates = servers_[arm].prices.at(request.at_seconds).of(tokens);
    const float input = tokens * rates.input;
    const float whole = input + answer.output_tokens[place] * rates.output;
    if (whole > 0.0F) answer.cost[place] *= input / whole;
  }
  answer.latency[place] = static_cast<float>(is_rejected ? kRejectionSeconds : timeout_seconds_);
  answer.ttft[place] = answer.latency[place];
  answer.events[place] = is_rejected ? kError | kRejected : kError | kTimeout;
}

void ServedRequests::read_gauges() {
  for (const std::size_t arm : {kBaselineArm, kCandidateArm}) {
    Servers& servers = servers_[arm];
    const StationUse& now = servers.station.use();
    const StationUse& before = servers.use_before;
    const double busy = now.busy_slot_seconds - before.busy_slot_seconds;
    const double slots = now.slot_seconds - before.slot_seconds;
    const bool is_used = busy > 0.0 || now.waiting_seconds > before.waiting_seconds;
    gauges_[arm].reset();
    if (is_used && slots > 0.0)
      gauges_[arm] = ArmGauges{busy / slots, (now.token_seconds - before.token_seconds) /
                                                 (slots * servers.pool.tokens_per_slot)};
    servers.use_before = now;
  }
}

}  // namespace gatewright::sim
