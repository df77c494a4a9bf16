#include "bindings/cli/terminal.h"

#include <algorithm>
#include <cctype>
#include <cstdio>
#include <cstdlib>

#include <unistd.h>

namespace gatewright::cli {
namespace {

[[nodiscard]] std::string_view variable(const char* name) {
  const char* value = std::getenv(name);
  return value == nullptr ? std::string_view() : value;
}

/// The first of the three that is set decides, as in setlocale.
[[nodiscard]] bool is_utf8() {
  for (const char* name : {"LC_ALL", "LC_CTYPE", "LANG"}) {
    std::string locale(variable(name));
    if (locale.empty()) continue;
    std::ranges::transform(locale, locale.begin(),
                           [](unsigned char c) { return static_cast<char>(std::tolower(c)); });
    return locale.find("utf-8") != std::string::npos || locale.find("utf8") != std::string::npos;
  }
  return false;
}

}  // namespace

analysis::Style stdout_style() {
  const bool colour =
      isatty(STDOUT_FILENO) != 0 && variable("NO_COLOR").empty() && variable("TERM") != "dumb";
  return {.colour = colour, .unicode = is_utf8()};
}

bool is_watched() { return isatty(STDERR_FILENO) != 0 && variable("TERM") != "dumb"; }

void print(std::string_view text) { std::fwrite(text.data(), 1, text.size(), stdout); }

void say(std::string_view line) {
  std::string text(line);
  text += '\n';
  std::fwrite(text.data(), 1, text.size(), stderr);
}

std::string shell_quoted(std::string_view word) {
  constexpr std::string_view kPlain =
      "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_-./=:%,+@";
  if (!word.empty() && word.find_first_not_of(kPlain) == std::string_view::npos)
    return std::string(word);
  std::string quoted = "'";
  for (const char c : word) quoted += c == '\'' ? std::string("'\\''") : std::string(1, c);
  return quoted + '\'';
}

std::string command_line(const std::vector<std::string>& words) {
  std::string line;
  for (const std::string& word : words)
    line.append(line.empty() ? "" : " ").append(shell_quoted(word));
  return line;
}

}  // namespace gatewright::cli
