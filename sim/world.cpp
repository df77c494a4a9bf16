#include "sim/world.h"

#include <algorithm>
#include <bit>
#include <span>

#include "policies/assert.h"

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
  return std::ranges::find(kDrawOfLatent, draw) != kDrawOfLatent.end();
}

}  // namespace

World::World(const PreparedScenario& scenario)
    : scenario_(scenario),
      tables_(scenario.tables()),
      recorded_(!scenario.tables().recorded.empty()),
      window_noise_(scenario.scenario().noise, scenario.scenario().telemetry.window) {
  for (std::size_t b = 0; b < draws_behind_.size(); ++b) draws_behind_[b] = find_draws_behind(b);
}

void World::start(RunKey key) {
  key_ = key;
  next_window_ = 0;
  deployment_noise_ = DeploymentNoise(scenario_.scenario().noise, key);
  window_noise_.start(key);
  for (auto& assigner : assigners_) assigner.reset();
}

void World::advance() {
  window_noise_.advance();
  tables_.arrivals->fill(key_, next_window_, scenario_.scenario().telemetry.window, arrivals_);
  GATEWRIGHT_ASSERT(chunks() <= kChunksPerWindow);
  ++next_window_;
}

std::span<const double> World::chunk_times(std::size_t chunk) const noexcept {
  const std::size_t first = chunk * kChunk;
  return std::span(arrivals_.at_seconds).subspan(first, std::min(kChunk, requests() - first));
}

const Columns& World::fill(std::size_t chunk, Wants wants) {
  const std::span<const double> times = chunk_times(chunk);
  columns_.size = times.size();
  columns_.at_seconds = times.data();
  const Draws draws = draws_behind(wants);
  open_streams(draws, chunk);
  fill_units(wants);
  if (recorded_ || (draws & bit(Draw::input)) != 0) fill_input(chunk);
  for (const std::size_t arm : {kBaselineArm, kCandidateArm}) {
    const Wants parts = (wants >> (kFirstArmBit + kArmBits * arm)) & ((1U << kArmBits) - 1);
    if ((parts & kAnswers) == 0) continue;
    fill_lengths(arm, chunk);
    fill_answers(arm, parts);
  }
  return columns_;
}

// ---- which streams ----

Draws World::draws_behind(Wants wants) const noexcept {
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

Draws World::find_draws_behind(std::size_t want_bit) const noexcept {
  const Wants want = Wants{1} << want_bit;
  const Draws input = recorded_ ? 0 : latent_draws(Latent::input);
  if (want == kWantUsers) return bit(Draw::users);
  if (want == kWantMirror) return bit(Draw::mirror);
  if (want == kWantInput) return input;
  if (want == want_bucket(kRequestBuckets)) return bit(Draw::assignment);
  if ((want & kWantBuckets) != 0) return bit(Draw::users);
  if (want_bit < kFirstArmBit || want_bit >= kFirstArmBit + 2 * kArmBits) return 0;

  const std::size_t arm = (want_bit - kFirstArmBit) / kArmBits;
  switch (1U << ((want_bit - kFirstArmBit) % kArmBits)) {
    case kAnswers: {
      const bool given = recorded_ && arm == kBaselineArm;  // lengths stand in the trace
      const bool ttft_varies = scenario_.scenario().baseline.latency.ttft.sigma > 0.0;
      return (given ? 0 : latent_draws(output_latent(arm))) |
             (ttft_varies ? latent_draws(ttft_latent(arm)) : 0) |
             bit(draw_of_arm(arm, Draw::baseline_error, Draw::candidate_error));
    }
    case kCosts:
      return input;
    case kRefusals:
      return bit(draw_of_arm(arm, Draw::baseline_refusal, Draw::candidate_refusal));
    case kThumbs:
      return bit(draw_of_arm(arm, Draw::baseline_thumbs, Draw::candidate_thumbs));
    case kQualities:
      return latent_draws(quality_latent(arm));
    default:
      return 0;
  }
}

// ---- draws ----

void World::open_streams(Draws draws, std::size_t chunk) {
  const std::uint64_t index = (next_window_ - 1) * kChunksPerWindow + chunk;
  for (; draws != 0; draws &= draws - 1) {
    const auto i = static_cast<std::size_t>(std::countr_zero(draws));
    Stream stream({key_.seed, key_.replication, kStreamNames[i], index});
    draw(static_cast<Draw>(i), stream);
    words_[i] = stream.draws();
  }
}

void World::draw(Draw draw, Stream& stream) {
  const std::size_t n = columns_.size;
  const std::span<double> out(raw_[index_of(draw)].data(), n);
  if (draw == Draw::users) {
    tables_.population.fill(stream, std::span(columns_.user.data(), n));
  } else if (is_normal(draw)) {
    stream.fill_normal(out);
  } else {
    stream.fill_uniform(out);
  }
}

const double* World::mixed(Latent latent, Column<double>& room) const noexcept {
  const std::size_t own = index_of(latent);
  const auto& weights = tables_.mixing.weights[own];
  const Column<double>& fresh = raw_[index_of(draw_of(latent))];
  if (weights[own] == 1.0) return fresh.data();
  const std::size_t n = columns_.size;
  for (std::size_t i = 0; i < n; ++i) room[i] = weights[own] * fresh[i];
  for (std::size_t other = 0; other < own; ++other) {
    if (weights[other] == 0.0) continue;
    const Column<double>& column = raw_[index_of(kDrawOfLatent[other])];
    for (std::size_t i = 0; i < n; ++i) room[i] += weights[other] * column[i];
  }
  return room.data();
}

// ---- columns ----

void World::fill_units(Wants wants) {
  const std::size_t n = columns_.size;
  if ((wants & kWantMirror) != 0)
    std::copy_n(raw_[index_of(Draw::mirror)].begin(), n, columns_.mirror.begin());
  if ((wants & want_bucket(kRequestBuckets)) != 0) {
    const Column<double>& uniform = raw_[index_of(Draw::assignment)];
    Column<std::uint16_t>& bucket = columns_.bucket[kRequestBuckets];
    for (std::size_t i = 0; i < n; ++i)
      bucket[i] = static_cast<std::uint16_t>(uniform[i] * kWholeExposure);
  }
  for (std::size_t hash = 0; hash < kRequestBuckets; ++hash) {
    if ((wants & want_bucket(hash)) == 0) continue;
    std::optional<Assigner>& assigner = assigners_[hash];
    if (!assigner)
      assigner.emplace(Assignment{AssignmentUnit::user, static_cast<AssignmentHash>(hash)},
                       tables_.population.count(), key_.seed, key_.replication);
    for (std::size_t i = 0; i < n; ++i)
      columns_.bucket[hash][i] = assigner->user_bucket(columns_.user[i]);
  }
}

void World::fill_input(std::size_t chunk) {
  const std::size_t n = columns_.size;
  if (recorded_) {
    std::copy_n(arrivals_.input_tokens.begin() + static_cast<std::ptrdiff_t>(chunk * kChunk), n,
                columns_.input_tokens.begin());
  } else {
    const Column<double>& z = raw_[index_of(Draw::input)];
    for (std::size_t i = 0; i < n; ++i) columns_.input_tokens[i] = tables_.input_tokens.at(z[i]);
  }
}

void World::fill_lengths(std::size_t arm, std::size_t chunk) {
  const std::size_t n = columns_.size;
  Column<float>& lengths = columns_.arm[arm].output_tokens;
  if (!recorded_) {
    const double* z = mixed(output_latent(arm), room_[0]);
    for (std::size_t i = 0; i < n; ++i) lengths[i] = tables_.output_tokens.at(z[i]);
    return;
  }
  const float* recorded = arrivals_.output_tokens.data() + chunk * kChunk;
  if (arm == kBaselineArm) {
    std::copy_n(recorded, n, lengths.begin());
    return;
  }
  // The recorded length's normal score stands where the baseline's own draw would.
  Column<double>& score = raw_[index_of(Draw::baseline_output)];
  const Column<double>& tie = raw_[index_of(Draw::ties)];
  for (std::size_t i = 0; i < n; ++i) score[i] = tables_.recorded.score(recorded[i], tie[i]);
  const double* z = mixed(Latent::candidate_output, room_[0]);
  for (std::size_t i = 0; i < n; ++i) lengths[i] = tables_.recorded.at(z[i]);
}

void World::set(ArmLaw& law, std::size_t arm, WorldMetric metric, double seconds) const noexcept {
  Affine map = deployment_noise_.at(arm, metric);
  map.multiply *= window_noise_.factor(metric);
  if (arm == kCandidateArm) map = then(map, scenario_.effects().at(metric, seconds));
  law.set(metric, scenario_.scenario().baseline, map);
}

void World::fill_answers(std::size_t arm, Wants parts) {
  const std::size_t n = columns_.size;
  const double first = columns_.at_seconds[0];
  const double last = columns_.at_seconds[n - 1];
  const auto raw = [this, arm](Draw baseline, Draw candidate) {
    return raw_[index_of(draw_of_arm(arm, baseline, candidate))].data();
  };
  const Arm& numbers = scenario_.scenario().baseline;
  const bool quality = (parts & kQualities) != 0;
  const bool ttft_varies = numbers.latency.ttft.sigma > 0.0;
  const ArmDraws draws{.ttft = ttft_varies ? mixed(ttft_latent(arm), room_[0]) : nullptr,
                       .quality = quality ? mixed(quality_latent(arm), room_[1]) : nullptr,
                       .error = raw(Draw::baseline_error, Draw::candidate_error),
                       .refusal = raw(Draw::baseline_refusal, Draw::candidate_refusal),
                       .thumbs = raw(Draw::baseline_thumbs, Draw::candidate_thumbs)};
  const AnswerParts answer_parts{.tpot = (parts & kTpots) != 0,
                                 .cost = (parts & kCosts) != 0,
                                 .refusal = (parts & kRefusals) != 0,
                                 .thumbs = (parts & kThumbs) != 0,
                                 .quality = quality};

  ArmLaw law;
  std::array<WorldMetric, kWorldMetrics> varying{};
  std::size_t varying_count = 0;
  for (std::size_t i = 0; i < kWorldMetrics; ++i) {
    const auto metric = static_cast<WorldMetric>(i);
    if (!can_differ(metric)) continue;
    set(law, arm, metric, first);
    if (arm == kCandidateArm && !scenario_.effects().is_constant(metric, first, last))
      varying[varying_count++] = metric;
  }
  const float* input = columns_.input_tokens.data();
  ArmColumns& out = columns_.arm[arm];
  if (varying_count == 0) {
    answer(numbers, law, draws, input, answer_parts, {0, n}, out);
    return;
  }
  // An effect begins or grows within this chunk: the law is each request's own.
  for (std::size_t i = 0; i < n; ++i) {
    for (std::size_t v = 0; v < varying_count; ++v)
      set(law, arm, varying[v], columns_.at_seconds[i]);
    answer(numbers, law, draws, input, answer_parts, {i, i + 1}, out);
  }
}

}  // namespace gatewright::sim
