// A YAML file as a strict tree: every node knows its file, line and column; get and set by path.
// Used by the loaders; the only place that talks to yaml-cpp. Never follows aliases, tags or deep nests.
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <variant>
#include <vector>

#include "policies/diagnostic.h"

namespace gatewright::scenarios {

struct Mark {
  std::string file;
  int line = 0;    ///< from 1
  int column = 0;  ///< from 1
};

/// A scalar, a list or a map with its keys in order. A map that was made rather than read may lack
/// marks for its keys.
struct Node {
  enum class Kind : std::uint8_t { null, scalar, list, map };
  Kind kind = Kind::null;
  Mark mark = {};
  std::string scalar = {};
  bool quoted = false;  ///< "12" in quotes is text
  std::vector<Node> items = {};
  std::vector<std::pair<std::string, Node>> fields = {};
  std::vector<Mark> field_marks = {};  ///< of the keys
  [[nodiscard]] const Node* find(std::string_view key) const noexcept;
  [[nodiscard]] Node* find(std::string_view key) noexcept;
  /// Where the i-th key stands.
  [[nodiscard]] const Mark& key_mark(std::size_t i) const noexcept {
    return i < field_marks.size() ? field_marks[i] : mark;
  }
};

struct Document {
  std::string file;
  Node root;
};

struct ReadDocument {
  Document document;
  Diagnostics diagnostics;
};

/// Limits: 4 MiB, 64 levels, 100,000 nodes, no aliases, no tags, UTF-8 text, one document, no
/// repeated keys. Every breach is a diagnostic with its place.
[[nodiscard]] ReadDocument read_document(const std::string& path);
[[nodiscard]] ReadDocument parse_document(std::string_view text, const std::string& file);

/// Replaces `policy: FILE` and `expect.also_under[].policy: FILE` by the files' contents, relative to
/// the document; cyclic and missing files are diagnostics at the place that names them.
void resolve_includes(Document& document, Diagnostics& diagnostics);

/// How the items of a list are addressed: by `name`; without one, stages by their exposure, gates and
/// effects by their metric (of a short gate: the one in its expression; a statistic or a number is
/// appended where that name is taken), anything else by its index from 0.
[[nodiscard]] std::vector<std::string> item_names(const Node& list);

/// The node at "policy.gates.cost.harm.rises_by", items of lists by name or index. Null if there is
/// none.
[[nodiscard]] const Node* get(const Document& document, std::string_view path);
/// Sets a value, creating map keys on the way (not list items); the problem, if any, with the nearest
/// known name. A value that begins with { or [ is read as YAML, any other is taken as it is.
[[nodiscard]] std::optional<Diagnostic> set(Document& document, std::string_view path,
                                            std::string_view value);

/// The place that a path of compile() or validate() speaks of: the deepest part of it that was
/// written. Maps with a single key are looked through (`test.scale` finds `test.z_test.scale`).
struct Place {
  std::string path;  ///< as written, where all of it was found; else as given
  Mark mark;         ///< of the value; of the key where the value is a list or map
};
[[nodiscard]] Place locate(const Node& root, std::string_view path);

/// YAML text that parses back to an equal tree.
[[nodiscard]] std::string write(const Node& node);
/// The tree as JSON, two spaces a level: scalars in quotes are strings, others stay as they are.
[[nodiscard]] std::string write_json(const Node& node);

}  // namespace gatewright::scenarios
