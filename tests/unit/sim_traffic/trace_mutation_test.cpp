// Damaged traces: thousands of mutations of good files never crash the reader, never hang it, and
// what it accepts keeps its promises.
#include <sys/resource.h>

#include <algorithm>
#include <sstream>
#include <string>
#include <string_view>

#include <gtest/gtest.h>

#include "sim/streams.h"
#include "sim/traffic/trace.h"
#include "tests/unit/sim_traffic/trace_files.h"

namespace gatewright::sim {
namespace {

using gatewright::testing::gzipped;
using gatewright::testing::TemporaryFile;

std::string good_file(TraceFormat format) {
  std::ostringstream text;
  if (format == TraceFormat::azure) text << "TIMESTAMP,ContextTokens,GeneratedTokens\n";
  if (format == TraceFormat::burstgpt)
    text << "Timestamp,Model,Request tokens,Response tokens,Total tokens,Log Type\n";
  if (format == TraceFormat::csv) text << "at_seconds,input_tokens,output_tokens\r\n";
  for (int i = 0; i < 40; ++i) {
    const int second = 10 + i;
    const int in = 100 + 37 * i % 900;
    const int out = i % 13 == 0 ? 0 : 5 + 11 * i % 400;
    switch (format) {
      case TraceFormat::azure:
        text << "2023-11-16 23:59:" << second << ".9799600," << in << ',' << out << '\n';
        break;
      case TraceFormat::burstgpt:
        text << second << ",GPT-4," << in << ',' << out << ",7,\"API, log\"\n";
        break;
      case TraceFormat::mooncake:
        text << "{\"timestamp\": " << second << "000, \"input_length\": " << in
             << ", \"output_length\": " << out
             << ", \"hash_ids\": [1, [2], {\"a\": \"\\u00e4\"}]}\n";
        break;
      case TraceFormat::csv:
        text << second << ".25,\"" << in << "\"," << out << "\r\n";
        break;
    }
  }
  return text.str();
}

class Mutator {
 public:
  explicit Mutator(std::uint64_t index) : stream_({20'231'116, 0, "mutations", index}) {}

  std::string mutated(std::string text) {
    const std::size_t count = 1 + below(4);
    for (std::size_t i = 0; i < count; ++i) mutate(text);
    return text;
  }
  std::size_t below(std::size_t bound) { return stream_() % std::max<std::size_t>(bound, 1); }

 private:
  void mutate(std::string& text) {
    static constexpr std::string_view kPieces[] = {"\"",
                                                   "\"\"",
                                                   ",",
                                                   "\n",
                                                   "\r",
                                                   "{",
                                                   "}",
                                                   "[",
                                                   "nan",
                                                   "-inf",
                                                   "1e308",
                                                   "-1",
                                                   "0",
                                                   "\0\0",
                                                   "99999999999999999999",
                                                   "1e-400",
                                                   "\xff\xfe",
                                                   "\xEF\xBB\xBF",
                                                   "\\u",
                                                   "9999-99-99 99:99:99",
                                                   "+99:99",
                                                   ".",
                                                   "\x1f\x8b\x08",
                                                   "input_tokens",
                                                   "timestamp\": 1, \""};
    const std::size_t at = below(text.size() + 1);
    switch (below(6)) {
      case 0:
        if (!text.empty()) text[below(text.size())] = static_cast<char>(stream_());
        break;
      case 1:
        text.insert(at, kPieces[below(std::size(kPieces))]);
        break;
      case 2:
        text.erase(at, below(50));
        break;
      case 3:
        text.insert(at, text.substr(below(text.size() + 1), below(300)));
        break;
      case 4:
        if (!text.empty()) {
          char& c = text[below(text.size())];
          c = static_cast<char>(c ^ (1 << below(8)));
        }
        break;
      default:
        text.resize(at);
        break;
    }
  }

  Stream stream_;
};

void expect_promises(const ReadTrace& read, std::size_t lines) {
  if (has_errors(read.diagnostics)) {
    EXPECT_TRUE(read.trace.rows.empty());
    for (const Diagnostic& diagnostic : read.diagnostics) EXPECT_FALSE(diagnostic.message.empty());
    return;
  }
  const Trace& trace = read.trace;
  ASSERT_GE(trace.rows.size(), 2U);
  std::uint64_t rows = trace.rows.size();
  for (const DroppedRows& dropped : trace.dropped) {
    rows += dropped.count;
    EXPECT_GT(dropped.count, 0U);
    EXPECT_GT(dropped.first_line, 0U);
  }
  EXPECT_LE(rows, lines);
  EXPECT_EQ(trace.rows.front().at_seconds, 0.0);
  double last = 0.0;
  for (const TraceRow& row : trace.rows) {
    EXPECT_GE(row.at_seconds, last);
    last = row.at_seconds;
    EXPECT_TRUE(row.input_tokens >= 1.0F && row.input_tokens <= 16'777'216.0F);
    EXPECT_TRUE(row.output_tokens >= 1.0F && row.output_tokens <= 16'777'216.0F);
  }
  EXPECT_GT(last, 0.0);
  EXPECT_GT(trace.span_seconds, last);
  EXPECT_LE(trace.span_seconds, 2.0 * last);
  EXPECT_GE(trace.tick_seconds, 0.0);
  EXPECT_LE(trace.tick_seconds, last * 1.01);
}

long peak_kibibytes() {
  rusage usage{};
  getrusage(RUSAGE_SELF, &usage);
  return usage.ru_maxrss;
}

TEST(DamagedTrace, NeverBreaksTheReader) {
  constexpr std::uint64_t kMutations = 1500;  // per format, plain, inside gzip, and of gzip itself
  const TemporaryFile file("");
  std::uint64_t index = 0;
  std::size_t accepted = 0;
  const long before = peak_kibibytes();
  for (const TraceFormat format :
       {TraceFormat::azure, TraceFormat::burstgpt, TraceFormat::mooncake, TraceFormat::csv}) {
    const std::string good = good_file(format);
    file.write(good);
    ASSERT_TRUE(read_trace(file.path(), format).diagnostics.empty());
    const std::string good_gzip = gzipped(good);
    for (std::uint64_t i = 0; i < kMutations; ++i) {
      SCOPED_TRACE(index);
      Mutator mutator(index++);
      const std::string text = mutator.mutated(good);
      const auto lines = static_cast<std::size_t>(std::count(text.begin(), text.end(), '\n')) + 1;
      file.write(text);
      const ReadTrace plain = read_trace(file.path(), format);
      expect_promises(plain, lines);
      accepted += has_errors(plain.diagnostics) ? 0 : 1;

      file.write(gzipped(text));
      const ReadTrace compressed = read_trace(file.path(), format);
      if (!text.starts_with("\x1f\x8b")) {
        EXPECT_EQ(compressed.trace.rows.size(), plain.trace.rows.size());
        EXPECT_EQ(compressed.diagnostics.size(), plain.diagnostics.size());
      }

      file.write(mutator.mutated(good_gzip));
      expect_promises(read_trace(file.path(), format), ~std::size_t{0});
    }
  }
  EXPECT_GT(accepted, index / 10) << "most mutations should leave something to read";
  constexpr long kGrowthKibibytes = 512L * 1024;  // a sanitizer keeps freed memory for a while
  EXPECT_LT(peak_kibibytes() - before, kGrowthKibibytes);
}

}  // namespace
}  // namespace gatewright::sim
