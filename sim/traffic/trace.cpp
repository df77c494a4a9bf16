#include "sim/traffic/trace.h"

#include <algorithm>
#include <array>
#include <charconv>
#include <chrono>
#include <cmath>
#include <cstddef>
#include <filesystem>
#include <nlohmann/json.hpp>
#include <optional>
#include <span>
#include <string_view>
#include <system_error>
#include <utility>

#include "policies/nearest.h"
#include "sim/traffic/line_reader.h"

namespace gatewright::sim {
namespace {

constexpr std::size_t kMostColumns = 1'000;
constexpr std::size_t kMostRows = 50'000'000;
constexpr double kMostTokens = 16'777'216;  // beyond it a float skips whole numbers
constexpr double kFarthestSeconds = 4e9;    // differences still fit in nanoseconds
constexpr double kFineTickSeconds = 0.1;    // clocks below are not worth a word
constexpr double kNanosecondsPerSecond = 1e9;

/// Names of the three columns, in the order time, input, output.
using ColumnNames = std::array<std::string_view, 3>;

ColumnNames column_names(TraceFormat format) noexcept {
  switch (format) {
    case TraceFormat::azure:
      return {"TIMESTAMP", "ContextTokens", "GeneratedTokens"};
    case TraceFormat::burstgpt:
      return {"Timestamp", "Request tokens", "Response tokens"};
    case TraceFormat::mooncake:
      return {"timestamp", "input_length", "output_length"};
    case TraceFormat::csv:
      break;
  }
  return {"at_seconds", "input_tokens", "output_tokens"};
}

std::string in_quotes(std::string_view text) {
  return std::string(1, '\'').append(text).append(1, '\'');
}

std::string_view trimmed(std::string_view text) noexcept {
  const std::size_t first = text.find_first_not_of(" \t");
  if (first == std::string_view::npos) return {};
  return text.substr(first, text.find_last_not_of(" \t") - first + 1);
}

std::optional<double> number(std::string_view text) noexcept {
  double value = 0.0;
  const auto [end, code] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (code != std::errc{} || end != text.data() + text.size() || !std::isfinite(value))
    return std::nullopt;
  return value;
}

/// Nanoseconds of a number of seconds.
std::optional<std::int64_t> nanoseconds(std::optional<double> seconds) noexcept {
  if (!seconds || !(std::abs(*seconds) <= kFarthestSeconds)) return std::nullopt;
  return std::llround(*seconds * kNanosecondsPerSecond);
}

/// Reads a date and time from the left, piece by piece.
class TimestampScanner {
 public:
  explicit TimestampScanner(std::string_view text) : text_(text) {}

  /// Exactly `digits` digits.
  std::optional<int> digits(std::size_t digits) noexcept {
    if (text_.size() < digits) return std::nullopt;
    int value = 0;
    for (const char c : text_.substr(0, digits)) {
      if (c < '0' || c > '9') return std::nullopt;
      value = 10 * value + (c - '0');
    }
    text_.remove_prefix(digits);
    return value;
  }

  /// One of these characters.
  std::optional<char> any_of(std::string_view allowed) noexcept {
    if (text_.empty() || allowed.find(text_.front()) == std::string_view::npos) return std::nullopt;
    const char c = text_.front();
    text_.remove_prefix(1);
    return c;
  }

  [[nodiscard]] bool done() const noexcept { return text_.empty(); }

 private:
  std::string_view text_;
};

/// "2023-11-16 18:17:03.9799600", also with T and with a zone (Z, +02:00, +0200, +02); without a zone
/// as if in UTC. Exact to the nanosecond.
std::optional<std::int64_t> timestamp(std::string_view text) noexcept {
  using std::chrono::day, std::chrono::month, std::chrono::year;
  TimestampScanner scan(text);
  const auto y = scan.digits(4);
  if (!y || !scan.any_of("-")) return std::nullopt;
  const auto mo = scan.digits(2);
  if (!mo || !scan.any_of("-")) return std::nullopt;
  const auto d = scan.digits(2);
  if (!d || !scan.any_of(" T")) return std::nullopt;
  const auto h = scan.digits(2);
  if (!h || !scan.any_of(":")) return std::nullopt;
  const auto mi = scan.digits(2);
  if (!mi || !scan.any_of(":")) return std::nullopt;
  const auto s = scan.digits(2);
  if (!s) return std::nullopt;

  std::int64_t fraction = 0;
  if (scan.any_of(".")) {
    std::int64_t unit = 1'000'000'000;
    auto digit = scan.digits(1);
    if (!digit) return std::nullopt;
    for (; digit; digit = scan.digits(1)) fraction += *digit * (unit /= 10);
  }

  std::chrono::minutes offset{0};
  if (!scan.done() && !scan.any_of("Z")) {
    const auto sign = scan.any_of("+-");
    const auto zone_hours = sign ? scan.digits(2) : std::nullopt;
    if (!zone_hours || *zone_hours > 14) return std::nullopt;
    std::optional<int> zone_minutes = 0;
    if (scan.any_of(":") || !scan.done()) zone_minutes = scan.digits(2);
    if (!zone_minutes || *zone_minutes > 59) return std::nullopt;
    offset = std::chrono::hours(*zone_hours) + std::chrono::minutes(*zone_minutes);
    if (*sign == '-') offset = -offset;
  }

  const std::chrono::year_month_day date{year(*y), month(static_cast<unsigned>(*mo)),
                                         day(static_cast<unsigned>(*d))};
  const bool sane =
      scan.done() && date.ok() && *y >= 1970 && *y <= 2199 && *h < 24 && *mi < 60 && *s < 60;
  if (!sane) return std::nullopt;
  const std::chrono::seconds whole = std::chrono::sys_days(date).time_since_epoch() +
                                     std::chrono::hours(*h) + std::chrono::minutes(*mi) +
                                     std::chrono::seconds(*s) - offset;
  return std::chrono::nanoseconds(whole).count() + fraction;
}

/// What one line says; nothing where a cell cannot be read.
struct RawRow {
  std::optional<std::int64_t> nanoseconds;
  std::optional<double> input;
  std::optional<double> output;
};

/// Turns raw rows into a trace: keeps the usable, counts and names the others, stops at errors.
class Collector {
 public:
  Collector(std::string path, TraceFormat format)
      : path_(std::move(path)), format_(format), names_(column_names(format)) {}

  [[nodiscard]] const ColumnNames& names() const noexcept { return names_; }
  [[nodiscard]] bool failed() const noexcept { return !read_.diagnostics.empty(); }

  void fail(std::uint64_t line, std::string message) {
    constexpr std::uint64_t kMost = 2'147'483'647;
    read_.diagnostics.push_back({Severity::error,
                                 {},
                                 std::move(message),
                                 path_,
                                 static_cast<int>(std::min(line, kMost)),
                                 0});
  }

  void drop(std::uint64_t line, std::string reason) {
    for (DroppedRows& dropped : read_.trace.dropped)
      if (dropped.reason == reason) {
        ++dropped.count;
        return;
      }
    read_.trace.dropped.push_back({std::move(reason), 1, line});
  }

  void add(std::uint64_t line, const RawRow& raw) {
    if (!raw.nanoseconds) return drop(line, std::string(names_[0]) + " is not a time");
    if (const auto problem = token_problem(names_[1], raw.input)) return drop(line, *problem);
    if (const auto problem = token_problem(names_[2], raw.output)) {
      const bool failed_request = format_ == TraceFormat::burstgpt && raw.output == 0.0;
      return drop(line, *problem + (failed_request ? ", a failed request" : ""));
    }
    std::vector<TraceRow>& rows = read_.trace.rows;
    if (rows.empty()) first_ = last_ = *raw.nanoseconds;
    if (*raw.nanoseconds < last_) {
      return fail(line, "time runs backwards by " +
                            std::to_string(seconds(last_ - *raw.nanoseconds)) +
                            " s: expected rows in order of " + in_quotes(names_[0]));
    }
    if (rows.size() == kMostRows)
      return fail(line, "expected at most 50,000,000 rows: cut the trace");
    last_ = *raw.nanoseconds;
    rows.push_back(
        {seconds(last_ - first_), static_cast<float>(*raw.input), static_cast<float>(*raw.output)});
  }

  ReadTrace finish() && {
    if (!failed()) summarise();
    if (failed()) read_.trace.rows = {};
    return std::move(read_);
  }

 private:
  static double seconds(std::int64_t nanoseconds) noexcept {
    return static_cast<double>(nanoseconds) / kNanosecondsPerSecond;
  }

  static std::optional<std::string> token_problem(std::string_view name,
                                                  std::optional<double> tokens) {
    const std::string column(name);
    if (!tokens) return column + " is not a number";
    if (*tokens == 0.0) return column + " is 0";
    if (*tokens < 0.0) return column + " is negative";
    if (*tokens != std::floor(*tokens)) return column + " is not a whole number";
    if (*tokens > kMostTokens) return column + " is above 16,777,216";
    return std::nullopt;
  }

  void summarise() {
    Trace& trace = read_.trace;
    const std::size_t count = trace.rows.size();
    if (count == 0 && trace.dropped.empty()) return fail(0, "no rows");
    if (count == 0) {
      const DroppedRows& first = trace.dropped.front();
      return fail(first.first_line, "no usable row; here " + first.reason);
    }
    const double last = trace.rows.back().at_seconds;
    if (last <= 0.0)
      return fail(0, "expected usable rows at two times at least: one time has no rate");
    trace.span_seconds = last * static_cast<double>(count) / static_cast<double>(count - 1);
    trace.tick_seconds = tick(trace.rows);
  }

  /// The clock of which all times are whole multiples, give or take 1%: first guessed as the least
  /// gap, then made exact while counting along, as a vernier does.
  static double tick(std::span<const TraceRow> rows) noexcept {
    constexpr double kTolerance = 0.01;
    double tick = rows.back().at_seconds;
    for (std::size_t i = 1; i < rows.size(); ++i) {
      const double gap = rows[i].at_seconds - rows[i - 1].at_seconds;
      if (gap > 0.0) tick = std::min(tick, gap);
    }
    if (tick < kFineTickSeconds) return 0.0;
    for (const TraceRow& row : rows) {
      const double count = std::round(row.at_seconds / tick);
      if (count > 0.0) tick = row.at_seconds / count;
    }
    const bool consistent = std::all_of(rows.begin(), rows.end(), [tick](const TraceRow& row) {
      const double count = row.at_seconds / tick;
      return std::abs(count - std::round(count)) <= kTolerance;
    });
    return consistent ? tick : 0.0;
  }

  std::string path_;
  TraceFormat format_;
  ColumnNames names_;
  std::int64_t first_ = 0;
  std::int64_t last_ = 0;
  ReadTrace read_;
};

/// "no column 'input_tokens', did you mean 'input tokens'?", or what there is where nothing is near.
std::string missing(std::string_view what, std::string_view name,
                    std::span<const std::string> present) {
  constexpr std::size_t kMostNamed = 8;
  std::string message = "no " + std::string(what) + " " + in_quotes(name);
  const std::string_view meant = nearest(name, present);
  if (!meant.empty()) return message + ", did you mean " + in_quotes(meant) + "?";
  for (std::size_t i = 0; i < std::min(present.size(), kMostNamed); ++i)
    message += (i == 0 ? "; found " : ", ") + in_quotes(std::string_view(present[i]).substr(0, 40));
  return message + (present.size() > kMostNamed ? " and others" : "");
}

/// Splits a line at its commas; cells may be quoted, a quote inside is doubled (RFC 4180, without
/// line ends in cells). Calls `cell(index, text)`; the number of cells, or nothing where the quotes
/// do not match.
template <typename Cell>
std::optional<std::size_t> split(std::string_view line, std::string& room, Cell cell) {
  std::size_t index = 0;
  while (true) {
    std::string_view rest = line.substr(std::min(line.find_first_not_of(" \t"), line.size()));
    if (rest.starts_with('"')) {
      room.clear();
      std::size_t at = 1;
      while (true) {
        const std::size_t quote = rest.find('"', at);
        if (quote == std::string_view::npos) return std::nullopt;
        room.append(rest, at, quote - at);
        at = quote + 1;
        if (at == rest.size() || rest[at] != '"') break;
        room.push_back('"');
        ++at;
      }
      rest.remove_prefix(at);
      const std::size_t comma = std::min(rest.find(','), rest.size());
      if (!trimmed(rest.substr(0, comma)).empty()) return std::nullopt;
      cell(index++, trimmed(room));
      if (comma == rest.size()) return index;
      line = rest.substr(comma + 1);
    } else {
      const std::size_t comma = line.find(',');
      cell(index++, trimmed(line.substr(0, comma)));
      if (comma == std::string_view::npos) return index;
      line.remove_prefix(comma + 1);
    }
  }
}

/// The first line that is not blank.
std::optional<std::string_view> first_line(LineReader& lines) {
  std::optional<std::string_view> line = lines.next();
  while (line && trimmed(*line).empty()) line = lines.next();
  return line;
}

void read_csv(LineReader& lines, TraceFormat format, Collector& collector) {
  const std::optional<std::string_view> line = first_line(lines);
  if (!line) return;

  std::string room;
  std::vector<std::string> header;
  const auto columns = split(*line, room, [&header](std::size_t, std::string_view text) {
    if (header.size() < kMostColumns) header.emplace_back(text);
  });
  if (!columns) return collector.fail(lines.line(), "the quotes of the header do not match");
  if (*columns > kMostColumns)
    return collector.fail(lines.line(), "expected at most 1,000 columns: this is no trace");
  std::array<std::size_t, 3> place{};
  for (std::size_t i = 0; i < place.size(); ++i) {
    const std::string_view name = collector.names()[i];
    const auto found = std::find(header.begin(), header.end(), name);
    if (found == header.end()) {
      collector.fail(lines.line(), missing("column", name, header));
      continue;
    }
    if (std::find(found + 1, header.end(), name) != header.end())
      collector.fail(lines.line(), "the column " + in_quotes(name) + " appears twice");
    place[i] = static_cast<std::size_t>(found - header.begin());
  }

  while (!collector.failed()) {
    const std::optional<std::string_view> row = lines.next();
    if (!row) return;
    if (trimmed(*row).empty()) continue;
    RawRow raw;
    const auto cells = split(*row, room, [&](std::size_t index, std::string_view text) {
      if (index == place[0])
        raw.nanoseconds =
            format == TraceFormat::azure ? timestamp(text) : nanoseconds(number(text));
      else if (index == place[1])
        raw.input = number(text);
      else if (index == place[2])
        raw.output = number(text);
    });
    if (!cells)
      collector.drop(lines.line(), "the quotes do not match");
    else if (*cells != *columns)
      collector.drop(lines.line(), "the header has another number of cells");
    else
      collector.add(lines.line(), raw);
  }
}

/// Takes three numbers from the top level of one JSON object, event by event: nothing is built, so
/// depth and length cost nothing.
class FieldScanner {
 public:
  using Json = nlohmann::json;

  explicit FieldScanner(const ColumnNames& names) : names_(names) {}

  struct Fields {
    std::array<std::optional<double>, 3> values;
    std::array<bool, 3> present{};
    bool repeated = false;
  };

  /// Nothing unless the line is one JSON object.
  std::optional<Fields> scan(std::string_view line) {
    fields_ = {};
    depth_ = 0;
    field_.reset();
    keys_.clear();
    if (!Json::sax_parse(line.begin(), line.end(), this)) return std::nullopt;
    return fields_;
  }

  /// Keys of the line scanned last.
  [[nodiscard]] std::span<const std::string> keys() const noexcept { return keys_; }

  // The interface that the parser calls.
  bool null() { return value(std::nullopt); }
  bool boolean(bool) { return value(std::nullopt); }
  bool number_integer(Json::number_integer_t number) { return value(static_cast<double>(number)); }
  bool number_unsigned(Json::number_unsigned_t number) {
    return value(static_cast<double>(number));
  }
  bool number_float(Json::number_float_t number, const Json::string_t&) { return value(number); }
  bool string(Json::string_t&) { return value(std::nullopt); }
  bool binary(Json::binary_t&) { return value(std::nullopt); }
  bool start_object(std::size_t) {
    if (depth_ == 1) field_.reset();
    ++depth_;
    return true;
  }
  bool start_array(std::size_t) {
    if (depth_ == 0) return false;
    if (depth_ == 1) field_.reset();
    ++depth_;
    return true;
  }
  bool end_object() { return end(); }
  bool end_array() { return end(); }
  bool key(Json::string_t& key) {
    if (depth_ != 1) return true;
    field_.reset();
    for (std::size_t i = 0; i < names_.size(); ++i)
      if (key == names_[i]) {
        fields_.repeated |= fields_.present[i];
        fields_.present[i] = true;
        field_ = i;
      }
    if (keys_.size() < kMostColumns) keys_.push_back(key);
    return true;
  }
  bool parse_error(std::size_t, const std::string&, const Json::exception&) { return false; }

 private:
  bool value(std::optional<double> number) {
    if (depth_ == 1 && field_) fields_.values[*field_] = number;
    return depth_ > 0;
  }
  bool end() {
    --depth_;
    return true;
  }

  ColumnNames names_;
  Fields fields_;
  std::size_t depth_ = 0;
  std::optional<std::size_t> field_;  ///< whose value comes next
  std::vector<std::string> keys_;
};

void read_json_lines(LineReader& lines, Collector& collector) {
  constexpr double kMillisecondsPerSecond = 1e3;
  FieldScanner scanner(collector.names());
  bool keys_checked = false;
  for (auto line = first_line(lines); line && !collector.failed(); line = lines.next()) {
    if (trimmed(*line).empty()) continue;
    const std::optional<FieldScanner::Fields> fields = scanner.scan(*line);
    if (!fields) {
      collector.drop(lines.line(), "the line is not a JSON object");
      continue;
    }
    if (fields->repeated) {
      collector.drop(lines.line(), "a key is repeated");
      continue;
    }
    bool complete = true;
    for (std::size_t i = 0; i < fields->present.size(); ++i) {
      if (fields->present[i]) continue;
      const std::string_view name = collector.names()[i];
      if (!keys_checked)  // the first object speaks for all, as a header does
        collector.fail(lines.line(), missing("key", name, scanner.keys()));
      else if (std::exchange(complete, false))
        collector.drop(lines.line(), std::string(name) + " is missing");
    }
    keys_checked = true;
    if (collector.failed() || !complete) continue;

    std::optional<double> seconds = fields->values[0];
    if (seconds) *seconds /= kMillisecondsPerSecond;
    collector.add(lines.line(), {nanoseconds(seconds), fields->values[1], fields->values[2]});
  }
}

}  // namespace

ReadTrace read_trace(const std::string& path, TraceFormat format) {
  Collector collector(path, format);
  std::error_code code;
  const std::filesystem::file_status status = std::filesystem::status(path, code);
  if (!std::filesystem::exists(status)) {
    collector.fail(0, "no such file");
  } else if (!std::filesystem::is_regular_file(status)) {
    collector.fail(0, "expected a file, this is something else");
  } else if (LineReader lines(path); !lines.is_open()) {
    collector.fail(0, "the file cannot be opened");
  } else {
    if (format == TraceFormat::mooncake)
      read_json_lines(lines, collector);
    else
      read_csv(lines, format, collector);
    if (!lines.error().empty()) collector.fail(lines.line(), lines.error());
  }
  return std::move(collector).finish();
}

}  // namespace gatewright::sim
