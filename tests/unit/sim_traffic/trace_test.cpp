// Reading traces: what is kept, what is dropped and how it is named, what is an error and where.
#include "sim/traffic/trace.h"

#include <filesystem>
#include <string>
#include <vector>

#include <gtest/gtest.h>

#include "tests/unit/sim_traffic/trace_files.h"

namespace gatewright::sim {
namespace {

using gatewright::testing::gzipped;
using gatewright::testing::TemporaryFile;

ReadTrace read(std::string_view bytes, TraceFormat format) {
  const TemporaryFile file(bytes);
  return read_trace(file.path(), format);
}

/// The one trace error, with its line.
struct Failure {
  std::string message;
  int line = -1;
};
Failure failure(std::string_view bytes, TraceFormat format) {
  const ReadTrace read_result = read(bytes, format);
  EXPECT_TRUE(has_errors(read_result.diagnostics));
  EXPECT_TRUE(read_result.trace.rows.empty());
  if (read_result.diagnostics.empty()) return {};
  return {read_result.diagnostics.front().message, read_result.diagnostics.front().line};
}

std::vector<double> times(const Trace& trace) {
  std::vector<double> all;
  for (const TraceRow& row : trace.rows) all.push_back(row.at_seconds);
  return all;
}

constexpr std::string_view kCsv =
    "at_seconds,input_tokens,output_tokens\n"
    "0,10,20\n"
    "1.5,11,21\n"
    "1.5,12,22\n"
    "4.5,13,23\n";

void expect_the_four_rows(const ReadTrace& read_result) {
  EXPECT_TRUE(read_result.diagnostics.empty());
  const Trace& trace = read_result.trace;
  EXPECT_EQ(times(trace), (std::vector<double>{0.0, 1.5, 1.5, 4.5}));
  ASSERT_EQ(trace.rows.size(), 4U);
  EXPECT_EQ(trace.rows[3].input_tokens, 13.0F);
  EXPECT_EQ(trace.rows[3].output_tokens, 23.0F);
  EXPECT_TRUE(trace.dropped.empty());
  EXPECT_DOUBLE_EQ(trace.span_seconds, 6.0) << "4.5 s and one mean gap of 1.5 s";
}

TEST(Trace, ReadsPlainCsv) { expect_the_four_rows(read(kCsv, TraceFormat::csv)); }

TEST(Trace, ReadsGzip) { expect_the_four_rows(read(gzipped(kCsv), TraceFormat::csv)); }

TEST(Trace, ReadsGzipOfSeveralMembers) {
  const std::size_t cut = 50;
  expect_the_four_rows(
      read(gzipped(kCsv.substr(0, cut)) + gzipped(kCsv.substr(cut)), TraceFormat::csv));
}

TEST(Trace, ReadsWindowsLineEndsAndByteOrderMark) {
  std::string text = "\xEF\xBB\xBF";
  for (const char c : kCsv) text += c == '\n' ? std::string("\r\n") : std::string(1, c);
  expect_the_four_rows(read(text, TraceFormat::csv));
}

TEST(Trace, ReadsAFileWithoutALastLineEnd) {
  expect_the_four_rows(read(kCsv.substr(0, kCsv.size() - 1), TraceFormat::csv));
}

TEST(Trace, TakesColumnsByNameInAnyOrderAmongOthers) {
  expect_the_four_rows(
      read("model, output_tokens ,at_seconds,\"a \"\"b\"\", c\",input_tokens\n"
           "x,20,0,,10\n"
           "\"x,y\",21,1.5,\"p\"\"q\",11\n"
           "\n"
           "x, 22,\"1.5\" ,,\"12\"\n"
           "x,23.0,4.5,,1.3e1\n",
           TraceFormat::csv));
}

TEST(Trace, LinesMayCrossBuffers) {
  // 40,000 rows with a ragged filler, far beyond one buffer.
  std::string text = "filler,at_seconds,input_tokens,output_tokens\n";
  for (int i = 0; i < 40'000; ++i)
    text += std::string(static_cast<std::size_t>(i % 97), 'f') + "," + std::to_string(i) + ",5,6\n";
  const ReadTrace result = read(text, TraceFormat::csv);
  ASSERT_TRUE(result.diagnostics.empty());
  ASSERT_EQ(result.trace.rows.size(), 40'000U);
  for (std::size_t i = 0; i < result.trace.rows.size(); ++i)
    ASSERT_EQ(result.trace.rows[i].at_seconds, static_cast<double>(i));
}

TEST(Trace, CountsAndNamesEveryDroppedRow) {
  const ReadTrace result = read(
      "at_seconds,input_tokens,output_tokens\n"
      "0,10,20\n"
      "1,0,20\n"
      "2,10,0\n"
      "3,-1,20\n"
      "4,nan,20\n"
      "5,ten,20\n"
      "6,10,\n"
      "7,10,1.5\n"
      "8,10,16777217\n"
      "9,10,inf\n"
      "soon,10,20\n"
      "nan,10,20\n"
      "1e300,10,20\n"
      "10,10\n"
      "11,10,20,30\n"
      "12,\"10,20\n"
      "13,\"10\"x,20\n"
      "14,10,0\n"
      "15,10,20\n",
      TraceFormat::csv);
  ASSERT_TRUE(result.diagnostics.empty()) << result.diagnostics.front().message;
  EXPECT_EQ(times(result.trace), (std::vector<double>{0.0, 15.0}));
  struct Expected {
    const char* reason;
    std::uint64_t count;
    std::uint64_t first_line;
  };
  const std::vector<Expected> expected{
      {"input_tokens is 0", 1, 3},
      {"output_tokens is 0", 2, 4},
      {"input_tokens is negative", 1, 5},
      {"input_tokens is not a number", 2, 6},
      {"output_tokens is not a number", 2, 8},
      {"output_tokens is not a whole number", 1, 9},
      {"output_tokens is above 16,777,216", 1, 10},
      {"at_seconds is not a time", 3, 12},
      {"the header has another number of cells", 2, 15},
      {"the quotes do not match", 2, 17},
  };
  ASSERT_EQ(result.trace.dropped.size(), expected.size());
  for (std::size_t i = 0; i < expected.size(); ++i) {
    EXPECT_EQ(result.trace.dropped[i].reason, expected[i].reason);
    EXPECT_EQ(result.trace.dropped[i].count, expected[i].count) << expected[i].reason;
    EXPECT_EQ(result.trace.dropped[i].first_line, expected[i].first_line) << expected[i].reason;
  }
}

TEST(Trace, TimeStartsAtTheFirstUsableRow) {
  const ReadTrace result =
      read("at_seconds,input_tokens,output_tokens\n50,0,1\n100,1,1\n101,1,1\n", TraceFormat::csv);
  EXPECT_EQ(times(result.trace), (std::vector<double>{0.0, 1.0}));
}

TEST(Trace, ReadsAzureTimestampsExactly) {
  // Over the end of a day, a leap day and a year; 100 ns digits, ns digits, more than ns, none.
  const ReadTrace result = read(
      "TIMESTAMP,ContextTokens,GeneratedTokens\n"
      "2023-11-16 18:17:03.9799600,4808,10\n"
      "2023-11-16 23:59:59.9999999,1,1\n"
      "2023-11-17 00:00:00,1,1\n"
      "2023-12-31 23:59:59.123456789,1,1\n"
      "2024-01-01 00:00:00.000000001,1,1\n"
      "2024-02-28 23:59:59.5,1,1\n"
      "2024-02-29 00:00:00.5,1,1\n"
      "2024-03-01 00:00:00.5999999999,1,1\n",
      TraceFormat::azure);
  ASSERT_TRUE(result.diagnostics.empty());
  const std::vector<double> at = times(result.trace);
  ASSERT_EQ(at.size(), 8U);
  EXPECT_DOUBLE_EQ(at[1], 20'576.0200399);
  EXPECT_DOUBLE_EQ(at[2], 20'576.0200400);
  EXPECT_NEAR(at[4] - at[3], 0.876543212, 1e-9);
  EXPECT_DOUBLE_EQ(at[6] - at[5], 1.0);
  EXPECT_NEAR(at[7] - at[6], 86'400.099999999, 1e-9);
}

TEST(Trace, ReadsTimeZones) {
  const ReadTrace result = read(
      "TIMESTAMP,ContextTokens,GeneratedTokens\n"
      "2024-05-10 00:00:00.009930+00:00,1,1\n"
      "2024-05-10T00:00:01.009930Z,1,1\n"
      "2024-05-10 02:00:02.009930+02:00,1,1\n"
      "2024-05-09 20:30:03.009930-0330,1,1\n"
      "2024-05-10 01:00:04.009930+01,1,1\n"
      "2024-05-10 00:00:05.009930,1,1\n",
      TraceFormat::azure);
  EXPECT_TRUE(result.diagnostics.empty());
  EXPECT_EQ(times(result.trace), (std::vector<double>{0, 1, 2, 3, 4, 5}));
}

TEST(Trace, DropsTimestampsThatAreNone) {
  const std::vector<std::string> wrong{"2023-02-29 00:00:00",
                                       "2023-13-01 00:00:00",
                                       "2023-00-10 00:00:00",
                                       "2023-11-16 24:00:00",
                                       "2023-11-16 18:60:00",
                                       "2023-11-16 18:00:60",
                                       "2023-11-16 18:00",
                                       "2023-11-16",
                                       "2023-11-16 18:00:00.",
                                       "2023-11-16 18:00:00x",
                                       "23-11-16 18:00:00",
                                       "2023/11/16 18:00:00",
                                       "2023-11-16 18:00:00+",
                                       "1699999999",
                                       "2023-11-16 18:00:00+99:00",
                                       "2023-11-16 +8:00:00",
                                       "",
                                       "2023-11-16 18:00:00 UTC"};
  std::string text = "TIMESTAMP,ContextTokens,GeneratedTokens\n2023-11-16 18:00:00,1,1\n";
  for (const std::string& timestamp : wrong) text += timestamp + ",1,1\n";
  text += "2023-11-16 18:00:01,1,1\n";
  const ReadTrace result = read(text, TraceFormat::azure);
  ASSERT_TRUE(result.diagnostics.empty());
  EXPECT_EQ(result.trace.rows.size(), 2U);
  ASSERT_EQ(result.trace.dropped.size(), 1U);
  EXPECT_EQ(result.trace.dropped[0].reason, "TIMESTAMP is not a time");
  EXPECT_EQ(result.trace.dropped[0].count, wrong.size());
}

TEST(Trace, ReadsBurstGptOfBothLayouts) {
  const ReadTrace first = read(
      "Timestamp,Model,Request tokens,Response tokens,Total tokens,Log Type\n"
      "5,ChatGPT,472,18,490,Conversation log\n"
      "45,ChatGPT,1087,230,1317,Conversation log\n"
      "118,GPT-4,417,0,417,API log\n"
      "118,GPT-4,417,276,693,Conversation log\n",
      TraceFormat::burstgpt);
  const ReadTrace third = read(
      "Timestamp,Session ID,Elapsed time,Model,Request tokens,Response tokens,Total tokens,Log "
      "Type\n"
      "5,a,1.2,ChatGPT,472,18,490,Conversation log\n"
      "45,b,1.3,ChatGPT,1087,230,1317,Conversation log\n"
      "118,,,GPT-4,417,0,417,API log\n"
      "118,c,2.5,GPT-4,417,276,693,Conversation log\n",
      TraceFormat::burstgpt);
  for (const ReadTrace* result : {&first, &third}) {
    ASSERT_TRUE(result->diagnostics.empty());
    EXPECT_EQ(times(result->trace), (std::vector<double>{0, 40, 113}));
    ASSERT_EQ(result->trace.dropped.size(), 1U);
    EXPECT_EQ(result->trace.dropped[0].reason, "Response tokens is 0, a failed request");
    EXPECT_EQ(result->trace.dropped[0].first_line, 4U);
    EXPECT_EQ(result->trace.rows[2].output_tokens, 276.0F);
  }
}

TEST(Trace, ReadsMooncakeLines) {
  const ReadTrace result = read(
      "{\"timestamp\": 27482, \"input_length\": 6955, \"output_length\": 52, \"hash_ids\": [46, "
      "47]}\n"
      "{\"output_length\": 53, \"nested\": {\"timestamp\": 1, \"a\": [{\"input_length\": 2}]}, "
      "\"input_length\": 10, \"text\": \"\\\"timestamp\\\": 5, \\u00e4\", \"timestamp\": 30535}\n"
      "\n"
      "  { \"timestamp\" : 3.1e4 , \"input_length\":1e1,\"output_length\":12.0 }  \n",
      TraceFormat::mooncake);
  ASSERT_TRUE(result.diagnostics.empty());
  EXPECT_EQ(times(result.trace), (std::vector<double>{0.0, 3.053, 3.518}));
  EXPECT_EQ(result.trace.rows[1].input_tokens, 10.0F);
  EXPECT_EQ(result.trace.rows[1].output_tokens, 53.0F);
  EXPECT_EQ(result.trace.rows[2].output_tokens, 12.0F);
}

TEST(Trace, DropsJsonLinesThatSayNothing) {
  const ReadTrace result = read(
      "{\"timestamp\": 0, \"input_length\": 1, \"output_length\": 1}\n"
      "{\"timestamp\": 1, \"input_length\": 1, \"output_length\": 1\n"
      "[0, 1, 1]\n"
      "17\n"
      "\"timestamp\"\n"
      "{\"timestamp\": 1, \"input_length\": 1, \"output_length\": 1} {}\n"
      "{\"timestamp\": 1, \"input_length\": 1}\n"
      "{\"timestamp\": 1, \"input_length\": 1, \"input_length\": 2, \"output_length\": 1}\n"
      "{\"timestamp\": \"1\", \"input_length\": 1, \"output_length\": 1}\n"
      "{\"timestamp\": 1, \"input_length\": null, \"output_length\": 1}\n"
      "{\"timestamp\": 1, \"input_length\": [3], \"output_length\": 1}\n"
      "{\"timestamp\": 1, \"input_length\": {\"output_length\": 1}, \"output_length\": true}\n"
      "{\"timestamp\": 1e999, \"input_length\": 1, \"output_length\": 1}\n"
      "{\"timestamp\": 1000, \"input_length\": 1, \"output_length\": 1}\n",
      TraceFormat::mooncake);
  ASSERT_TRUE(result.diagnostics.empty());
  EXPECT_EQ(times(result.trace), (std::vector<double>{0.0, 1.0}));
  struct Expected {
    const char* reason;
    std::uint64_t count;
    std::uint64_t first_line;
  };
  const std::vector<Expected> expected{
      {"the line is not a JSON object", 6, 2},
      {"output_length is missing", 1, 7},
      {"a key is repeated", 1, 8},
      {"timestamp is not a time", 1, 9},
      {"input_length is not a number", 3, 10},
  };
  ASSERT_EQ(result.trace.dropped.size(), expected.size());
  for (std::size_t i = 0; i < expected.size(); ++i) {
    EXPECT_EQ(result.trace.dropped[i].reason, expected[i].reason);
    EXPECT_EQ(result.trace.dropped[i].count, expected[i].count) << expected[i].reason;
    EXPECT_EQ(result.trace.dropped[i].first_line, expected[i].first_line) << expected[i].reason;
  }
}

TEST(Trace, DeepJsonCostsNothing) {
  const std::string deep(500'000, '[');
  const ReadTrace result = read(
      "{\"timestamp\": 0, \"input_length\": 1, \"output_length\": 1}\n"
      "{\"a\": " +
          deep +
          "\n"
          "{\"timestamp\": 1000, \"input_length\": 1, \"output_length\": 1}\n",
      TraceFormat::mooncake);
  EXPECT_TRUE(result.diagnostics.empty());
  EXPECT_EQ(result.trace.rows.size(), 2U);
}

TEST(Trace, FindsTheTickOfACoarseClock) {
  const auto tick = [](const std::vector<double>& at) {
    std::string text = "at_seconds,input_tokens,output_tokens\n";
    for (const double t : at) text += std::to_string(t) + ",1,1\n";
    return read(text, TraceFormat::csv).trace.tick_seconds;
  };
  EXPECT_DOUBLE_EQ(tick({0, 3, 3, 6, 15, 18, 30}), 3.0);
  EXPECT_NEAR(tick({0, 3, 5.999, 9, 15, 18.001, 27, 41.999, 60}), 3.0, 0.001)
      << "a coarse clock written down in milliseconds";
  EXPECT_DOUBLE_EQ(tick({0, 4, 6, 10}), 2.0);
  EXPECT_EQ(tick({0, 3, 7, 9.5, 16}), 0.0);
  EXPECT_EQ(tick({0, 0.001, 0.002, 0.004}), 0.0) << "a fine clock";
}

TEST(Trace, NamesTheColumnThatWasProbablyMeant) {
  const Failure missing =
      failure("at_seconds,input_token,output_tokens\n0,1,1\n", TraceFormat::csv);
  EXPECT_EQ(missing.message, "no column 'input_tokens', did you mean 'input_token'?");
  EXPECT_EQ(missing.line, 1);
  const Failure other = failure("a,b,c\n0,1,1\n", TraceFormat::csv);
  EXPECT_EQ(other.message, "no column 'at_seconds'; found 'a', 'b', 'c'");
  const Failure key = failure("{\"timestamps\": 0, \"input_length\": 1, \"output_length\": 1}\n",
                              TraceFormat::mooncake);
  EXPECT_EQ(key.message, "no key 'timestamp', did you mean 'timestamps'?");
}

TEST(Trace, ReportsEveryMissingColumn) {
  EXPECT_EQ(read("time,input,output\n0,1,1\n", TraceFormat::csv).diagnostics.size(), 3U);
}

TEST(Trace, RefusesAHeaderWithAColumnTwice) {
  const Failure twice =
      failure("at_seconds,input_tokens,input_tokens,output_tokens\n0,1,1,1\n", TraceFormat::csv);
  EXPECT_EQ(twice.message, "the column 'input_tokens' appears twice");
}

TEST(Trace, RefusesTimeThatRunsBackwards) {
  const Failure backwards =
      failure("at_seconds,input_tokens,output_tokens\n0,1,1\n9,1,1\n\n8.5,1,1\n", TraceFormat::csv);
  EXPECT_EQ(backwards.message,
            "time runs backwards by 0.500000 s: expected rows in order of 'at_seconds'");
  EXPECT_EQ(backwards.line, 5);
}

TEST(Trace, RefusesWhatHasNoRate) {
  EXPECT_EQ(failure("", TraceFormat::csv).message, "no rows");
  EXPECT_EQ(failure("\n\n", TraceFormat::mooncake).message, "no rows");
  EXPECT_EQ(failure("at_seconds,input_tokens,output_tokens\n", TraceFormat::csv).message,
            "no rows");
  EXPECT_EQ(
      failure("at_seconds,input_tokens,output_tokens\n3,1,1\n3,1,1\n", TraceFormat::csv).message,
      "expected usable rows at two times at least: one time has no rate");
  const Failure unusable =
      failure("at_seconds,input_tokens,output_tokens\n3,1,0\n4,0,1\n", TraceFormat::csv);
  EXPECT_EQ(unusable.message, "no usable row; here output_tokens is 0");
  EXPECT_EQ(unusable.line, 2);
}

TEST(Trace, RefusesTruncatedGzip) {
  std::string text = "at_seconds,input_tokens,output_tokens\n";
  for (int i = 0; i < 20'000; ++i) text += std::to_string(i * i % 7919 + 8000 * i) + ",1,1\n";
  const std::string whole = gzipped(text);
  ASSERT_TRUE(read(whole, TraceFormat::csv).diagnostics.empty());
  for (const std::size_t keep :
       {std::size_t{3}, std::size_t{12}, whole.size() / 2, whole.size() - 9, whole.size() - 1}) {
    const Failure truncated = failure(whole.substr(0, keep), TraceFormat::csv);
    EXPECT_EQ(truncated.message, "the gzip data end too early: the file is truncated") << keep;
  }
}

TEST(Trace, RefusesDamagedGzip) {
  std::string whole = gzipped(kCsv);
  whole[whole.size() - 6] = static_cast<char>(whole[whole.size() - 6] ^ 0x55);  // the checksum
  EXPECT_NE(failure(whole, TraceFormat::csv).message.find("cannot be read"), std::string::npos);
}

TEST(Trace, RefusesBinary) {
  using namespace std::string_literals;
  const Failure binary =
      failure("at_seconds,input_tokens,output_tokens\n0,1,\0\n"s, TraceFormat::csv);
  EXPECT_EQ(binary.message, "expected text, found control characters: is this a recorded trace?");
  EXPECT_EQ(binary.line, 2);
}

TEST(Trace, RefusesEndlessLinesWithoutReadingThem) {
  // 1 GiB of one letter in a megabyte of gzip.
  const std::string piece = gzipped(std::string(std::size_t{1} << 26, 'a'));
  std::string bomb;
  for (int i = 0; i < 16; ++i) bomb += piece;
  const Failure endless = failure(bomb, TraceFormat::csv);
  EXPECT_EQ(endless.message, "expected lines of at most 1 MiB: this is no trace");
  EXPECT_EQ(endless.line, 1);
}

TEST(Trace, RefusesWhatIsNoFile) {
  const auto message = [](const std::string& path) {
    const ReadTrace result = read_trace(path, TraceFormat::csv);
    EXPECT_EQ(result.diagnostics.size(), 1U);
    EXPECT_EQ(result.diagnostics.front().file, path);
    return result.diagnostics.front().message;
  };
  EXPECT_EQ(message("/no/such/file.csv"), "no such file");
  EXPECT_EQ(message(::testing::TempDir()), "expected a file, this is something else");
  EXPECT_EQ(message("/dev/zero"), "expected a file, this is something else");
  EXPECT_EQ(message(""), "no such file");
}

}  // namespace
}  // namespace gatewright::sim
