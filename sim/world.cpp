#include "sim/world.h"

#include <algorithm>
#include <bit>
#include <cmath>
#include <numeric>
#include <span>
#include <utility>

#include "policies/assert.h"
#include "sim/kernels/kernels.h"
#include "sim/seconds.h"

namespace gatewright::sim {
namespace {

/// In the order of Draw. A name is part of every world's definition: changing one changes all results.
constexpr std::array<StreamName, kDraws> kStreamNames = {
    "users",
    "assignment",
    "mirror",
    "prompt.input",
    "trace.ties",
    "baseline.output",
    "baseline.ttft",
    "baseline.quality",
    "baseline.error",
    "baseline.refusal",
    "baseline.thumbs",
    "candidate.output",
    "candidate.ttft",
    "candidate.quality",
    "candidate.error",
    "candidate.refusal",
    "candidate.thumbs",
    "prompt.flips.error",
    "prompt.flips.refusal",
    "prompt.flips.thumbs",
    "prompt.flips.quality",
    "baseline.error_kind",
    "baseline.flag",
    "baseline.collapse",
    "baseline.hang",
    "candidate.error_kind",
    "candidate.flag",
    "candidate.collapse",
    "candidate.hang",
    "candidate.agreement",
    "candidate.similarity",
};

/// Chunks of a window are numbered below this in stream keys.
constexpr std::uint64_t kChunksPerWindow = std::uint64_t{1} << 20;

constexpr std::array<Draw, kLatents> kDrawOfLatent = {Draw::input,
                                                      Draw::baseline_output,
                                                      Draw::baseline_ttft,
                                                      Draw::baseline_quality,
                                                      Draw::candidate_output,
                                                      Draw::candidate_ttft,
                                                      Draw::candidate_quality};

constexpr Draw draw_of(Latent latent) noexcept { return kDrawOfLatent[index_of(latent)]; }

/// An event's draws at both arms, and which prompts flip in it.
struct EventDraws {
  WorldMetric metric;
  Draw flips, baseline, candidate;
};
constexpr std::array<EventDraws, 3> kEventDraws = {
    {{WorldMetric::error, Draw::flips_error, Draw::baseline_error, Draw::candidate_error},
     {WorldMetric::refusal, Draw::flips_refusal, Draw::baseline_refusal, Draw::candidate_refusal},
     {WorldMetric::thumbs_down, Draw::flips_thumbs, Draw::baseline_thumbs,
      Draw::candidate_thumbs}}};

constexpr Latent output_latent(std::size_t arm) noexcept {
  return arm == kBaselineArm ? Latent::baseline_output : Latent::candidate_output;
}
constexpr Latent ttft_latent(std::size_t arm) noexcept {
  return arm == kBaselineArm ? Latent::baseline_ttft : Latent::candidate_ttft;
}
constexpr Latent quality_latent(std::size_t arm) noexcept {
  return arm == kBaselineArm ? Latent::baseline_quality : Latent::candidate_quality;
}
constexpr Draw draw_of_arm(std::size_t arm, Draw baseline, Draw candidate) noexcept {
  return arm == kBaselineArm ? baseline : candidate;
}

constexpr bool is_normal(Draw draw) noexcept {
  return draw == Draw::candidate_similarity ||
         std::ranges::find(kDrawOfLatent, draw) != kDrawOfLatent.end();
}

/// Row k becomes that of the k-th place. No place lies before its row.
template <typename T>
void to_front(Column<T>& column, World::Places places) noexcept {
  for (std::size_t k = 0; k < places.size(); ++k) column[k] = column[places[k]];
}

/// The other way round, from the last one on.
template <typename... T>
void to_places(World::Places places, Column<T>&... columns) noexcept {
  for (std::size_t k = places.size(); k-- > 0;) {
    const std::uint16_t place = places[k];
    ((columns[place] = columns[k]), ...);
  }
}

}  // namespace

World::World(const PreparedScenario& scenario)
    : scenario_(scenario),
      tables_(scenario.tables()),
      recorded_(!scenario.tables().recorded.empty()),
      sessions_(scenario.scenario().traffic.users.sessions.requests > 1.0),
      window_noise_(scenario.scenario().noise, scenario.scenario().baseline,
                    scenario.scenario().telemetry.window),
      prompt_noise_(scenario.scenario().noise),
      cursor_(scenario.tables().arrivals->cursor(scenario.tables().population)),
      segmenter_(scenario.scenario().traffic.segments, scenario.tables().population.count()) {
  const Scenario& numbers = scenario.scenario();
  for (const std::size_t arm : {kBaselineArm, kCandidateArm}) {
    const bool own_price = arm == kCandidateArm && numbers.candidate_price.has_value();
    prices_[arm] = PriceTable(own_price ? *numbers.candidate_price : numbers.baseline.price,
                              numbers.traffic.cached_input);
    if (numbers.baseline.error_bursts)
      bursts_[arm] = BurstChain(*numbers.baseline.error_bursts, arm);
  }
  for (const std::size_t arm : {kBaselineArm, kCandidateArm})
    window_laws_[arm].detector = detector(arm);
  for (std::size_t i = 0; i < kWorldMetrics; ++i)
    if (const auto metric = static_cast<WorldMetric>(i);
        can_differ(metric) && scenario_.effects().acts_on(metric))
      acted_on_.push_back(metric);
  for (std::size_t b = 0; b < draws_behind_.size(); ++b) draws_behind_[b] = find_draws_behind(b);
  columns_.user.fill(0);  // where there is only one
}

void World::start(RunKey key) {
  key_ = key;
  scrambled_world_ = scrambled_world(key.seed, key.replication);
  next_window_ = 0;
  requests_before_ = 0;
  arrivals_.clear();
  cursor_->start(key);
  segmenter_.start(key.seed, key.replication);
  deployment_noise_ =
      DeploymentNoise(scenario_.scenario().noise, scenario_.scenario().baseline, key);
  window_noise_.start(key);
  for (BurstChain& bursts : bursts_) bursts.start(key);
  for (auto& assigner : assigners_) assigner.reset();
}

void World::advance() {
  window_noise_.advance();
  disturb();
  requests_before_ += requests();
  for (BurstChain& bursts : bursts_)
    bursts.advance(to_seconds(scenario_.scenario().telemetry.window) *
                   static_cast<double>(next_window_ + 1));
  cursor_->next(scenario_.scenario().telemetry.window, arrivals_);
  GATEWRIGHT_ASSERT(chunks() <= kChunksPerWindow);
  ++next_window_;
}

std::span<const double> World::chunk_times(std::size_t chunk) const noexcept {
  const std::size_t first = chunk * kChunk;
  return std::span(arrivals_.at_seconds).subspan(first, std::min(kChunk, requests() - first));
}

/// What deployment and window do together, for the whole of the window.
void World::disturb() noexcept {
  for (const std::size_t arm : {kBaselineArm, kCandidateArm}) {
    for (std::size_t i = 0; i < kWorldMetrics; ++i) {
      const auto metric = static_cast<WorldMetric>(i);
      noise_[arm][i] =
          map_of(both(deployment_noise_.at(arm, metric), window_noise_.at(arm, metric)), metric,
                 own_rate(scenario_.scenario().baseline, metric));
      if (can_differ(metric) && !scenario_.effects().acts_on(metric))
        set(window_laws_[arm], metric, noise_[arm][i]);
    }
  }
}

Columns& World::begin(std::size_t chunk, Wants wants) {
  const std::span<const double> times = chunk_times(chunk);
  columns_.size = times.size();
  columns_.at_seconds = times.data();
  chunk_ = chunk;
  wants_ = wants | looked_at(wants);
  drawn_ = 0;
  draw(draws_behind(wants_ & kWantUnits));
  fill_units();
  return columns_;
}

void World::finish(Places exposed, const ExposureHistory& history) {
  constexpr Wants kOfExposed = wants_of_arm(kCandidateArm) | kWantExposedUsers;
  history_ = history;
  const Draws draws = draws_behind(wants_);
  const Draws of_input = draws & bit(Draw::input);
  // To pick one out costs as much as to answer four in a row. A recorded length is scored beside all
  // others.
  const bool picks = 4 * exposed.size() < columns_.size && !recorded_;
  draw(picks ? draws_behind(wants_ & ~kOfExposed) | of_input : draws);
  if (recorded_ || of_input != 0) fill_input();
  if (scenario_.effects().has_conditions()) scenario_.effects().find_conditions(columns_, holding_);
  if ((wants_ & kWantHarm) != 0) fill_harm();
  if (picks) {
    answer_arm(kBaselineArm);
    answer_some(exposed);
    return;
  }
  tie_runs(draws);
  answer_arm(kBaselineArm);
  answer_arm(kCandidateArm);
}

void World::finish_all(const ExposureHistory& history) {
  Column<std::uint16_t> all;
  std::iota(all.begin(), all.end(), std::uint16_t{0});
  finish(std::span(all).first(columns_.size), history);
}

Columns& World::fill(std::size_t chunk, Wants wants, const ExposureHistory& history) {
  Columns& columns = begin(chunk, wants);
  finish_all(history);
  return columns;
}

void World::answer_arm(std::size_t arm) {
  const Wants parts = (wants_ & wants_of_arm(arm)) >> (kFirstArmBit + kArmBits * arm);
  if ((parts & kAnswers) == 0) return;
  fill_lengths(arm);
  fill_answers(arm, parts);
}

/// As if these requests were all: their draws, times and prompts move to the front of the columns, and
/// from there the answers to their places.
void World::answer_some(Places places) {
  const Wants wants = wants_ & wants_of_arm(kCandidateArm);
  const Draws draws = draws_behind(wants);
  for (Draws left = draws & drawn_; left != 0; left &= left - 1) {
    const auto i = static_cast<std::size_t>(std::countr_zero(left));
    if (is_normal(static_cast<Draw>(i)))
      to_front(normals_[i], places);
    else
      to_front(uniforms_[i], places);
  }
  draw(draws_behind(wants_), places);
  if (wants == 0 || places.empty()) return;

  const std::size_t size = std::exchange(columns_.size, places.size());
  const double* times = columns_.at_seconds;
  Column<double> own_times;
  for (std::size_t k = 0; k < places.size(); ++k) own_times[k] = times[places[k]];
  columns_.at_seconds = own_times.data();
  Column<float> input_tokens;  // of the rows that are written over
  std::copy_n(columns_.input_tokens.begin(), places.size(), input_tokens.begin());
  to_front(columns_.input_tokens, places);
  if (scenario_.effects().has_conditions()) to_front(holding_, places);

  tie_runs(draws);
  answer_arm(kCandidateArm);

  columns_.size = size;
  columns_.at_seconds = times;
  std::copy_n(input_tokens.begin(), places.size(), columns_.input_tokens.begin());
  ArmColumns& answers = columns_.arm[kCandidateArm];
  const auto wanted = [wants](Wants part) {
    return (wants >> (kFirstArmBit + kArmBits * kCandidateArm) & part) != 0;
  };
  to_places(places, answers.output_tokens, answers.ttft, answers.latency, answers.events);
  if (wanted(kTpots)) to_places(places, answers.tpot);
  if (wanted(kCosts)) to_places(places, answers.cost);
  if (wanted(kQualities)) to_places(places, answers.quality);
  if (wanted(kAgreements)) to_places(places, answers.agreement);
  if (wanted(kSimilarities)) to_places(places, answers.similarity);
}

// ---- which streams ----

Wants World::looked_at(Wants wants) const noexcept {
  constexpr Wants kFelt =
      want(kBaselineArm, kAnswers) | want(kCandidateArm, kAnswers) | kWantHarm | kWantInput;
  if ((wants & kFelt) == 0) return 0;
  const EffectTable::LooksAt& looks_at = scenario_.effects().looks_at();
  return (looks_at.segment ? kWantSegment : 0) | (looks_at.tenant ? kWantTenant : 0) |
         (looks_at.input_tokens ? kWantInput : 0);
}

Draws World::draws_behind(Wants wants) const noexcept {
  wants |= looked_at(wants);
  Draws draws = 0;
  for (; wants != 0; wants &= wants - 1)
    draws |= draws_behind_[static_cast<std::size_t>(std::countr_zero(wants))];
  return draws;
}

/// A latent's own draws and those of the latents it is mixed with.
Draws World::latent_draws(Latent latent) const noexcept {
  Draws draws = 0;
  const auto& weights = tables_.mixing.weights[index_of(latent)];
  for (std::size_t i = 0; i <= index_of(latent); ++i) {
    if (weights[i] == 0.0) continue;
    const auto other = static_cast<Latent>(i);
    const bool scored = recorded_ && other == Latent::baseline_output;
    draws |= bit(scored ? Draw::ties : draw_of(other));
  }
  return draws;
}

/// What an event of an arm is decided by.
Draws World::event_draws(std::size_t arm, WorldMetric metric) const noexcept {
  const auto event = std::ranges::find(kEventDraws, metric, &EventDraws::metric);
  return flip_draws(arm, metric) | bit(draw_of_arm(arm, event->baseline, event->candidate));
}

/// Where prompts flip, the candidate's outcome goes by the baseline's.
Draws World::flip_draws(std::size_t arm, WorldMetric metric) const noexcept {
  if (arm == kBaselineArm || !prompt_noise_.flipping(metric)) return 0;
  if (metric == WorldMetric::quality) return bit(Draw::flips_quality) | bit(Draw::baseline_quality);
  for (const EventDraws& event : kEventDraws)
    if (event.metric == metric) return bit(event.flips) | bit(event.baseline);
  return 0;
}

bool World::is_stirred(WorldMetric metric) const noexcept {
  const Scenario& scenario = scenario_.scenario();
  const std::string name(to_string(metric));
  return std::ranges::any_of(scenario.effects,
                             [&name](const Effect& effect) { return effect.metric == name; }) ||
         scenario.noise.deployment.contains(name) || scenario.noise.window.contains(name);
}

const Arm::Detector& World::detector(std::size_t arm) const noexcept {
  const Scenario& scenario = scenario_.scenario();
  return arm == kCandidateArm && scenario.candidate_refusal_detector
             ? *scenario.candidate_refusal_detector
             : scenario.baseline.refusal_detector;
}

Draws World::find_draws_behind(std::size_t want_bit) const noexcept {
  const Wants want = Wants{1} << want_bit;
  const Draws input = recorded_ ? 0 : latent_draws(Latent::input);
  const Draws users = sessions_ || tables_.population.count() == 1 ? 0 : bit(Draw::users);
  if (want == kWantUsers || want == kWantExposedUsers) return users;
  if (want == kWantMirror) return bit(Draw::mirror);
  if (want == kWantInput) return input;
  if (want == want_bucket(kRequestBuckets)) return bit(Draw::assignment);
  if ((want & (kWantBuckets | kWantUserTraits)) != 0) return users;
  if (want_bit < kFirstArmBit || want_bit >= kFirstArmBit + 2 * kArmBits) return 0;

  const std::size_t arm = (want_bit - kFirstArmBit) / kArmBits;
  const Arm& numbers = scenario_.scenario().baseline;
  switch (Wants{1} << ((want_bit - kFirstArmBit) % kArmBits)) {
    case kAnswers: {
      const bool given = recorded_ && arm == kBaselineArm;  // lengths stand in the trace
      const bool ttft_varies = numbers.latency.ttft.sigma > 0.0;
      const bool collapses =
          numbers.collapse.probability > 0.0 || is_stirred(WorldMetric::length_collapse);
      const bool hangs = numbers.hang.probability > 0.0 || is_stirred(WorldMetric::hang);
      const bool fails = numbers.error_probability > 0.0 || numbers.error_bursts.has_value() ||
                         is_stirred(WorldMetric::error);
      return (fails ? event_draws(arm, WorldMetric::error) : 0) |
             (given ? 0 : latent_draws(output_latent(arm))) |
             (ttft_varies ? latent_draws(ttft_latent(arm)) : 0) |
             (collapses ? bit(draw_of_arm(arm, Draw::baseline_collapse, Draw::candidate_collapse))
                        : 0) |
             (hangs ? bit(draw_of_arm(arm, Draw::baseline_hang, Draw::candidate_hang)) : 0);
    }
    case kCosts:
      return input;
    case kRefusals:
      return (numbers.refusal_probability > 0.0 || is_stirred(WorldMetric::refusal)
                  ? event_draws(arm, WorldMetric::refusal)
                  : 0) |
             (is_perfect(detector(arm))
                  ? 0
                  : bit(draw_of_arm(arm, Draw::baseline_flag, Draw::candidate_flag)));
    case kErrorKinds:
      return numbers.rate_limited_share == 0.0
                 ? 0
                 : bit(draw_of_arm(arm, Draw::baseline_error_kind, Draw::candidate_error_kind));
    case kAgreements:
      return bit(Draw::candidate_agreement);
    case kSimilarities:
      return bit(Draw::candidate_similarity);
    case kThumbs:
      return event_draws(arm, WorldMetric::thumbs_down);
    case kQualities:
      return flip_draws(arm, WorldMetric::quality) | latent_draws(quality_latent(arm));
    default:
      return 0;
  }
}

// ---- draws ----

template <typename Fill>
void World::open_streams(Draws draws, Fill fill) {
  const std::uint64_t index = (next_window_ - 1) * kChunksPerWindow + chunk_;
  draws &= ~drawn_;
  drawn_ |= draws;
  std::array<std::uint64_t, kDraws> names;
  std::array<LaneState, kDraws> states;
  std::size_t count = 0;
  for (Draws left = draws; left != 0; left &= left - 1)
    names[count++] = kStreamNames[static_cast<std::size_t>(std::countr_zero(left))].hash();
  kernels().open({scrambled_world_, index}, names.data(), states.data(), count);
  for (const LaneState* state = states.data(); draws != 0; draws &= draws - 1, ++state) {
    const auto i = static_cast<std::size_t>(std::countr_zero(draws));
    LaneStream stream(*state);
    fill(static_cast<Draw>(i), stream);
    words_[i] = stream.draws();
  }
}

void World::draw(Draws draws) {
  open_streams(draws, [this, n = columns_.size](Draw draw, LaneStream& stream) {
    if (draw == Draw::users)
      draw_all_users(stream);
    else if (is_normal(draw))
      stream.fill_normal(std::span(normals_[index_of(draw)]).first(n));
    else
      stream.fill_words(std::span(uniforms_[index_of(draw)]).first(n));
  });
}

void World::draw(Draws draws, Places places) {
  open_streams(draws, [this, places, n = columns_.size](Draw draw, LaneStream& stream) {
    if (draw == Draw::users)
      draw_users(stream, places);
    else if (is_normal(draw))
      stream.normals_at(places, n, normals_[index_of(draw)].data());
    else
      stream.words_at(places, n, uniforms_[index_of(draw)].data());
  });
}

void World::draw_users(LaneStream& stream, Places places) {
  std::array<std::uint64_t, kChunk> words;
  stream.long_words_at(places, columns_.size, words.data());
  const Population& population = tables_.population;
  const std::uint32_t* tenant =
      arrivals_.tenant.empty() ? nullptr : arrivals_.tenant.data() + chunk_ * kChunk;
  for (std::size_t i = 0; i < places.size(); ++i) {
    const std::uint16_t place = places[i];
    columns_.user[place] = tenant == nullptr ? population.user(words[i])
                                             : population.user_within(tenant[place], words[i]);
  }
}

void World::draw_all_users(LaneStream& stream) {
  const std::size_t n = columns_.size;
  const Population& population = tables_.population;
  if (arrivals_.tenant.empty()) {
    population.fill(stream, std::span(columns_.user).first(n));
    return;
  }
  population.fill_within(stream, std::span(arrivals_.tenant).subspan(chunk_ * kChunk, n),
                         std::span(columns_.user).first(n));
}

/// The candidate's words become a second run of the prompts that the baseline's were the first of.
void World::tie_runs(Draws draws) noexcept {
  for (const EventDraws& event : kEventDraws) {
    if ((draws & bit(event.flips)) == 0) continue;
    const Word flipping = bound_of(*prompt_noise_.flipping(event.metric));
    const Column<Word>& flips = uniforms_[index_of(event.flips)];
    const Column<Word>& first = uniforms_[index_of(event.baseline)];
    Column<Word>& second = uniforms_[index_of(event.candidate)];
    for (std::size_t i = 0; i < columns_.size; ++i)
      second[i] = flips[i] < flipping
                      ? word_of(second_run(uniform_of(first[i]), uniform_of(second[i])))
                      : first[i];
  }
}

const float* World::mixed(Latent latent, Column<float>& room) const noexcept {
  const std::size_t own = index_of(latent);
  const auto& weights = tables_.mixing.weights[own];
  const Column<float>& fresh = normals_[index_of(draw_of(latent))];
  if (weights[own] == 1.0) return fresh.data();
  std::array<Term, kLatents> terms{Term{fresh.data(), static_cast<float>(weights[own])}};
  std::size_t count = 1;
  for (std::size_t other = 0; other < own; ++other)
    if (weights[other] != 0.0)
      terms[count++] = {normals_[index_of(kDrawOfLatent[other])].data(),
                        static_cast<float>(weights[other])};
  kernels().mix(terms.data(), count, room.data(), columns_.size);
  return room.data();
}

const float* World::quality_normals(std::size_t arm, Column<float>& room) const noexcept {
  const float* z = mixed(quality_latent(arm), room);
  const std::optional<double>& share = prompt_noise_.flipping(WorldMetric::quality);
  if (arm == kBaselineArm || !share) return z;
  const Word flipping = bound_of(*share);
  const Column<Word>& flips = uniforms_[index_of(Draw::flips_quality)];
  const Column<float>& baseline = normals_[index_of(Draw::baseline_quality)];
  for (std::size_t i = 0; i < columns_.size; ++i)
    room[i] = flips[i] < flipping ? z[i] : baseline[i];
  return room.data();
}

// ---- columns ----

void World::fill_units() {
  const std::size_t n = columns_.size;
  const Wants wants = wants_;
  if ((wants & kWantMirror) != 0)
    std::copy_n(uniforms_[index_of(Draw::mirror)].begin(), n, columns_.mirror.begin());
  if (sessions_)
    std::copy_n(arrivals_.user.begin() + static_cast<std::ptrdiff_t>(chunk_ * kChunk), n,
                columns_.user.begin());
  if ((wants & kWantTenant) != 0)
    for (std::size_t i = 0; i < n; ++i)
      columns_.tenant[i] = tables_.population.tenant_of(columns_.user[i]);
  if ((wants & kWantSegment) != 0)
    segmenter_.fill(std::span(columns_.user).first(n), columns_.segment.data());
  if ((wants & kWantSession) != 0 && sessions_) {
    std::copy_n(arrivals_.session.begin() + static_cast<std::ptrdiff_t>(chunk_ * kChunk), n,
                columns_.session.begin());
  } else if ((wants & kWantSession) != 0) {
    const std::uint64_t first = requests_before_ + chunk_ * kChunk;  // each request is a session
    for (std::size_t i = 0; i < n; ++i) columns_.session[i] = static_cast<std::uint32_t>(first + i);
  }
  if ((wants & want_bucket(kRequestBuckets)) != 0) {
    kernels().scaled(uniforms_[index_of(Draw::assignment)].data(), kWholeExposure,
                     columns_.bucket[kRequestBuckets].data(), n);
  }
  for (std::size_t hash = 0; hash < kRequestBuckets; ++hash) {
    if ((wants & want_bucket(hash)) == 0) continue;
    std::optional<Assigner>& assigner = assigners_[hash];
    if (!assigner)
      assigner.emplace(Assignment{AssignmentUnit::user, static_cast<AssignmentHash>(hash)},
                       tables_.population.count(), key_.seed, key_.replication);
    assigner->fill(std::span(columns_.user).first(n), columns_.bucket[hash].data());
  }
}

void World::fill_input() {
  const std::size_t n = columns_.size;
  if (recorded_) {
    std::copy_n(arrivals_.input_tokens.begin() + static_cast<std::ptrdiff_t>(chunk_ * kChunk), n,
                columns_.input_tokens.begin());
  } else {
    tables_.input_tokens.fill(std::span(normals_[index_of(Draw::input)]).first(n),
                              columns_.input_tokens.data());
  }
  if (scenario_.effects().acts_on(WorldMetric::input_tokens)) change_input();
}

void World::fill_lengths(std::size_t arm) {
  const std::size_t n = columns_.size;
  Column<float>& lengths = columns_.arm[arm].output_tokens;
  if (!recorded_) {
    const float* z = mixed(output_latent(arm), room_[0]);
    tables_.output_tokens.fill(std::span(z, n), lengths.data());
    return;
  }
  const float* recorded = arrivals_.output_tokens.data() + chunk_ * kChunk;
  if (arm == kBaselineArm) {
    std::copy_n(recorded, n, lengths.begin());
    return;
  }
  // The recorded length's normal score stands where the baseline's own draw would.
  Column<float>& score = normals_[index_of(Draw::baseline_output)];
  const Column<Word>& tie = uniforms_[index_of(Draw::ties)];
  for (std::size_t i = 0; i < n; ++i)
    score[i] = tables_.recorded.score(recorded[i], uniform_of(tie[i]));
  const float* z = mixed(Latent::candidate_output, room_[0]);
  for (std::size_t i = 0; i < n; ++i) lengths[i] = tables_.recorded.at(z[i]);
}

/// Both arms are asked the same prompts, so either arm's effects speak for both.
void World::change_input() {
  const EffectTable& effects = scenario_.effects();
  if (effects.has_conditions()) effects.find_conditions(columns_, holding_);
  effects.fill(kBaselineArm, WorldMetric::input_tokens, effect_rows(), history_, maps_);
  for (std::size_t i = 0; i < columns_.size; ++i) {
    const Affine map = maps_[i];
    if (map.is_identity()) continue;
    const double changed = map(static_cast<double>(columns_.input_tokens[i]));
    columns_.input_tokens[i] = static_cast<float>(std::max(1.0, std::nearbyint(changed)));
  }
}

void World::fill_harm() noexcept {
  const double first = columns_.at_seconds[0];
  if (scenario_.effects().harms_alike(first, columns_.at_seconds[columns_.size - 1], history_)) {
    const bool harmed = scenario_.effects().harms(first, holding_[0], history_);
    std::fill_n(columns_.harmed.begin(), columns_.size, std::uint8_t{harmed});
    return;
  }
  scenario_.effects().fill_harms(effect_rows(), history_, columns_.harmed.data());
}

void World::set(ArmLaw& law, WorldMetric metric, const Affine& map) const noexcept {
  if (is_paired(metric))
    law.set(metric, scenario_.scenario().same_prompt, map);
  else
    law.set(metric, scenario_.scenario().baseline, map);
}

void World::set(ArmLaw& law, std::size_t arm, WorldMetric metric) noexcept {
  const Scenario& numbers = scenario_.scenario();
  const EffectTable& effects = scenario_.effects();
  const EffectRows rows = effect_rows();
  const double first = rows.at_seconds.front();
  const Affine noise = noise_[arm][index_of(metric)];
  if (effects.is_alike(arm, metric, first, rows.at_seconds.back(), history_)) {
    set(law, metric, then(noise, effects.at(arm, metric, first, holding_[0], history_)));
    return;
  }
  effects.fill(arm, metric, rows, history_, maps_);
  const LawColumns::Maps maps{noise, maps_, rows.at_seconds.size()};
  if (is_paired(metric))
    law_columns_->set(metric, numbers.same_prompt, maps, law.rows);
  else
    law_columns_->set(metric, numbers.baseline, maps, law.rows);
}

void World::fill_answers(std::size_t arm, Wants parts) {
  const std::size_t n = columns_.size;
  const auto words = [this, arm](Draw baseline, Draw candidate) {
    return uniforms_[index_of(draw_of_arm(arm, baseline, candidate))].data();
  };
  const Arm& numbers = scenario_.scenario().baseline;
  const bool quality = (parts & kQualities) != 0;
  const bool ttft_varies = numbers.latency.ttft.sigma > 0.0;
  const ArmDraws draws{.ttft = ttft_varies ? mixed(ttft_latent(arm), room_[0]) : nullptr,
                       .quality = quality ? quality_normals(arm, room_[1]) : nullptr,
                       .error = words(Draw::baseline_error, Draw::candidate_error),
                       .refusal = words(Draw::baseline_refusal, Draw::candidate_refusal),
                       .thumbs = words(Draw::baseline_thumbs, Draw::candidate_thumbs),
                       .error_kind = words(Draw::baseline_error_kind, Draw::candidate_error_kind),
                       .flag = words(Draw::baseline_flag, Draw::candidate_flag),
                       .collapse = words(Draw::baseline_collapse, Draw::candidate_collapse),
                       .hang = words(Draw::baseline_hang, Draw::candidate_hang),
                       .agreement = uniforms_[index_of(Draw::candidate_agreement)].data(),
                       .similarity = normals_[index_of(Draw::candidate_similarity)].data(),
                       .in_burst = numbers.error_bursts ? in_burst_.data() : nullptr};
  if (numbers.error_bursts)
    bursts_[arm].fill(std::span(columns_.at_seconds, n), std::span(in_burst_.data(), n));
  const AnswerParts answer_parts{.tpot = (parts & kTpots) != 0,
                                 .cost = (parts & kCosts) != 0,
                                 .refusal = (parts & kRefusals) != 0,
                                 .thumbs = (parts & kThumbs) != 0,
                                 .quality = quality,
                                 .error_kind = (parts & kErrorKinds) != 0,
                                 .agreement = (parts & kAgreements) != 0,
                                 .similarity = (parts & kSimilarities) != 0};

  ArmLaw law = window_laws_[arm];
  for (const WorldMetric metric : acted_on_)
    if (shows(metric, answer_parts)) set(law, arm, metric);
  // In as many pieces as there are prices.
  const double* const at_seconds = columns_.at_seconds;
  for (Span span; span.end < n;) {
    span.begin = span.end;
    law.prices = &prices_[arm].at(at_seconds[span.begin]);
    const double until = prices_[arm].until(at_seconds[span.begin]);
    span.end = static_cast<std::size_t>(
        std::lower_bound(at_seconds + span.begin, at_seconds + n, until) - at_seconds);
    answer(numbers, law, draws, columns_.input_tokens.data(), answer_parts, span,
           columns_.arm[arm]);
  }
}

}  // namespace gatewright::sim
