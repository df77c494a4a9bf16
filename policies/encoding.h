// Text forms of observations, decisions, states and journals: canonical JSON, one object a line.
// Used by journals on disk, stdio_controller and snapshots; every field is named once, in fields.h.
// Never reads or writes a file, never accepts what it would not write.
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

#include "policies/decision.h"
#include "policies/engine.h"
#include "policies/journal.h"
#include "policies/observation.h"
#include "policies/state.h"

namespace gatewright {

/// Number of the state encoding's format; raised when a field is added or changes meaning.
inline constexpr std::uint64_t kStateFormat = 1;

/// Canonical JSON: fields in declared order, no spaces, integers and nanoseconds in decimal,
/// enumerators by name, doubles in shortest round-trip form, non-finite doubles as "nan", "inf",
/// "-inf". One line, no newline at its end.
[[nodiscard]] std::string encode(const Observation& observation);
[[nodiscard]] std::string encode(const Decision& decision);
[[nodiscard]] std::string encode(const RolloutState& state);
[[nodiscard]] std::string encode(const JournalEntry& entry);

struct DecodeError {
  std::size_t offset = 0;  ///< byte in the text
  std::string message;     ///< what was expected there
};

/// Observation with the memory of its histograms; moves keep that memory in place, copies would not.
struct OwnedObservation {
  Observation observation;
  std::vector<HistogramBin> baseline_bins, candidate_bins;

  OwnedObservation() = default;
  OwnedObservation(OwnedObservation&&) noexcept = default;
  OwnedObservation& operator=(OwnedObservation&&) noexcept = default;
};

[[nodiscard]] std::variant<OwnedObservation, DecodeError> decode_observation(std::string_view line);
[[nodiscard]] std::variant<Decision, DecodeError> decode_decision(std::string_view line);
/// Refuses another format number, and a state that does not fit `engine` (plan digest, sizes).
[[nodiscard]] std::variant<RolloutState, DecodeError> decode_state(std::string_view line,
                                                                   const Engine& engine);
/// Appends one line to `journal`; the error, if any.
[[nodiscard]] std::optional<DecodeError> decode_entry(std::string_view line, Journal& journal);

}  // namespace gatewright
