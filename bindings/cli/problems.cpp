#include "bindings/cli/problems.h"

#include <algorithm>
#include <cstdlib>

#include <fmt/format.h>

#include "bindings/cli/terminal.h"

namespace gatewright::cli {
namespace {

[[nodiscard]] std::string counted(std::size_t count, std::string_view noun) {
  return fmt::format("{} {}{}", count == 0 ? "no" : std::to_string(count), noun,
                     count == 1 ? "" : "s");
}

/// Escapes of workflow commands; `,` and `:` end a property.
[[nodiscard]] std::string escaped(std::string_view text, bool is_property) {
  std::string safe;
  for (const char c : text) {
    const bool is_special =
        c == '%' || c == '\r' || c == '\n' || (is_property && (c == ',' || c == ':'));
    safe += is_special ? fmt::format("%{:02X}", c) : std::string(1, c);
  }
  return safe;
}

}  // namespace

std::string line_of(const Diagnostic& diagnostic) {
  std::string line = diagnostic.file;
  if (diagnostic.line > 0) line += fmt::format(":{}", diagnostic.line);
  if (diagnostic.line > 0 && diagnostic.column > 0) line += fmt::format(":{}", diagnostic.column);
  if (!line.empty()) line += ": ";
  line += fmt::format("{}: ", to_string(diagnostic.severity));
  if (!diagnostic.path.empty()) line += diagnostic.path + ": ";
  return line + diagnostic.message;
}

std::string summary(const Diagnostics& diagnostics, const std::string& file) {
  const auto notes = static_cast<std::size_t>(
      std::ranges::count(diagnostics, Severity::note, &Diagnostic::severity));
  std::string text = counted(diagnostics.size() - notes, "problem") + " in " + file;
  if (notes > 0) text += ", " + counted(notes, "note");
  return text;
}

void report(const Diagnostics& diagnostics, const std::string& file, bool quiet) {
  for (const Diagnostic& diagnostic : diagnostics)
    if (diagnostic.severity == Severity::error ||
        (diagnostic.severity == Severity::warning && !quiet))
      say(line_of(diagnostic));
  if (!has_errors(diagnostics)) return;
  Diagnostics shown = diagnostics;
  std::erase_if(shown, [](const Diagnostic& each) { return each.severity == Severity::note; });
  say(summary(shown, file));
  throw InputError(file);
}

std::string_view to_string(Severity severity) noexcept {
  constexpr std::string_view kNames[] = {"note", "warning", "error"};
  return kNames[static_cast<std::size_t>(severity)];
}

std::string github_annotation(const Diagnostic& diagnostic, std::string_view title) {
  const std::string_view kind =
      diagnostic.severity == Severity::note ? "notice" : to_string(diagnostic.severity);
  std::string place;
  const auto add = [&](std::string_view name, std::string_view value) {
    place += fmt::format("{}{}={}", place.empty() ? " " : ",", name, escaped(value, true));
  };
  if (!diagnostic.file.empty()) add("file", diagnostic.file);
  if (diagnostic.line > 0) add("line", std::to_string(diagnostic.line));
  if (diagnostic.column > 0) add("col", std::to_string(diagnostic.column));
  add("title", title);
  const std::string message =
      diagnostic.path.empty() ? diagnostic.message : diagnostic.path + ": " + diagnostic.message;
  return fmt::format("::{}{}::{}", kind, place, escaped(message, false));
}

bool is_github_actions() {
  const char* value = std::getenv("GITHUB_ACTIONS");
  return value != nullptr && std::string_view(value) == "true";
}

}  // namespace gatewright::cli
