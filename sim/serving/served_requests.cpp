#include "sim/serving/served_requests.h"

#include <algorithm>
#include <bit>
#include <cmath>

#include "policies/assert.h"
#include "sim/lane_stream.h"
#include "sim/seconds.h"
#include "sim/serving/rows.h"

namespace gatewright::sim {
namespace {

/// A rejection comes at once, which is a moment later: latencies have logarithms.
constexpr double kRejectionSeconds = 0.01;
/// While an answer grows it keeps half of its tokens, on average, besides its prompt.
constexpr double kMeanShareOfAnswer = 0.5;

/// Places of a chunk as bits of words.
constexpr std::size_t kWordBits = 64;

template <typename Words>
void set_bit(Words& words, std::size_t place) noexcept {
  words[place / kWordBits] |= std::uint64_t{1} << (place % kWordBits);
}

template <typename Words>
bool has_bit(const Words& words, std::size_t place) noexcept {
  return (words[place / kWordBits] >> (place % kWordBits) & 1U) != 0;
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
  spare_.insert(spare_.end(), blocks_.begin(), blocks_.end());
  blocks_.clear();
  in_flight_ = 0;
  ended_.clear();
  next_ = 0;
  gauges_ = {};
}

// ---- arrivals ----

std::uint32_t ServedRequests::take_block() {
  if (spare_.empty()) {
    spare_.push_back(static_cast<std::uint32_t>(pool_.size()));
    pool_.push_back(std::make_unique<Block>());
  }
  blocks_.push_back(spare_.back());
  spare_.pop_back();
  Block& block = *pool_[blocks_.back()];
  block.ended = {};
  block.mirrored = {};
  block.ended_count = block.in_flight = 0;
  return blocks_.back();
}

void ServedRequests::enter(const Columns& columns, const Split& split,
                           std::span<const ExposureSegment> timeline, std::uint64_t chunk) {
  const Split::Places baseline = split.places(kBaselineArm, MetricScope::all);
  const Split::Places served = split.served();
  const Split::Places mirrored = split.mirrored();
  if (baseline.empty() && served.empty() && mirrored.empty()) return;

  const std::uint32_t number = take_block();
  Block& block = *pool_[number];
  const std::size_t n = columns.size;
  copy_rows(columns, n, block.columns);
  std::copy_n(columns.at_seconds, n, block.at_seconds.begin());
  if (serving_.batch_noise > 0.0) {
    LaneStream of_baseline({key_.seed, key_.replication, "serving.noise.baseline", chunk});
    LaneStream of_candidate({key_.seed, key_.replication, "serving.noise.candidate", chunk});
    of_baseline.fill_normal(std::span(block.noise[kBaselineArm]).first(n));
    of_candidate.fill_normal(std::span(block.noise[kCandidateArm]).first(n));
  }
  // Prefill that the arms' times to first token do not include belongs to unloaded answers too.
  for (const std::size_t arm : {kBaselineArm, kCandidateArm}) {
    const auto rate = static_cast<float>(servers_[arm].pool.prefill_tokens_per_second);
    if (rate <= 0.0F) continue;
    ArmColumns& answers = block.columns.arm[arm];
    for (std::size_t i = 0; i < n; ++i) {
      const float prefill = block.columns.input_tokens[i] / rate;
      answers.ttft[i] += prefill;
      answers.latency[i] += prefill;
    }
  }

  for (const std::uint16_t place : baseline) enter_one(number, place, kBaselineArm);
  for (const std::uint16_t place : mirrored) set_bit(block.mirrored, place);
  // Both lists are in order of arrival: so are they together.
  for (std::size_t s = 0, m = 0; s < served.size() || m < mirrored.size();) {
    const bool is_served = m == mirrored.size() || (s < served.size() && served[s] < mirrored[m]);
    const std::uint16_t place = is_served ? served[s++] : mirrored[m++];
    follow(timeline, columns.at_seconds[place]);
    enter_one(number, place, kCandidateArm);
  }
}

void ServedRequests::enter_one(std::uint32_t number, std::size_t place, std::size_t arm) {
  Block& block = *pool_[number];
  ++block.in_flight;
  ++in_flight_;
  const ArmColumns& answer = block.columns.arm[arm];
  const auto latency = static_cast<double>(answer.latency[place]);
  const double first_token = std::min(static_cast<double>(answer.ttft[place]), latency);
  servers_[arm].station.arrive(
      {.at_seconds = block.at_seconds[place],
       .prefill_seconds = first_token,
       .work = latency - first_token,
       .patience_seconds = timeout_seconds_,
       .tokens = static_cast<double>(block.columns.input_tokens[place]) +
                 kMeanShareOfAnswer * static_cast<double>(answer.output_tokens[place]),
       .tag = static_cast<std::uint32_t>(number * kChunk + place)});
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
  GATEWRIGHT_ASSERT(next_ == ended_.size());
  ended_.clear();
  next_ = 0;
  for (const std::size_t arm : {kBaselineArm, kCandidateArm}) {
    const std::span<const EndedJob> jobs = servers_[arm].station.ended();
    for (std::size_t i = 0; i < jobs.size(); ++i) {
      Block& block = *pool_[jobs[i].tag / kChunk];
      const std::size_t place = jobs[i].tag % kChunk;
      set_bit(block.ended[arm], place);
      block.job[arm][place] = static_cast<std::uint32_t>(i);
      ++block.ended_count;
    }
  }
  for (const std::uint32_t number : blocks_)
    if (pool_[number]->ended_count > 0) collect_block(number);
}

void ServedRequests::collect_block(std::uint32_t number) {
  Block& block = *pool_[number];
  const std::size_t first = ended_.size();
  for (std::size_t word = 0; word < block.mirrored.size(); ++word) {
    std::uint64_t left = block.ended[kBaselineArm][word] | block.ended[kCandidateArm][word];
    for (; left != 0; left &= left - 1) {
      const std::size_t place = word * kWordBits + static_cast<std::size_t>(std::countr_zero(left));
      for (const std::size_t arm : {kBaselineArm, kCandidateArm}) {
        if (!has_bit(block.ended[arm], place)) continue;
        ended_.push_back({.block = number,
                          .place = static_cast<std::uint16_t>(place),
                          .arm = static_cast<std::uint16_t>(arm)});
        // Of those that arrived at one instant, the baseline's come first.
        for (std::size_t i = ended_.size() - 1;
             i > first && ended_[i - 1].arm > ended_[i].arm &&
             block.at_seconds[ended_[i - 1].place] == block.at_seconds[place];
             --i)
          std::swap(ended_[i - 1], ended_[i]);
      }
    }
  }
  block.ended = {};
  block.in_flight -= block.ended_count;
  block.ended_count = 0;
}

const Columns* ServedRequests::next_ended() {
  const std::size_t n = std::min(kChunk, ended_.size() - next_);
  if (n == 0) {
    free_blocks();
    return nullptr;
  }
  const std::span<const Ended> ended = std::span(ended_).subspan(next_, n);
  Column<std::uint16_t> places;
  for (std::size_t i = 0; i < n; ++i) places[i] = ended[i].place;
  for (std::size_t from = 0, to = 0; from < n; from = to) {
    while (to < n && ended[to].block == ended[from].block) ++to;
    gather_rows(pool_[ended[from].block]->columns, std::span(places).subspan(from, to - from),
                *ended_columns_, from);
  }
  for (std::size_t i = 0; i < n; ++i) {
    const Block& block = *pool_[ended[i].block];
    const std::size_t place = ended[i].place;
    ended_at_[i] = block.at_seconds[place];
    ended_ways_[i] = ended[i].arm == kBaselineArm     ? Way::baseline
                     : has_bit(block.mirrored, place) ? Way::mirrored
                                                      : Way::served;
    load_answer(servers_[ended[i].arm].station.ended()[block.job[ended[i].arm][place]], ended[i],
                i);
  }
  next_ += n;
  in_flight_ -= n;
  ended_columns_->size = n;
  ended_columns_->at_seconds = ended_at_.data();
  ended_split_.split(std::span(ended_ways_).first(n));
  return ended_columns_.get();
}

/// All that ended has been told.
void ServedRequests::free_blocks() {
  for (Servers& servers : servers_) servers.station.forget_ended();
  std::erase_if(blocks_, [this](std::uint32_t number) {
    if (pool_[number]->in_flight > 0) return false;
    spare_.push_back(number);
    return true;
  });
}

/// Row `i` of the ended ones.
void ServedRequests::load_answer(const EndedJob& job, const Ended& ended, std::size_t i) {
  ArmColumns& answer = ended_columns_->arm[ended.arm];
  const double arrived_at = ended_at_[i];
  if (job.end == JobEnd::answered) {
    const double latency = job.at_seconds - arrived_at;
    answer.ttft[i] += static_cast<float>(job.waited_seconds);
    answer.latency[i] = static_cast<float>(std::min(latency, timeout_seconds_));
    answer.tpot[i] = std::max(answer.latency[i] - answer.ttft[i], 0.0F) /
                     std::max(answer.output_tokens[i], 1.0F);
    if (serving_.batch_noise > 0.0) {
      const float noise = pool_[ended.block]->noise[ended.arm][ended.place];
      const auto sd = static_cast<float>(serving_.batch_noise * job.batch.variation());
      answer.quality[i] = std::clamp(answer.quality[i] + noise * sd, 0.0F, 1.0F);
    }
    return;
  }
  const bool is_rejected = job.end == JobEnd::rejected;
  if ((answer.events[i] & kError) == 0) {
    // Only the prompt is billed, as for every error.
    const float tokens = ended_columns_->input_tokens[i];
    const PromptRates rates = servers_[ended.arm].prices.at(arrived_at).of(tokens);
    const float input = tokens * rates.input;
    const float whole = input + answer.output_tokens[i] * rates.output;
    if (whole > 0.0F) answer.cost[i] *= input / whole;
  }
  answer.latency[i] = static_cast<float>(is_rejected ? kRejectionSeconds : timeout_seconds_);
  answer.ttft[i] = answer.latency[i];
  answer.events[i] = is_rejected ? kError | kRejected : kError | kTimeout;
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
