// Small helpers for messages about text that people wrote: quoting, nearest names, paths.
// Used by the readers of this room; never decides what is right or wrong.
#pragma once

#include <string>
#include <string_view>
#include <vector>

namespace gatewright::scenarios {

/// At most 60 bytes of `text` on one line, control characters as `?`, cut at a whole character.
[[nodiscard]] std::string shortened(std::string_view text);

/// The known name that is a likely misspelling away from `word`; empty if none is.
[[nodiscard]] std::string nearest(std::string_view word, const std::vector<std::string>& known);

/// "; did you mean `gates`?", or "; known here: a, b, c".
[[nodiscard]] std::string hint(std::string_view word, const std::vector<std::string>& known);

/// "`a`, `b` or `c`".
[[nodiscard]] std::string alternatives(const std::vector<std::string>& names);

/// "policy" + "gates" = "policy.gates"; an empty side adds no dot.
[[nodiscard]] std::string join(std::string_view path, std::string_view key);

[[nodiscard]] std::string_view trimmed(std::string_view text) noexcept;

}  // namespace gatewright::scenarios
