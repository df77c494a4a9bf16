// Canonical JSON of everything that fields.h lists: one writer, and a reader of exactly that
// writing. Used by encoding.cpp, plan_encoding.cpp and journal.cpp; nobody else needs it. Never
// accepts what it would not write, so that a text and its value determine each other.
#pragma once

#include <array>
#include <bit>
#include <charconv>
#include <chrono>
#include <cmath>
#include <cstdint>
#include <limits>
#include <map>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <type_traits>
#include <utility>
#include <variant>
#include <vector>

#include "policies/encoding.h"
#include "policies/fields.h"

namespace gatewright::canonical_json {

template <class T>
inline constexpr bool kIsOptional = false;
template <class T>
inline constexpr bool kIsOptional<std::optional<T>> = true;
template <class T>
inline constexpr bool kIsVariant = false;
template <class... Ts>
inline constexpr bool kIsVariant<std::variant<Ts...>> = true;
template <class T>
inline constexpr bool kIsList = false;
template <class T>
inline constexpr bool kIsList<std::vector<T>> = true;
template <>
inline constexpr bool kIsList<HistogramView> = true;
template <class T>
inline constexpr bool kIsMap = false;
template <class T>
inline constexpr bool kIsMap<std::map<std::string, T>> = true;

/// Written as an array without names, because thousands may stand in a row.
template <class T>
inline constexpr bool kIsPositional = std::is_same_v<T, HistogramBin>;

/// A number as text, exactly as it is written; quoted where JSON has no such number.
class NumberText {
 public:
  template <std::integral T>
  explicit NumberText(T value) noexcept {
    set(value);
  }
  explicit NumberText(double value) noexcept {
    if (std::isfinite(value))
      set(value);
    else
      size_ =
          kNotFinite[std::isnan(value) ? 0 : (value > 0 ? 1 : 2)].copy(text_.data(), text_.size());
  }
  operator std::string_view() const noexcept { return {text_.data(), size_}; }

  static constexpr std::array<std::string_view, 3> kNotFinite{"\"nan\"", "\"inf\"", "\"-inf\""};

 private:
  template <class T>
  void set(T value) noexcept {
    const auto end = std::to_chars(text_.data(), text_.data() + text_.size(), value).ptr;
    size_ = static_cast<std::size_t>(end - text_.data());
  }

  std::array<char, 32> text_;  // the longest number, a double, takes 24 characters
  std::size_t size_;
};

inline constexpr std::string_view kHexDigits = "0123456789abcdef";
/// Characters with a short escape, and the letters that stand for them.
inline constexpr std::string_view kEscaped = "\"\\\b\t\n\f\r";
inline constexpr std::string_view kEscapes = "\"\\btnfr";

class Writer {
 public:
  template <class T>
  void write(const T& value) {
    if constexpr (std::is_same_v<T, bool>) {
      text_ += value ? "true" : "false";
    } else if constexpr (std::is_arithmetic_v<T>) {
      text_ += NumberText(value);
    } else if constexpr (std::is_enum_v<T>) {
      if constexpr (kNames<T>.empty())
        text_ += NumberText(static_cast<std::underlying_type_t<T>>(value));
      else
        write_text(name_of(value));
    } else if constexpr (std::is_same_v<T, Duration>) {
      text_ += NumberText(value.count());
    } else if constexpr (std::is_same_v<T, Instant>) {
      text_ += NumberText(value.time_since_epoch().count());
    } else if constexpr (std::is_same_v<T, std::string>) {
      write_text(value);
    } else if constexpr (kIsOptional<T>) {
      if (value)
        write(*value);
      else
        text_ += "null";
    } else if constexpr (kIsList<T>) {
      Sequence items(*this, '[', ']');
      for (const auto& item : value) items.next().write(item);
    } else if constexpr (kIsMap<T>) {
      Sequence items(*this, '{', '}');
      for (const auto& [key, item] : value) items.next(key).write(item);
    } else if constexpr (kIsVariant<T>) {
      Sequence items(*this, '{', '}');
      std::visit([&](const auto& item) { items.next(kNames<T>[value.index()]).write(item); },
                 value);
    } else if constexpr (kIsPositional<T>) {
      Sequence items(*this, '[', ']');
      fields(value, [&](std::string_view, const auto& field) { items.next().write(field); });
    } else {
      static_assert(Listed<const T>);
      Sequence items(*this, '{', '}');
      fields(value,
             [&](std::string_view name, const auto& field) { items.next(name).write(field); });
    }
  }

  /// An object whose first field is `format`, then those of `value`.
  template <Listed T>
  void write_with_format(std::uint64_t format, const T& value) {
    Sequence items(*this, '{', '}');
    items.next("format").write(format);
    fields(value, [&](std::string_view name, const auto& field) { items.next(name).write(field); });
  }

  [[nodiscard]] std::string take() { return std::move(text_); }

 private:
  /// Brackets and commas.
  class Sequence {
   public:
    Sequence(Writer& writer, char open, char close) : writer_(writer), close_(close) {
      writer_.text_ += open;
    }
    ~Sequence() { writer_.text_ += close_; }
    Sequence(const Sequence&) = delete;
    Sequence& operator=(const Sequence&) = delete;
    Writer& next() {
      if (!std::exchange(first_, false)) writer_.text_ += ',';
      return writer_;
    }
    Writer& next(std::string_view name) {
      next().write_text(name);
      writer_.text_ += ':';
      return writer_;
    }

   private:
    Writer& writer_;
    char close_;
    bool first_ = true;
  };

  void write_text(std::string_view text) {
    text_ += '"';
    for (const char c : text) {
      if (const auto escape = kEscaped.find(c); escape != std::string_view::npos) {
        text_ += '\\';
        text_ += kEscapes[escape];
      } else if (static_cast<unsigned char>(c) < 0x20) {
        text_ += "\\u00";
        text_ += kHexDigits[static_cast<unsigned char>(c) >> 4];
        text_ += kHexDigits[static_cast<unsigned char>(c) & 15];
      } else {
        text_ += c;
      }
    }
    text_ += '"';
  }

  std::string text_;
};

template <class T>
[[nodiscard]] std::string to_text(const T& value) {
  Writer writer;
  writer.write(value);
  return writer.take();
}

/// Reads what Writer wrote. The first error stops everything; what was read until then stays.
class Reader {
 public:
  /// `bins` receives the histograms of the one observation that a text may hold.
  explicit Reader(std::string_view text, OwnedObservation* bins = nullptr) noexcept
      : text_(text), bins_(bins) {}

  template <class T>
  void read(T& value) {
    if (error_) return;
    if constexpr (std::is_same_v<T, bool>) {
      value = accept("true");
      if (!value) expect("false");
    } else if constexpr (std::is_arithmetic_v<T>) {
      read_number(value);
    } else if constexpr (std::is_enum_v<T>) {
      read_enumerator(value);
    } else if constexpr (std::is_same_v<T, Duration>) {
      Duration::rep count = 0;
      read_number(count);
      value = Duration(count);
    } else if constexpr (std::is_same_v<T, Instant>) {
      Duration::rep count = 0;
      read_number(count);
      value = Instant(Duration(count));
    } else if constexpr (std::is_same_v<T, std::string>) {
      read_text(value);
    } else if constexpr (kIsOptional<T>) {
      if (accept("null"))
        value.reset();
      else
        read(value.emplace());
    } else if constexpr (std::is_same_v<T, HistogramView>) {
      std::vector<HistogramBin>& bins = next_bins();
      read(bins);
      value = bins;
    } else if constexpr (kIsList<T>) {
      value.clear();
      read_items('[', ']', [&] { read(value.emplace_back()); });
    } else if constexpr (kIsMap<T>) {
      read_map(value);
    } else if constexpr (kIsVariant<T>) {
      expect("{");
      read_alternative(value, std::make_index_sequence<std::variant_size_v<T>>());
      expect("}");
    } else if constexpr (kIsPositional<T>) {
      char before = '[';
      fields(value, [&](std::string_view, auto& field) {
        expect({&before, 1});
        read(field);
        before = ',';
      });
      expect("]");
    } else {
      static_assert(Listed<T>);
      expect("{");
      read_fields(value, true);
    }
  }

  template <Listed T>
  void read_with_format(std::uint64_t format, T& value) {
    expect("{\"format\":");
    const std::size_t place = at_;
    std::uint64_t found = 0;
    read(found);
    if (!error_ && found != format)
      fail(place, "expected format " + std::string(NumberText(format)));
    read_fields(value, false);
  }

  /// The first error, also for text after the end.
  [[nodiscard]] std::optional<DecodeError> finish() {
    if (!error_ && at_ != text_.size()) fail(at_, "expected the end");
    return error_;
  }

 private:
  void fail(std::size_t place, std::string message) {
    if (!error_) error_ = DecodeError{.offset = place, .message = std::move(message)};
  }

  [[nodiscard]] bool accept(std::string_view token) noexcept {
    if (error_ || !text_.substr(at_).starts_with(token)) return false;
    at_ += token.size();
    return true;
  }

  void expect(std::string_view token) {
    if (!error_ && !accept(token)) fail(at_, "expected " + std::string(token));
  }

  void expect_name(std::string_view name) {
    expect("\"");
    expect(name);
    expect("\":");
  }

  /// Reads the fields of an object in order.
  struct FieldReader {
    Reader& reader;
    bool first;
    template <class Field>
    void operator()(std::string_view name, Field& field) {
      if (!std::exchange(first, false)) reader.expect(",");
      reader.expect_name(name);
      reader.read(field);
    }
    /// A field that is not written while it has the value that says nothing; never the first.
    template <class Value, class Field>
    void unless(const Value& unsaid, std::string_view name, Field& field) {
      const std::size_t place = reader.at_;
      if (!reader.accept(",\"" + std::string(name) + "\":")) return;
      reader.read(field);
      if (field == unsaid)
        reader.fail(place, "expected no " + std::string(name) + " that is usual");
    }
  };

  template <class T>
  void read_fields(T& value, bool first) {
    fields(value, FieldReader{*this, first});
    expect("}");
  }

  /// Calls `item` before each comma and before the closing bracket, unless there are no items.
  template <class Item>
  void read_items(char open, char close, Item item) {
    expect({&open, 1});
    if (accept({&close, 1})) return;
    do item();
    while (accept(","));
    expect({&close, 1});
  }

  template <class T>
  void read_number(T& value) {
    const std::size_t place = at_;
    if constexpr (std::is_floating_point_v<T>) {
      constexpr T kInfinity = std::numeric_limits<T>::infinity();
      constexpr std::array<T, 3> kValues{std::numeric_limits<T>::quiet_NaN(), kInfinity,
                                         -kInfinity};
      for (std::size_t i = 0; i < kValues.size(); ++i) {
        if (!accept(NumberText::kNotFinite[i])) continue;
        value = kValues[i];
        return;
      }
    }
    const char* begin = text_.data() + at_;
    const auto [end, status] = std::from_chars(begin, text_.data() + text_.size(), value);
    const std::string_view token(begin, static_cast<std::size_t>(end - begin));
    // Written again, the number must look the same: no leading zeros, no superfluous digits.
    if (status != std::errc() || token != std::string_view(NumberText(value)))
      return fail(place, std::is_floating_point_v<T> ? "expected a number in its shortest form"
                                                     : "expected a whole number in range");
    at_ += token.size();
  }

  template <class T>
  void read_enumerator(T& value) {
    if constexpr (kNames<T>.empty()) {
      std::underlying_type_t<T> index{};
      read_number(index);
      value = static_cast<T>(index);
    } else {
      const std::size_t place = at_;
      std::string name;
      read_text(name);
      for (std::size_t i = 0; i < kNames<T>.size(); ++i) {
        if (kNames<T>[i] != name) continue;
        value = static_cast<T>(i);
        return;
      }
      fail(place, "expected one of" + listed(kNames<T>));
    }
  }

  template <class T, std::size_t... Index>
  void read_alternative(T& value, std::index_sequence<Index...>) {
    const std::size_t place = at_;
    std::string name;
    read_text(name);
    expect(":");
    const bool found =
        ((name == kNames<T>[Index] && (read(value.template emplace<Index>()), true)) || ...);
    if (!found) fail(place, "expected one of" + listed(kNames<T>));
  }

  template <class T>
  void read_map(T& value) {
    value.clear();
    read_items('{', '}', [&] {
      const std::size_t place = at_;
      std::string key;
      read_text(key);
      expect(":");
      if (!value.empty() && !(value.rbegin()->first < key)) fail(place, "expected keys in order");
      read(value[key]);
    });
  }

  void read_text(std::string& value) {
    value.clear();
    expect("\"");
    while (!error_) {
      if (at_ == text_.size()) return fail(at_, "expected the end of a text");
      const std::size_t place = at_;
      const char c = text_[at_++];
      if (c == '"') return;
      if (static_cast<unsigned char>(c) < 0x20) return fail(place, "expected an escape");
      value += c == '\\' ? read_escape(place) : c;
    }
  }

  [[nodiscard]] char read_escape(std::size_t place) {
    const char letter = at_ < text_.size() ? text_[at_++] : '\0';
    if (const auto escape = kEscapes.find(letter);
        letter != '\0' && escape != std::string_view::npos)
      return kEscaped[escape];
    if (letter == 'u' && accept("00") && at_ + 2 <= text_.size()) {
      const std::size_t high = kHexDigits.find(text_[at_]);
      const std::size_t low = kHexDigits.find(text_[at_ + 1]);
      at_ += 2;
      if (high < 2 && low < 16) {
        const char c = static_cast<char>(high * 16 + low);
        if (kEscaped.find(c) == std::string_view::npos) return c;
      }
    }
    fail(place, "expected one of the escapes that are written");
    return '\0';
  }

  [[nodiscard]] std::vector<HistogramBin>& next_bins() {
    // An observation has two histograms, and only Reader's makers decide whether it may have any.
    return std::exchange(candidate_next_, true) ? bins_->candidate_bins : bins_->baseline_bins;
  }

  [[nodiscard]] static std::string listed(std::span<const std::string_view> names) {
    std::string text;
    for (const std::string_view name : names) text.append(" ").append(name);
    return text;
  }

  std::string_view text_;
  OwnedObservation* bins_;
  std::size_t at_ = 0;
  bool candidate_next_ = false;
  std::optional<DecodeError> error_;
};

}  // namespace gatewright::canonical_json
