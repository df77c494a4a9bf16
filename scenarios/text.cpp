// Small helpers for messages about text that people wrote: quoting, nearest names, paths.
// Used by the readers of this room; see text.h.
// Never decides what is right or wrong.
#include "scenarios/text.h"

#include <cstddef>

#include "policies/nearest.h"

namespace gatewright::scenarios {

std::string shortened(std::string_view text) {
  constexpr std::size_t kMost = 60;
  const bool cut = text.size() > kMost;
  std::size_t length = cut ? kMost - 3 : text.size();
  const auto continues = [&](std::size_t i) {
    return (static_cast<unsigned char>(text[i]) & 0xC0U) == 0x80U;
  };
  while (cut && length > 0 && continues(length)) --length;
  std::string result(text.substr(0, length));
  for (char& c : result)
    if (static_cast<unsigned char>(c) < 0x20U || c == 0x7F) c = '?';
  return cut ? result + "..." : result;
}

std::string nearest(std::string_view word, const std::vector<std::string>& known) {
  if (word.size() < 3 || word.size() > 60) return {};
  return std::string(gatewright::nearest(word, known));
}

std::string hint(std::string_view word, const std::vector<std::string>& known) {
  if (const std::string near = nearest(word, known); !near.empty())
    return "; did you mean `" + near + "`?";
  if (known.empty()) return {};
  std::string text = "; known here: ";
  for (std::size_t i = 0; i < known.size(); ++i) text += (i == 0 ? "" : ", ") + known[i];
  return text;
}

std::string alternatives(const std::vector<std::string>& names) {
  std::string text;
  for (std::size_t i = 0; i < names.size(); ++i) {
    if (i > 0) text += i + 1 == names.size() ? " or " : ", ";
    text += '`' + names[i] + '`';
  }
  return text;
}

std::string join(std::string_view path, std::string_view key) {
  std::string result(path);
  if (!result.empty() && !key.empty()) result += '.';
  return result.append(key);
}

std::string_view trimmed(std::string_view text) noexcept {
  while (!text.empty() && (text.front() == ' ' || text.front() == '\n')) text.remove_prefix(1);
  while (!text.empty() && (text.back() == ' ' || text.back() == '\n')) text.remove_suffix(1);
  return text;
}

}  // namespace gatewright::scenarios
