// Where diagnostics stand: in order, in place, in one form.
// Used by the loaders and by every front door that prints them.
// Never changes what a diagnostic says.
#pragma once

#include <string>

#include "policies/diagnostic.h"
#include "scenarios/document.h"

namespace gatewright::scenarios {

/// "policies/x.yaml:12:17: gates.cost.harm.rises_by: expected ...", without what is unknown.
[[nodiscard]] std::string format(const Diagnostic& diagnostic);

/// Gives diagnostics with paths below `root` (and no place) their file, line and column. `path` is the
/// root's own path and goes in front of theirs.
void put_in_place(Diagnostics& diagnostics, const Node& root, const std::string& path);

/// By file (`first` before others), line and column; equal places keep their order.
void sort_by_place(Diagnostics& diagnostics, const std::string& first);

}  // namespace gatewright::scenarios
