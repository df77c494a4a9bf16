// What the reader's terminal can show, and the two streams: results on stdout, the rest on stderr.
// Used by every verb; honours NO_COLOR, TERM=dumb and the locale. Never writes by itself.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "analysis/layout.h"

namespace gatewright::cli {

/// How to write on stdout.
[[nodiscard]] analysis::Style stdout_style();
/// Whether somebody watches stderr, so that a progress bar makes sense.
[[nodiscard]] bool is_watched();

/// To stdout, in one piece.
void print(std::string_view text);
/// To stderr, with a newline.
void say(std::string_view line);

/// A word as one would type it in a shell.
[[nodiscard]] std::string shell_quoted(std::string_view word);
/// A command line that can be pasted.
[[nodiscard]] std::string command_line(const std::vector<std::string>& words);

}  // namespace gatewright::cli
