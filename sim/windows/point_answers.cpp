#include "sim/windows/point_answers.h"

#include <algorithm>
#include <cmath>
#include <span>
#include <string>

#include "sim/kernels/kernels.h"
#include "sim/windows/sum_law.h"

namespace gatewright::sim {

bool same_numbers(const ArmLaw& a, const ArmLaw& b) noexcept {
  return a.output_tokens == b.output_tokens && a.ttft == b.ttft && a.latency == b.latency &&
         a.cost == b.cost && a.quality == b.quality && a.tpot_seconds == b.tpot_seconds;
}

std::vector<Forced> possible_mishaps(const Scenario& scenario) {
  const auto is_stirred = [&scenario](WorldMetric metric) {
    const std::string name(to_string(metric));
    return std::ranges::any_of(scenario.effects,
                               [&name](const Effect& effect) { return effect.metric == name; }) ||
           scenario.noise.deployment.contains(name) || scenario.noise.window.contains(name);
  };
  const bool can_collapse =
      scenario.baseline.collapse.probability > 0.0 || is_stirred(WorldMetric::length_collapse);
  const bool can_hang = scenario.baseline.hang.probability > 0.0 || is_stirred(WorldMetric::hang);
  std::vector<Forced> all;
  for (const bool hang : {false, true})
    for (const bool collapse : {false, true})
      for (const bool error : {false, true})
        if ((!hang || can_hang) && (!collapse || can_collapse))
          all.push_back({error, collapse, hang});
  return all;
}

double probability(const Forced& forced, const ArmLaw& law) noexcept {
  const auto of = [](bool happens, double probability) {
    return happens ? probability : 1.0 - probability;
  };
  return of(forced.error, law.error) * of(forced.collapse, law.collapse) *
         of(forced.hang, law.hang);
}

const LatentPoints& net_of(const ForcedPair& forced) {
  if (forced == ForcedPair{}) return LatentPoints::instance();
  const bool is_one_arm = forced[kBaselineArm] == Forced{} || forced[kCandidateArm] == Forced{};
  return is_one_arm ? LatentPoints::some() : LatentPoints::few();
}

void for_nets(const LatentPoints& all, bool is_candidate_first,
              const std::function<void(const Points&)>& take) {
  static_assert(LatentPoints::kInTail == LatentPoints::kTail * SumLaw::kFine);
  const bool has_tails = all.size() != LatentPoints::kFew;
  take(Points{.points = all, .is_candidate_first = is_candidate_first, .are_of_parts = has_tails});
  if (!has_tails) return;
  for (std::size_t tail = 0; tail < LatentPoints::kTails.size(); ++tail)
    take(Points{.points = LatentPoints::tail(tail, all),
                .is_candidate_first = is_candidate_first,
                .are_fine = true,
                .before = all.size() + tail * LatentPoints::kInTail});
}

std::uint64_t mass_of(bool is_fine) noexcept { return is_fine ? 1 : SumLaw::kFine; }

/// Tails have some points in common, in the net of all not as many as in the finer ones: the sum is not
/// quite what the net would have without tails.
double mass_of_all(const LatentPoints& net) {
  const auto count = [](const LatentPoints& of) {
    std::uint64_t mass = 0;
    for_nets(of, false, [&mass](const Points& points) {
      for (std::size_t i = 0; i < points.points.size(); ++i)
        if (!points.are_of_parts || !points.points.is_left_out(i)) mass += mass_of(points.are_fine);
    });
    return static_cast<double>(mass);
  };
  static const std::array kMasses = {count(LatentPoints::instance()), count(LatentPoints::some()),
                                     count(LatentPoints::few())};
  if (net.size() == LatentPoints::kCount) return kMasses[0];
  return net.size() == LatentPoints::kSome ? kMasses[1] : kMasses[2];
}

PointAnswers::PointAnswers(const PreparedScenario& scenario, const ArmLaws& laws)
    : scenario_(scenario),
      laws_(laws),
      answered_(std::make_unique_for_overwrite<AnsweredPoints>()) {
  // Events are forced, so that every uniform may be the same.
  answered_->constant.fill(kWords / 2);
}

void PointAnswers::answer(const ForcedPair& forced, const Points& points,
                          const std::function<void(const AnsweredPoints&)>& take) {
  answered_->points = &points;
  const std::size_t count = points.points.size();
  for (std::size_t first = 0; first < count; first += kChunk) {
    answered_->first = first;
    answered_->columns.size = std::min(kChunk, count - first);
    answer(forced);
    take(*answered_);
  }
}

void PointAnswers::mix(Latent latent, Column<float>& out) const {
  const auto& weights = scenario_.tables().mixing.weights[index_of(latent)];
  std::array<Term, kLatents> terms;
  std::size_t count = 0;
  for (std::size_t l = 0; l <= index_of(latent); ++l)
    if (weights[l] != 0.0)
      terms[count++] = {
          answered_->points->points.scores(static_cast<Latent>(l)).data() + answered_->first,
          static_cast<float>(weights[l])};
  kernels().mix(terms.data(), count, out.data(), answered_->columns.size);
}

void PointAnswers::answer(const ForcedPair& forced) {
  const WorldTables& tables = scenario_.tables();
  const Points& asked = *answered_->points;
  auto& [points, first, columns, normal, ttft, quality, constant] = *answered_;
  mix(asked.is_for_one ? Latent::baseline_output : Latent::input, normal);
  const std::span<const float> normals = std::span(normal).first(columns.size);
  tables.input_tokens.fill(normals, columns.input_tokens.data());
  if (!laws_.input_tokens.is_identity())
    for (float& tokens : std::span(columns.input_tokens).first(columns.size)) {
      const double changed = laws_.input_tokens(static_cast<double>(tokens));
      tokens = static_cast<float>(std::max(1.0, std::nearbyint(changed)));
    }
  for (const std::size_t arm : {kBaselineArm, kCandidateArm}) {
    const bool is_first = (arm == kCandidateArm) == asked.is_candidate_first;
    if (!asked.asked[arm] || (asked.is_for_one && !is_first)) continue;
    ArmColumns& out = columns.arm[arm];
    const Latent first_output = asked.is_for_one ? Latent::input : Latent::baseline_output;
    mix(is_first ? first_output : Latent::candidate_output, normal);
    tables.output_tokens.fill(normals, out.output_tokens.data());
    mix(is_first ? Latent::baseline_ttft : Latent::candidate_ttft, ttft);
    mix(is_first ? Latent::baseline_quality : Latent::candidate_quality, quality);
    ArmLaw law = laws_.arm[arm];
    law.error = forced[arm].error ? 1.0 : 0.0;
    law.collapse = forced[arm].collapse ? 1.0 : 0.0;
    law.hang = forced[arm].hang ? 1.0 : 0.0;
    sim::answer(scenario_.scenario().baseline, law,
                {.ttft = ttft.data(),
                 .quality = quality.data(),
                 .error = constant.data(),
                 .collapse = constant.data(),
                 .hang = constant.data()},
                columns.input_tokens.data(), {.tpot = true, .cost = true, .quality = true},
                {0, columns.size}, out);
  }
}

}  // namespace gatewright::sim
