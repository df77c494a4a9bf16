// Where diagnostics stand: in order, in place, in one form.
// Used by the loaders and by every front door that prints them.
// Never changes what a diagnostic says.
#include "scenarios/places.h"

#include <algorithm>
#include <tuple>

#include "scenarios/text.h"

namespace gatewright::scenarios {

std::string format(const Diagnostic& diagnostic) {
  std::string text = diagnostic.file;
  if (diagnostic.line > 0) {
    text += ":" + std::to_string(diagnostic.line);
    if (diagnostic.column > 0) text += ":" + std::to_string(diagnostic.column);
  }
  if (!text.empty()) text += ": ";
  if (diagnostic.severity == Severity::warning) text += "warning: ";
  if (diagnostic.severity == Severity::note) text += "note: ";
  if (!diagnostic.path.empty()) text += diagnostic.path + ": ";
  return text + diagnostic.message;
}

void put_in_place(Diagnostics& diagnostics, const Node& root, const std::string& path) {
  for (Diagnostic& diagnostic : diagnostics) {
    if (!diagnostic.file.empty()) continue;
    const Place place = locate(root, diagnostic.path);
    diagnostic.path = join(path, place.path);
    diagnostic.file = place.mark.file;
    diagnostic.line = place.mark.line;
    diagnostic.column = place.mark.column;
  }
}

void sort_by_place(Diagnostics& diagnostics, const std::string& first) {
  const auto key = [&](const Diagnostic& diagnostic) {
    return std::tuple<bool, std::string_view, int, int>(diagnostic.file != first, diagnostic.file,
                                                        diagnostic.line, diagnostic.column);
  };
  std::ranges::stable_sort(diagnostics, {}, key);
}

}  // namespace gatewright::scenarios
