// From the bytes of a YAML file to a strict tree: limits first, then yaml-cpp's events.
// The bytes are checked before yaml-cpp sees them, because its scanner keeps a whole line of nested
// brackets in memory. Never follows aliases, tags or deep nests.
#include "scenarios/document.h"

#include <yaml-cpp/eventhandler.h>
#include <yaml-cpp/yaml.h>

#include <array>
#include <exception>
#include <filesystem>
#include <fstream>
#include <map>
#include <sstream>
#include <system_error>

#include "scenarios/text.h"

namespace gatewright::scenarios {

namespace {

constexpr std::size_t kBytesMax = 4U << 20U;
constexpr std::size_t kDepthMax = 64;
constexpr std::size_t kNodesMax = 100'000;

/// One problem that ends the reading of a file.
struct Stop {
  Mark mark;
  std::string message;
};

Diagnostic diagnostic_at(const Mark& mark, std::string message) {
  return {.severity = Severity::error,
          .path = {},
          .message = std::move(message),
          .file = mark.file,
          .line = mark.line,
          .column = mark.column};
}

// ---------------------------------------------------------------------------------- before yaml-cpp

/// Length of the UTF-8 sequence at `i`, 0 if it is malformed, overlong, a surrogate or out of range.
std::size_t utf8_length(std::string_view text, std::size_t i) noexcept {
  const auto byte = [&](std::size_t k) -> unsigned {
    return k < text.size() ? static_cast<unsigned char>(text[k]) : 0U;
  };
  const auto follows = [&](std::size_t k) { return (byte(k) & 0xC0U) == 0x80U; };
  const unsigned lead = byte(i);
  if (lead < 0x80U) return 1;
  if (lead >= 0xC2U && lead <= 0xDFU) return follows(i + 1) ? 2 : 0;
  if (lead >= 0xE0U && lead <= 0xEFU) {
    const bool overlong = lead == 0xE0U && byte(i + 1) < 0xA0U;
    const bool surrogate = lead == 0xEDU && byte(i + 1) >= 0xA0U;
    return follows(i + 1) && follows(i + 2) && !overlong && !surrogate ? 3 : 0;
  }
  if (lead >= 0xF0U && lead <= 0xF4U) {
    const bool overlong = lead == 0xF0U && byte(i + 1) < 0x90U;
    const bool beyond = lead == 0xF4U && byte(i + 1) >= 0x90U;
    return follows(i + 1) && follows(i + 2) && follows(i + 3) && !overlong && !beyond ? 4 : 0;
  }
  return 0;
}

/// Text that yaml-cpp may see: no byte order mark, line feeds only.
struct Checked {
  std::string text;
  std::vector<std::size_t> line_starts;
};

/// Counts columns in characters, as editors do.
Mark mark_at(const Checked& checked, const std::string& file, std::size_t line, std::size_t byte) {
  Mark mark{.file = file, .line = static_cast<int>(line) + 1, .column = 1};
  if (line >= checked.line_starts.size()) return mark;
  const std::size_t start = checked.line_starts[line];
  for (std::size_t i = start; i < start + byte && i < checked.text.size(); ++i)
    if ((static_cast<unsigned char>(checked.text[i]) & 0xC0U) != 0x80U) ++mark.column;
  return mark;
}

/// Throws Stop for what makes the rest unreadable; tabs are collected.
Checked check_bytes(std::string_view bytes, const std::string& file, Diagnostics& diagnostics) {
  if (bytes.size() > kBytesMax)
    throw Stop{{.file = file}, "the file is larger than 4 MiB; a plan or scenario is a few KiB"};
  if (bytes.starts_with("\xEF\xBB\xBF")) bytes.remove_prefix(3);

  Checked checked;
  checked.text.reserve(bytes.size());
  checked.line_starts.push_back(0);
  std::size_t depth = 0;
  std::size_t nodes = 0;
  bool indentation = true;
  const auto here = [&] {
    const std::size_t line = checked.line_starts.size() - 1;
    return mark_at(checked, file, line, checked.text.size() - checked.line_starts[line]);
  };
  for (std::size_t i = 0; i < bytes.size(); ++i) {
    const char c = bytes[i];
    if (c == '\r' && i + 1 < bytes.size() && bytes[i + 1] == '\n') continue;
    if (static_cast<unsigned char>(c) >= 0x80U) {
      const std::size_t length = utf8_length(bytes, i);
      if (length == 0) throw Stop{here(), "this is not UTF-8 text"};
      checked.text.append(bytes.substr(i, length));
      i += length - 1;
      indentation = false;
      continue;
    }
    if ((static_cast<unsigned char>(c) < 0x20U && c != '\n' && c != '\t') || c == 0x7F)
      throw Stop{here(), "a control character; this is not a text file"};
    if (c == '\n') {
      checked.text += c;
      checked.line_starts.push_back(checked.text.size());
      indentation = true;
      if (++nodes > kNodesMax) throw Stop{here(), "more than 100,000 lines and items"};
      continue;
    }
    if (c == '\t' && indentation) {
      diagnostics.push_back(diagnostic_at(here(), "a tab in the indentation; use spaces"));
      indentation = false;
    }
    // Comments and quotes are not told apart here: brackets balance in them as well.
    if (c == '[' || c == '{') ++depth;
    if ((c == ']' || c == '}') && depth > 0) --depth;
    if (depth > kDepthMax) throw Stop{here(), "more than 64 levels of brackets"};
    if (c == ',' || c == '[' || c == '{' || c == ':') ++nodes;
    if (nodes > kNodesMax) throw Stop{here(), "more than 100,000 lines and items"};
    if (c != ' ') indentation = false;
    checked.text += c;
  }
  return checked;
}

// ------------------------------------------------------------------------------------ from yaml-cpp

class TreeBuilder final : public YAML::EventHandler {
 public:
  TreeBuilder(const Checked& checked, std::string file, Diagnostics& diagnostics)
      : checked_(checked), file_(std::move(file)), diagnostics_(diagnostics) {}

  /// Null where values are missing, so that nobody complains of them a second time.
  [[nodiscard]] Node take_root() { return usable_ ? std::move(root_) : Node{}; }
  [[nodiscard]] bool has_root() const noexcept { return has_root_; }
  [[nodiscard]] Mark place(const YAML::Mark& mark) const {
    if (mark.line < 0 || mark.column < 0) return {.file = file_};
    return mark_at(checked_, file_, static_cast<std::size_t>(mark.line),
                   static_cast<std::size_t>(mark.column));
  }

  void OnDocumentStart(const YAML::Mark& mark) override {
    if (has_root_) throw Stop{place(mark), "a second document starts here; a file holds one"};
  }
  void OnDocumentEnd() override {}

  void OnNull(const YAML::Mark& mark, YAML::anchor_t anchor) override {
    refuse_anchor(mark, anchor);
    add({.kind = Node::Kind::null, .mark = place(mark)}, mark);
  }
  void OnAlias(const YAML::Mark& mark, YAML::anchor_t /*anchor*/) override {
    if (usable_) complain(mark, "an alias (*name) is not allowed; write the value out");
    usable_ = false;
    add({.kind = Node::Kind::null, .mark = place(mark)}, mark);
  }
  void OnScalar(const YAML::Mark& mark, const std::string& tag, YAML::anchor_t anchor,
                const std::string& value) override {
    refuse_anchor(mark, anchor);
    refuse_tag(mark, tag);
    refuse_open_quotes(mark);
    add({.kind = Node::Kind::scalar, .mark = place(mark), .scalar = value, .quoted = tag == "!"},
        mark);
  }
  void OnSequenceStart(const YAML::Mark& mark, const std::string& tag, YAML::anchor_t anchor,
                       YAML::EmitterStyle::value /*style*/) override {
    open(Node::Kind::list, mark, tag, anchor);
  }
  void OnSequenceEnd() override { close(); }
  void OnMapStart(const YAML::Mark& mark, const std::string& tag, YAML::anchor_t anchor,
                  YAML::EmitterStyle::value /*style*/) override {
    open(Node::Kind::map, mark, tag, anchor);
  }
  void OnMapEnd() override { close(); }

 private:
  /// A list or map under construction.
  struct Frame {
    Node node;
    std::optional<std::string> key;  ///< of the value that comes next
    Mark key_mark;
    std::map<std::string, int, std::less<>> lines;  ///< of the keys seen
  };

  void complain(const YAML::Mark& mark, std::string message) {
    diagnostics_.push_back(diagnostic_at(place(mark), std::move(message)));
  }
  void refuse_anchor(const YAML::Mark& mark, YAML::anchor_t anchor) {
    if (anchor == YAML::NullAnchor || anchored_) return;
    anchored_ = true;
    complain(mark, "an anchor (&name) is not allowed; write the value out where it is needed");
  }
  void refuse_tag(const YAML::Mark& mark, const std::string& tag) {
    if (!tag.empty() && tag != "?" && tag != "!")
      complain(mark, "a tag (" + shortened(tag) + ") is not allowed");
  }

  /// yaml-cpp takes the end of the file for the end of a text in quotes.
  void refuse_open_quotes(const YAML::Mark& mark) const {
    const std::string& text = checked_.text;
    auto i = static_cast<std::size_t>(mark.pos);
    const char quote = i < text.size() ? text[i] : '\0';
    if (quote != '"' && quote != '\'') return;
    for (++i; i < text.size(); ++i) {
      if (text[i] == quote) return;
      if (text[i] == '\\' && quote == '"') ++i;
    }
    throw Stop{place(mark), "a text in quotes is not closed"};
  }

  void open(Node::Kind kind, const YAML::Mark& mark, const std::string& tag,
            YAML::anchor_t anchor) {
    refuse_anchor(mark, anchor);
    refuse_tag(mark, tag);
    if (frames_.size() >= kDepthMax) throw Stop{place(mark), "more than 64 levels of nesting"};
    if (!frames_.empty() && expects_key(frames_.back()))
      throw Stop{place(mark), "a key must be a name, not a list or map; is a bracket left open?"};
    count(mark);
    frames_.push_back(
        {.node = {.kind = kind, .mark = place(mark)}, .key = {}, .key_mark = {}, .lines = {}});
  }

  void close() {
    Node node = std::move(frames_.back().node);
    frames_.pop_back();
    attach(std::move(node));
  }

  void add(Node node, const YAML::Mark& mark) {
    count(mark);
    if (frames_.empty() || !expects_key(frames_.back())) {
      attach(std::move(node));
      return;
    }
    Frame& frame = frames_.back();
    if (node.kind == Node::Kind::null) complain(mark, "a key must be a name, not nothing");
    frame.key = node.scalar;
    frame.key_mark = std::move(node.mark);
  }

  void attach(Node node) {
    if (frames_.empty()) {
      root_ = std::move(node);
      has_root_ = true;
      return;
    }
    Frame& frame = frames_.back();
    if (frame.node.kind == Node::Kind::list) {
      frame.node.items.push_back(std::move(node));
      return;
    }
    if (node.kind == Node::Kind::null) node.mark = frame.key_mark;
    const auto [first, fresh] = frame.lines.emplace(*frame.key, frame.key_mark.line);
    if (fresh) {
      frame.node.fields.emplace_back(std::move(*frame.key), std::move(node));
      frame.node.field_marks.push_back(std::move(frame.key_mark));
    } else {
      diagnostics_.push_back(
          diagnostic_at(frame.key_mark, "the key `" + shortened(*frame.key) +
                                            "` is repeated; it first stands in line " +
                                            std::to_string(first->second)));
    }
    frame.key.reset();
  }

  void count(const YAML::Mark& mark) {
    if (++nodes_ > kNodesMax) throw Stop{place(mark), "more than 100,000 lines and items"};
  }

  [[nodiscard]] static bool expects_key(const Frame& frame) {
    return frame.node.kind == Node::Kind::map && !frame.key;
  }

  const Checked& checked_;
  std::string file_;
  Diagnostics& diagnostics_;
  std::vector<Frame> frames_;
  Node root_;
  bool has_root_ = false;
  bool usable_ = true;     ///< no alias was seen; the first is reported
  bool anchored_ = false;  ///< an anchor was seen; the first is reported
  std::size_t nodes_ = 0;
};

/// yaml-cpp's messages, in words that say what would be right.
std::string reworded(const std::string& message) {
  using Pair = std::pair<std::string_view, std::string_view>;
  static const std::array kWords{
      Pair{YAML::ErrorMsg::EOF_IN_SCALAR, "a text in quotes is not closed"},
      Pair{YAML::ErrorMsg::DOC_IN_SCALAR, "a text in quotes is not closed"},
      Pair{YAML::ErrorMsg::END_OF_MAP, "expected a key at this indentation"},
      Pair{YAML::ErrorMsg::END_OF_MAP_FLOW, "a map in braces is not closed; expected , or }"},
      Pair{YAML::ErrorMsg::END_OF_SEQ, "expected an item (-) at this indentation"},
      Pair{YAML::ErrorMsg::END_OF_SEQ_FLOW, "a list in brackets is not closed; expected , or ]"},
      Pair{YAML::ErrorMsg::MAP_VALUE, "a colon where no value can stand; put the text in quotes"},
      Pair{YAML::ErrorMsg::MAP_KEY, "a key cannot stand here"},
      Pair{YAML::ErrorMsg::BLOCK_ENTRY, "an item (-) cannot stand here"},
      Pair{YAML::ErrorMsg::FLOW_END, "a closing bracket without an opening one"},
      Pair{YAML::ErrorMsg::TAB_IN_INDENTATION, "a tab in the indentation; use spaces"},
      Pair{YAML::ErrorMsg::UNKNOWN_ANCHOR, "an alias (*name) is not allowed; write the value out"},
      Pair{YAML::ErrorMsg::UNKNOWN_TOKEN,
           "a character that cannot start a value; put the text in quotes"},
  };
  for (const auto& [theirs, ours] : kWords)
    if (message == theirs) return std::string(ours);
  return "this is not YAML: " + shortened(message);
}

std::string directory_of(const std::string& file) {
  return std::filesystem::path(file).parent_path().string();
}

/// Tells whether two paths name one file.
std::string canonical(const std::string& path) {
  std::error_code error;
  const std::filesystem::path result = std::filesystem::weakly_canonical(path, error);
  return error ? path : result.string();
}

/// Replaces the file name at `node`, if it is one, by the file's root; leaves it where that fails.
void include(Node& node, const std::string& path, const Document& document,
             Diagnostics& diagnostics) {
  if (node.kind != Node::Kind::scalar) return;
  const auto fail = [&](std::string message) {
    Diagnostic diagnostic = diagnostic_at(node.mark, std::move(message));
    diagnostic.path = path;
    diagnostics.push_back(std::move(diagnostic));
  };
  const std::string file = (std::filesystem::path(directory_of(document.file)) / node.scalar)
                               .lexically_normal()
                               .string();
  if (canonical(file) == canonical(document.file)) {
    fail("the file includes itself; expected a policy file");
    return;
  }
  ReadDocument read = read_document(file);
  for (Diagnostic& diagnostic : read.diagnostics) {
    if (diagnostic.line > 0) {
      diagnostics.push_back(std::move(diagnostic));
    } else {
      fail(shortened(file) + ": " + diagnostic.message +
           "; paths are relative to the file that names them");
    }
  }
  if (read.document.root.kind != Node::Kind::null) node = std::move(read.document.root);
}

}  // namespace

ReadDocument parse_document(std::string_view text, const std::string& file) {
  ReadDocument result;
  result.document.file = file;
  try {
    const Checked checked = check_bytes(text, file, result.diagnostics);
    if (!result.diagnostics.empty()) return result;
    TreeBuilder builder(checked, file, result.diagnostics);
    try {
      std::istringstream stream(checked.text);
      YAML::Parser parser(stream);
      while (parser.HandleNextDocument(builder)) {
      }
      if (!builder.has_root())
        throw Stop{{.file = file, .line = 1, .column = 1}, "the file is empty"};
    } catch (const YAML::Exception& exception) {
      throw Stop{builder.place(exception.mark), reworded(exception.msg)};
    }
    result.document.root = builder.take_root();
  } catch (const Stop& stop) {
    result.diagnostics.push_back(diagnostic_at(stop.mark, stop.message));
  }
  return result;
}

ReadDocument read_document(const std::string& path) {
  const auto refused = [&](const std::string& message) {
    ReadDocument result;
    result.document.file = path;
    result.diagnostics.push_back(diagnostic_at({.file = path}, message));
    return result;
  };
  std::error_code error;
  if (!std::filesystem::exists(path, error)) return refused("there is no such file");
  if (std::filesystem::is_directory(path, error)) return refused("this is a directory, not a file");
  std::ifstream stream(path, std::ios::binary);
  constexpr std::size_t kBlock = 1U << 16;
  std::string text;
  while (stream && text.size() <= kBytesMax) {
    const std::size_t before = text.size();
    text.resize(before + kBlock);
    stream.read(text.data() + before, static_cast<std::streamsize>(kBlock));
    text.resize(before + static_cast<std::size_t>(stream.gcount()));
  }
  if (stream.bad() || !stream.is_open()) return refused("the file cannot be read");
  return parse_document(text, path);
}

void resolve_includes(Document& document, Diagnostics& diagnostics) {
  if (Node* policy = document.root.find("policy"))
    include(*policy, "policy", document, diagnostics);
  Node* expect = document.root.find("expect");
  Node* others = expect ? expect->find("also_under") : nullptr;
  if (!others) return;
  const std::vector<std::string> names = item_names(*others);
  for (std::size_t i = 0; i < others->items.size(); ++i)
    if (Node* policy = others->items[i].find("policy"))
      include(*policy, join(join("expect.also_under", names[i]), "policy"), document, diagnostics);
}

}  // namespace gatewright::scenarios
