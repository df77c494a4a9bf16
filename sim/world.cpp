#include "sim/world.h"

#include <algorithm>
#include <bit>
#include <cmath>
#include <span>

#include "policies/assert.h"
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
  for (std::size_t b = 0; b < draws_behind_.size(); ++b) draws_behind_[b] = find_draws_behind(b);
}

void World::start(RunKey key) {
  key_ = key;
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
    }
  }
}

Columns& World::fill(std::size_t chunk, Wants wants, const ExposureHistory& history) {
  const std::span<const double> times = chunk_times(chunk);
  columns_.size = times.size();
  columns_.at_seconds = times.data();
  history_ = history;
  wants |= looked_at(wants);
  const Draws draws = draws_behind(wants);
  open_streams(draws, chunk);
  tie_runs(draws);
  fill_units(wants, chunk);
  if (recorded_ || (draws & bit(Draw::input)) != 0) fill_input(chunk);
  if (scenario_.effects().has_conditions()) scenario_.effects().find_conditions(columns_, holding_);
  if ((wants & kWantHarm) != 0) fill_harm();
  for (const std::size_t arm : {kBaselineArm, kCandidateArm}) {
    const Wants parts = (wants >> (kFirstArmBit + kArmBits * arm)) & ((Wants{1} << kArmBits) - 1);
    if ((parts & kAnswers) == 0) continue;
    fill_lengths(arm, chunk);
    fill_answers(arm, parts);
  }
  return columns_;
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
  const Draws users = sessions_ ? 0 : bit(Draw::users);
  if (want == kWantUsers) return users;
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
      return flip_draws(arm, WorldMetric::error) | (given ? 0 : latent_draws(output_latent(arm))) |
             (ttft_varies ? latent_draws(ttft_latent(arm)) : 0) |
             bit(draw_of_arm(arm, Draw::baseline_error, Draw::candidate_error)) |
             (collapses ? bit(draw_of_arm(arm, Draw::baseline_collapse, Draw::candidate_collapse))
                        : 0) |
             (hangs ? bit(draw_of_arm(arm, Draw::baseline_hang, Draw::candidate_hang)) : 0);
    }
    case kCosts:
      return input;
    case kRefusals:
      return flip_draws(arm, WorldMetric::refusal) |
             bit(draw_of_arm(arm, Draw::baseline_refusal, Draw::candidate_refusal)) |
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
      return flip_draws(arm, WorldMetric::thumbs_down) |
             bit(draw_of_arm(arm, Draw::baseline_thumbs, Draw::candidate_thumbs));
    case kQualities:
      return flip_draws(arm, WorldMetric::quality) | latent_draws(quality_latent(arm));
    default:
      return 0;
  }
}

// ---- draws ----

void World::open_streams(Draws draws, std::size_t chunk) {
  const std::uint64_t index = (next_window_ - 1) * kChunksPerWindow + chunk;
  for (; draws != 0; draws &= draws - 1) {
    const auto i = static_cast<std::size_t>(std::countr_zero(draws));
    LaneStream stream({key_.seed, key_.replication, kStreamNames[i], index});
    draw(static_cast<Draw>(i), stream, chunk);
    words_[i] = stream.draws();
  }
}

void World::draw(Draw draw, LaneStream& stream, std::size_t chunk) {
  const std::size_t n = columns_.size;
  if (draw == Draw::users)
    draw_users(stream, chunk);
  else if (is_normal(draw))
    stream.fill_normal(std::span(normals_[index_of(draw)]).first(n));
  else
    stream.fill_words(std::span(uniforms_[index_of(draw)]).first(n));
}

void World::draw_users(LaneStream& stream, std::size_t chunk) {
  const std::size_t n = columns_.size;
  const Population& population = tables_.population;
  if (arrivals_.tenant.empty()) {
    population.fill(stream, std::span(columns_.user).first(n));
    return;
  }
  std::array<std::uint64_t, kChunk> words;
  stream.fill_long_words(std::span(words).first(n));
  const std::uint32_t* tenant = arrivals_.tenant.data() + chunk * kChunk;
  for (std::size_t i = 0; i < n; ++i)
    columns_.user[i] = population.user_within(tenant[i], words[i]);
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
  const std::size_t n = columns_.size;
  const auto own_weight = static_cast<float>(weights[own]);
  for (std::size_t i = 0; i < n; ++i) room[i] = own_weight * fresh[i];
  for (std::size_t other = 0; other < own; ++other) {
    if (weights[other] == 0.0) continue;
    const auto weight = static_cast<float>(weights[other]);
    const Column<float>& column = normals_[index_of(kDrawOfLatent[other])];
    for (std::size_t i = 0; i < n; ++i) room[i] += weight * column[i];
  }
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

void World::fill_units(Wants wants, std::size_t chunk) {
  const std::size_t n = columns_.size;
  if ((wants & kWantMirror) != 0)
    std::copy_n(uniforms_[index_of(Draw::mirror)].begin(), n, columns_.mirror.begin());
  if (sessions_)
    std::copy_n(arrivals_.user.begin() + static_cast<std::ptrdiff_t>(chunk * kChunk), n,
                columns_.user.begin());
  if ((wants & kWantTenant) != 0)
    for (std::size_t i = 0; i < n; ++i)
      columns_.tenant[i] = tables_.population.tenant_of(columns_.user[i]);
  if ((wants & kWantSegment) != 0)
    for (std::size_t i = 0; i < n; ++i)
      columns_.segment[i] = segmenter_.segment_of(columns_.user[i]);
  if ((wants & kWantSession) != 0 && sessions_) {
    std::copy_n(arrivals_.session.begin() + static_cast<std::ptrdiff_t>(chunk * kChunk), n,
                columns_.session.begin());
  } else if ((wants & kWantSession) != 0) {
    const std::uint64_t first = requests_before_ + chunk * kChunk;  // each request is a session
    for (std::size_t i = 0; i < n; ++i) columns_.session[i] = static_cast<std::uint32_t>(first + i);
  }
  if ((wants & want_bucket(kRequestBuckets)) != 0) {
    const Column<Word>& words = uniforms_[index_of(Draw::assignment)];
    Column<std::uint16_t>& bucket = columns_.bucket[kRequestBuckets];
    for (std::size_t i = 0; i < n; ++i)
      bucket[i] = static_cast<std::uint16_t>(std::uint64_t{words[i]} * kWholeExposure / kWords);
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

void World::fill_input(std::size_t chunk) {
  const std::size_t n = columns_.size;
  if (recorded_) {
    std::copy_n(arrivals_.input_tokens.begin() + static_cast<std::ptrdiff_t>(chunk * kChunk), n,
                columns_.input_tokens.begin());
  } else {
    tables_.input_tokens.fill(std::span(normals_[index_of(Draw::input)]).first(n),
                              columns_.input_tokens.data());
  }
  if (scenario_.effects().acts_on(WorldMetric::input_tokens)) change_input();
}

void World::fill_lengths(std::size_t arm, std::size_t chunk) {
  const std::size_t n = columns_.size;
  Column<float>& lengths = columns_.arm[arm].output_tokens;
  if (!recorded_) {
    const float* z = mixed(output_latent(arm), room_[0]);
    tables_.output_tokens.fill(std::span(z, n), lengths.data());
    return;
  }
  const float* recorded = arrivals_.output_tokens.data() + chunk * kChunk;
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
  for (std::size_t i = 0; i < columns_.size; ++i) {
    const Affine map = effects.at(kBaselineArm, WorldMetric::input_tokens, columns_.at_seconds[i],
                                  holding_[i], history_);
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
  for (std::size_t i = 0; i < columns_.size; ++i)
    columns_.harmed[i] = static_cast<std::uint8_t>(
        scenario_.effects().harms(columns_.at_seconds[i], holding_[i], history_));
}

void World::set(ArmLaw& law, std::size_t arm, WorldMetric metric,
                std::size_t request) const noexcept {
  const Affine effect = scenario_.effects().at(arm, metric, columns_.at_seconds[request],
                                               holding_[request], history_);
  const Affine map = then(noise_[arm][index_of(metric)], effect);
  const Scenario& numbers = scenario_.scenario();
  if (is_paired(metric))
    law.set(metric, numbers.same_prompt, map);
  else
    law.set(metric, numbers.baseline, map);
}

ArmLaw World::law_at(std::size_t arm, std::size_t request) const noexcept {
  ArmLaw law;
  law.detector = detector(arm);
  law.prices = &prices_[arm].at(columns_.at_seconds[request]);
  for (std::size_t i = 0; i < kWorldMetrics; ++i)
    if (const auto metric = static_cast<WorldMetric>(i); can_differ(metric))
      set(law, arm, metric, request);
  return law;
}

void World::fill_answers(std::size_t arm, Wants parts) {
  const std::size_t n = columns_.size;
  const double first = columns_.at_seconds[0];
  const double last = columns_.at_seconds[n - 1];
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

  const bool price_changes =
      &prices_[arm].at(columns_.at_seconds[0]) != &prices_[arm].at(columns_.at_seconds[n - 1]);
  std::array<WorldMetric, kWorldMetrics> varying{};
  std::size_t varying_count = 0;
  for (std::size_t i = 0; i < kWorldMetrics; ++i) {
    const auto metric = static_cast<WorldMetric>(i);
    if (can_differ(metric) && !scenario_.effects().is_constant(arm, metric, first, last, history_))
      varying[varying_count++] = metric;
  }
  const float* input = columns_.input_tokens.data();
  ArmColumns& out = columns_.arm[arm];
  laws_.clear();
  const std::size_t with_conditions = scenario_.effects().has_conditions() ? n : 1;
  for (std::size_t i = 0; i < with_conditions; ++i)
    if ((i == 0 || holding_[i] != holding_[i - 1]) &&
        std::ranges::find(laws_, holding_[i], &LawOfSome::holding) == laws_.end())
      laws_.push_back({holding_[i], law_at(arm, i)});
  if (varying_count == 0 && !price_changes) {
    if (laws_.size() == 1) {
      answer(numbers, laws_.front().law, draws, input, answer_parts, {0, n}, out);
      return;
    }
    // Whole columns for each law cost less than requests in small groups.
    ArmColumns& drawn = *of_one_law_;
    const Column<float> lengths = out.output_tokens;
    for (const LawOfSome& some : laws_) {
      drawn.output_tokens = lengths;
      answer(numbers, some.law, draws, input, answer_parts, {0, n}, drawn);
      take_rows(drawn, some.holding, answer_parts, out);
    }
    return;
  }
  // An effect begins, grows or ends, or a price changes within this chunk: the law is each request's
  // own.
  for (std::size_t i = 0; i < n; ++i) {
    ArmLaw& law = std::ranges::find(laws_, holding_[i], &LawOfSome::holding)->law;
    for (std::size_t v = 0; v < varying_count; ++v) set(law, arm, varying[v], i);
    law.prices = &prices_[arm].at(columns_.at_seconds[i]);
    answer(numbers, law, draws, input, answer_parts, {i, i + 1}, out);
  }
}

/// Copies the filled columns of the requests for which just these conditions hold.
void World::take_rows(const ArmColumns& from, Conditions holding, const AnswerParts& parts,
                      ArmColumns& to) const noexcept {
  // A list of places first: nobody can foresee which requests they are.
  Column<std::uint16_t> places;
  std::size_t count = 0;
  for (std::size_t i = 0; i < columns_.size; ++i) {
    places[count] = static_cast<std::uint16_t>(i);
    count += holding_[i] == holding ? 1U : 0U;
  }
  const auto take = [&](const auto& source, auto& target) {
    for (std::size_t k = 0; k < count; ++k) target[places[k]] = source[places[k]];
  };
  take(from.output_tokens, to.output_tokens);
  take(from.ttft, to.ttft);
  take(from.latency, to.latency);
  take(from.events, to.events);
  if (parts.tpot) take(from.tpot, to.tpot);
  if (parts.cost) take(from.cost, to.cost);
  if (parts.quality) take(from.quality, to.quality);
  if (parts.agreement) take(from.agreement, to.agreement);
  if (parts.similarity) take(from.similarity, to.similarity);
}

}  // namespace gatewright::sim
