// The known name that a misspelt one probably meant, by edit distance.
// Used by compile and the loaders in their messages. Never guesses when nothing is near.
#pragma once

#include <algorithm>
#include <cstddef>
#include <numeric>
#include <string_view>
#include <vector>

namespace gatewright {

/// Least number of insertions, deletions and replacements of bytes that turn `a` into `b`
/// (Levenshtein, Soviet Physics Doklady 10 (1966) 707).
[[nodiscard]] inline std::size_t edit_distance(std::string_view a, std::string_view b) {
  std::vector<std::size_t> row(b.size() + 1);
  std::iota(row.begin(), row.end(), std::size_t{0});
  for (std::size_t i = 0; i < a.size(); ++i) {
    std::size_t diagonal = row[0];
    row[0] = i + 1;
    for (std::size_t j = 0; j < b.size(); ++j) {
      const std::size_t replaced = diagonal + (a[i] == b[j] ? 0 : 1);
      diagonal = row[j + 1];
      row[j + 1] = std::min({replaced, row[j] + 1, row[j + 1] + 1});
    }
  }
  return row.back();
}

/// Of `names` (anything that converts to std::string_view) the nearest to `word`, the first of
/// equals; empty if all are further away than a third of the word, or two letters of a short one.
template <class Names>
[[nodiscard]] std::string_view nearest(std::string_view word, const Names& names) {
  std::size_t least = std::max<std::size_t>(2, word.size() / 3) + 1;
  std::string_view found;
  for (const std::string_view name : names) {
    const std::size_t distance = edit_distance(word, name);
    if (distance >= least) continue;
    least = distance;
    found = name;
  }
  return found;
}

}  // namespace gatewright
