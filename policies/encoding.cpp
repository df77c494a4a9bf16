#include "policies/encoding.h"

#include <algorithm>

#include "policies/canonical_json.h"

namespace gatewright {
namespace {

using canonical_json::Reader;
using canonical_json::to_text;
using canonical_json::Writer;

/// The field by which a state does not fit the engine, and what would fit; empty if it fits.
struct Misfit {
  std::string_view field;
  std::string_view expected;
};

[[nodiscard]] std::optional<Misfit> misfit(const RolloutState& state, const Engine& engine) {
  const Policy& policy = engine.policy();
  const auto stages = policy.stages();
  const auto stage = static_cast<std::size_t>(state.stage);
  if (state.plan_digest != engine.plan_digest())
    return Misfit{"plan_digest", "expected a state of this very plan"};
  if (stage >= stages.size()) return Misfit{"stage", "expected a stage of the plan"};
  if (state.windows.size() != policy.probes().size())
    return Misfit{"windows", "expected one number per probe of the plan"};
  if (state.memory.size() != policy.slots())
    return Misfit{"memory", "expected as many slots as the plan has"};
  if (state.at < state.started_at || state.at == kNever)
    return Misfit{"at", "expected a time from started_at on"};
  if (state.stage_entered_at < state.started_at || state.stage_entered_at > state.at)
    return Misfit{"stage_entered_at", "expected a time from started_at to at"};
  if (!is_valid(state.applied)) return Misfit{"applied", "expected shares up to 10000"};
  const Exposure target = state.phase == Phase::halted ? policy.exposure_after_halt(state.stage)
                                                       : stages[stage].exposure;
  if (state.target != target) return Misfit{"target", "expected the exposure of the stage"};
  return std::nullopt;
}

}  // namespace

std::string encode(const Observation& observation) { return to_text(observation); }
std::string encode(const Decision& decision) { return to_text(decision); }
std::string encode(const JournalEntry& entry) { return to_text(entry); }

std::string encode(const RolloutState& state) {
  Writer writer;
  writer.write_with_format(kStateFormat, state);
  return writer.take();
}

std::variant<OwnedObservation, DecodeError> decode_observation(std::string_view line) {
  OwnedObservation owned;
  Reader reader(line, &owned);
  reader.read(owned.observation);
  if (auto error = reader.finish()) return *std::move(error);
  return owned;
}

std::variant<Decision, DecodeError> decode_decision(std::string_view line) {
  Decision decision;
  Reader reader(line);
  reader.read(decision);
  if (auto error = reader.finish()) return *std::move(error);
  return decision;
}

std::variant<RolloutState, DecodeError> decode_state(std::string_view line, const Engine& engine) {
  RolloutState state;
  Reader reader(line);
  reader.read_with_format(kStateFormat, state);
  if (auto error = reader.finish()) return *std::move(error);
  if (const auto wrong = misfit(state, engine)) {
    const std::string name = '"' + std::string(wrong->field) + "\":";
    return DecodeError{.offset = line.find(name) + name.size(),
                       .message = std::string(wrong->expected)};
  }
  return state;
}

std::optional<DecodeError> decode_entry(std::string_view line, Journal& journal) {
  OwnedObservation owner;
  JournalEntry entry;
  Reader reader(line, &owner);
  reader.read(entry);
  if (auto error = reader.finish()) return error;
  journal.append(entry.observation, entry.decision, entry.digest);
  return std::nullopt;
}

}  // namespace gatewright
