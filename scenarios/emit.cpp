// Trees as text: YAML that parses back to an equal tree, and JSON.
// Used by `lint --effective` and for the committed schemas.
// Never aligns or comments: the files people keep are written by people.
#include <algorithm>
#include <array>
#include <cstdio>
#include <string>

#include "scenarios/document.h"

namespace gatewright::scenarios {

namespace {

constexpr std::size_t kWidth = 100;

bool is_one_of(char c, std::string_view characters) noexcept {
  return characters.find(c) != std::string_view::npos;
}

/// Whether a plain scalar, in braces as well, parses back to just this text.
bool is_plain(std::string_view text) {
  if (text.empty() || text == "~" || text == "null" || text == "Null" || text == "NULL")
    return false;
  if (text.front() == ' ' || is_one_of(text.back(), " :?")) return false;
  if (is_one_of(text.front(), "-?:,[]{}#&*!|>'\"%@`=<") &&
      !(text.size() > 1 && text.front() == '-' && text[1] >= '0' && text[1] <= '9'))
    return false;
  for (std::size_t i = 0; i < text.size(); ++i) {
    const char c = text[i];
    const char next = i + 1 < text.size() ? text[i + 1] : '\0';
    if (static_cast<unsigned char>(c) < 0x20U || is_one_of(c, ",[]{}\"")) return false;
    if (c == ':' && (next == ' ' || next == '\0')) return false;
    if (c == ' ' && next == '#') return false;
  }
  return true;
}

/// The same escapes are right in YAML and in JSON.
std::string in_quotes(std::string_view text) {
  std::string out = "\"";
  for (const char c : text) {
    if (c == '"' || c == '\\') {
      out += '\\';
      out += c;
    } else if (c == '\n') {
      out += "\\n";
    } else if (c == '\t') {
      out += "\\t";
    } else if (static_cast<unsigned char>(c) < 0x20U) {
      std::array<char, 8> buffer{};
      std::snprintf(buffer.data(), buffer.size(), "\\u%04x", static_cast<unsigned>(c));
      out += buffer.data();
    } else {
      out += c;
    }
  }
  return out + '"';
}

std::string scalar_text(const Node& node) {
  if (node.kind == Node::Kind::null) return "null";
  return !node.quoted && is_plain(node.scalar) ? node.scalar : in_quotes(node.scalar);
}

std::string key_text(const std::string& key) { return is_plain(key) ? key : in_quotes(key); }

bool is_leaf(const Node& node) {
  return node.kind == Node::Kind::null || node.kind == Node::Kind::scalar;
}

/// On one line: {a: 1, b: [2, 3]}.
std::string flow(const Node& node) {
  if (is_leaf(node)) return scalar_text(node);
  std::string out;
  if (node.kind == Node::Kind::list) {
    for (const Node& item : node.items) out += (out.empty() ? "" : ", ") + flow(item);
    return "[" + out + "]";
  }
  for (const auto& [key, value] : node.fields)
    out += (out.empty() ? "" : ", ") + key_text(key) + ": " + flow(value);
  return "{" + out + "}";
}

/// Levels below a node that are maps or lists.
std::size_t height(const Node& node) {
  if (is_leaf(node)) return 0;
  std::size_t most = 0;
  for (const Node& item : node.items) most = std::max(most, height(item));
  for (const auto& [key, value] : node.fields) most = std::max(most, height(value));
  return most + 1;
}

bool fits(const Node& node, std::size_t column) {
  if (is_leaf(node) || (node.items.empty() && node.fields.empty())) return true;
  return height(node) <= 3 && column + flow(node).size() <= kWidth;
}

/// Text that reads as a paragraph can be folded over several lines.
bool is_paragraph(const Node& node) {
  const std::string& text = node.scalar;
  if (node.kind != Node::Kind::scalar || text.size() < 60 || text.front() == ' ') return false;
  for (std::size_t i = 0; i < text.size(); ++i) {
    const bool last = i + 1 == text.size();
    if (static_cast<unsigned char>(text[i]) < 0x20U && !(last && text[i] == '\n')) return false;
    if (text[i] == ' ' && (last || text[i + 1] == ' ' || text[i + 1] == '\n')) return false;
  }
  return true;
}

/// A folded block scalar (>): its single line breaks read back as spaces.
std::string folded(const std::string& text, std::size_t indent) {
  const bool ends_line = text.back() == '\n';
  const std::string_view body(text.data(), text.size() - (ends_line ? 1 : 0));
  std::string out = ends_line ? ">" : ">-";
  const std::string margin = "\n" + std::string(indent, ' ');
  std::size_t start = 0;
  while (start < body.size()) {
    std::size_t end = body.size();
    if (end - start + indent > kWidth) {
      const std::size_t room = start + kWidth - indent;
      end = body.rfind(' ', room);
      if (end == std::string_view::npos || end <= start) end = body.find(' ', start);
      if (end == std::string_view::npos) end = body.size();
    }
    out += margin;
    out += body.substr(start, end - start);
    start = end + 1;
  }
  return out;
}

void block(const Node& node, std::size_t indent, std::string& out) {
  const std::string margin(indent, ' ');
  if (node.kind == Node::Kind::list) {
    for (const Node& item : node.items) {
      out += margin + "- ";
      if (fits(item, indent + 2)) {
        out += flow(item) + "\n";
        continue;
      }
      std::string nested;
      block(item, indent + 2, nested);
      out += nested.substr(indent + 2);
    }
    return;
  }
  for (const auto& [key, value] : node.fields) {
    out += margin + key_text(key) + ":";
    if (is_paragraph(value)) {
      out += " " + folded(value.scalar, indent + 2) + "\n";
    } else if (fits(value, indent + key.size() + 2)) {
      out += " " + flow(value) + "\n";
    } else {
      out += "\n";
      block(value, indent + 2, out);
    }
  }
}

bool is_json_word(std::string_view text) {
  if (text == "true" || text == "false") return true;
  if (text.empty() || !is_one_of(text.front(), "-0123456789")) return false;
  return text.find_first_not_of("-+.eE0123456789") == std::string_view::npos;
}

void json(const Node& node, std::size_t indent, std::string& out) {
  const std::string margin = "\n" + std::string(indent + 2, ' ');
  const std::string end = "\n" + std::string(indent, ' ');
  switch (node.kind) {
    case Node::Kind::null:
      out += "null";
      return;
    case Node::Kind::scalar:
      out += !node.quoted && is_json_word(node.scalar) ? node.scalar : in_quotes(node.scalar);
      return;
    case Node::Kind::list: {
      std::string comma;
      out += "[";
      for (const Node& item : node.items) {
        out.append(comma).append(margin);
        json(item, indent + 2, out);
        comma = ",";
      }
      out += (comma.empty() ? "" : end) + "]";
      return;
    }
    case Node::Kind::map: {
      std::string comma;
      out += "{";
      for (const auto& [key, value] : node.fields) {
        out.append(comma).append(margin).append(in_quotes(key)).append(": ");
        json(value, indent + 2, out);
        comma = ",";
      }
      out += (comma.empty() ? "" : end) + "}";
      return;
    }
  }
}

}  // namespace

std::string write(const Node& node) {
  if (is_leaf(node) || (node.items.empty() && node.fields.empty())) return flow(node) + "\n";
  std::string out;
  block(node, 0, out);
  return out;
}

std::string write_json(const Node& node) {
  std::string out;
  json(node, 0, out);
  return out + "\n";
}

}  // namespace gatewright::scenarios
