// One problem with something a person wrote: where, what is wrong, what would be right.
// Used by compile, the loaders and the front doors; collected, never thrown one at a time.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

namespace gatewright {

enum class Severity : std::uint8_t { note, warning, error };

struct Diagnostic {
  Severity severity = Severity::error;
  std::string path{};  ///< "gates.cost.harm.rises_by"; empty for a whole file
  std::string
      message{};       ///< what is wrong and what would be right, one sentence, no full stop needed
  std::string file{};  ///< filled by loaders
  int line = 0;        ///< from 1; 0 unknown
  int column = 0;      ///< from 1; 0 unknown
};

using Diagnostics = std::vector<Diagnostic>;

[[nodiscard]] inline bool has_errors(const Diagnostics& diagnostics) noexcept {
  for (const Diagnostic& diagnostic : diagnostics)
    if (diagnostic.severity == Severity::error) return true;
  return false;
}

}  // namespace gatewright
