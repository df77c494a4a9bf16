#include "sim/threshold_recorder.h"

#include <algorithm>
#include <cmath>
#include <functional>
#include <limits>
#include <map>
#include <string>
#include <type_traits>
#include <variant>

#include "policies/assert.h"

namespace gatewright::sim {
namespace {

constexpr double kBelowAll = -std::numeric_limits<double>::infinity();

/// A plan that compiled has a rule that can be read.
[[nodiscard]] CountingRule counting_rule_of(const GateSpec& gate) {
  const auto written = gate.test.parameters.find("after");
  if (written == gate.test.parameters.end()) return {};
  const auto rule = parse_counting_rule(std::get<std::string>(written->second));
  GATEWRIGHT_ASSERT(rule.has_value());
  return *rule;
}

/// The probe whose window an observation tells of.
[[nodiscard]] std::optional<std::size_t> probe_of(const Event& event) {
  return std::visit(
      [](const auto& told) -> std::optional<std::size_t> {
        if constexpr (requires { told.probe; }) return static_cast<std::size_t>(told.probe);
        return std::nullopt;
      },
      event);
}

}  // namespace

ThresholdKind threshold_kind(const GateSpec& gate) noexcept {
  return gate.test.name == "fixed_threshold" ? ThresholdKind::margin : ThresholdKind::evidence;
}

double CountedEdges::add(double edge) {
  const std::size_t needed = rule_.failing;
  if (rule_.kind == CountingRule::Kind::cumulative) {
    edges_.insert(std::ranges::upper_bound(edges_, edge, std::greater()), edge);
    if (edges_.size() > needed) edges_.pop_back();
    return edges_.size() < needed ? kBelowAll : edges_.back();
  }
  const std::size_t looks = rule_.kind == CountingRule::Kind::of_last ? rule_.looks : needed;
  edges_.push_back(edge);
  if (edges_.size() > looks) edges_.pop_front();
  if (edges_.size() < needed) return kBelowAll;
  scratch_.assign(edges_.begin(), edges_.end());
  const auto place = scratch_.begin() + static_cast<std::ptrdiff_t>(needed) - 1;
  std::ranges::nth_element(scratch_, place, std::greater());
  return *place;
}

ThresholdRecorder::ThresholdRecorder(const Contender& contender) : engine_(contender.engine) {
  GATEWRIGHT_ASSERT(contender.plan != nullptr);
  gates_ = contender.plan->gates;
  for (const GateSpec& gate : gates_) {
    any_forgets_ |= gate.evidence == EvidenceSpan::stage;
    std::optional<Margin>& margin = margins_.emplace_back();
    if (threshold_kind(gate) == ThresholdKind::margin)
      margin = {.look = ThresholdLook(gate.harm, gate.min_samples, gate.harm.probability),
                .edges = CountedEdges(counting_rule_of(gate))};
  }
  start();
}

void ThresholdRecorder::start() {
  rises_.resize(gates_.size());
  for (std::vector<Rise>& rises : rises_) rises.clear();
  for (std::optional<Margin>& margin : margins_)
    if (margin) margin->edges.clear();
  stage_ = {};
}

void ThresholdRecorder::remember(const RolloutState& state, ProbeMask measured) {
  measured_ = measured;
  stage_ = state.stage;
  if (any_forgets_) before_ = state;
}

void ThresholdRecorder::look(const Observation& observation, const Decision& decision,
                             const RolloutState& after, std::optional<Duration> detection_delay) {
  if (decision.cause == Cause::observation_refused) return;
  was_weighed_ = false;
  for (std::size_t gate = 0; gate < gates_.size(); ++gate) {
    if ((measured_ >> gate & 1) == 0) continue;
    const double now = evidence(gate, observation, decision, after);
    std::vector<Rise>& rises = rises_[gate];
    if (!(now > (rises.empty() ? kBelowAll : rises.back().evidence))) continue;
    rises.push_back({.evidence = now,
                     .at = decision.at.time_since_epoch(),
                     .stage = static_cast<std::uint16_t>(stage_),
                     .detection_delay = detection_delay});
  }
  if (decision.action != Action::advance) return;
  for (std::size_t gate = 0; gate < gates_.size(); ++gate)
    if (margins_[gate] && gates_[gate].evidence == EvidenceSpan::stage)
      margins_[gate]->edges.clear();
}

double ThresholdRecorder::evidence(std::size_t gate, const Observation& observation,
                                   const Decision& decision, const RolloutState& after) {
  constexpr double kNone = std::numeric_limits<double>::quiet_NaN();
  if (std::optional<Margin>& margin = margins_[gate]) {
    if (probe_of(observation.event) != gate) return kNone;
    const auto seen = margin->look.look_at(observation.event);
    return seen ? margin->edges.add(margin->look.edge(*seen)) : kNone;
  }
  const Policy& policy = engine_.policy();
  if (decision.action != Action::advance || gates_[gate].evidence == EvidenceSpan::rollout)
    return policy.harm(after.memory, gate);
  // A gate that begins anew with a stage has forgotten by now what it was judged by. A pause lets the
  // engine weigh the same window without moving.
  if (!was_weighed_) {
    before_.paused = true;
    (void)engine_.step(before_, observation);
    was_weighed_ = true;
  }
  return policy.harm(before_.memory, gate);
}

}  // namespace gatewright::sim
