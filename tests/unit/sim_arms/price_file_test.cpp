// The price file: genai-prices' own file where it is at hand, small ones written here for the rest.
#include <gtest/gtest.h>
#include <zlib.h>

#include <algorithm>
#include <chrono>
#include <filesystem>
#include <fstream>
#include <string>
#include <vector>

#include "sim/arms/price_file.h"
#include "sim/traffic/trace.h"
#include "sim/world.h"
#include "tests/support/worlds.h"

namespace gatewright::sim {
namespace {

using namespace testing;
using std::chrono::sys_days;
using namespace std::chrono_literals;

constexpr std::chrono::sys_seconds kStart = sys_days(2026y / 8 / 21);

/// A file of one provider that sells model m at these prices.
class PriceFile {
 public:
  explicit PriceFile(const std::string& prices, const std::string& more = "")
      : path_(std::filesystem::path(::testing::TempDir()) / "gatewright_prices.json") {
    std::ofstream(path_) << R"([{"id": "shop", "models": [{"id": "model-m", "prices": )" << prices
                         << "}]}" << more << "]";
  }
  ~PriceFile() { std::filesystem::remove(path_); }
  PriceFile(const PriceFile&) = delete;
  PriceFile& operator=(const PriceFile&) = delete;
  [[nodiscard]] PriceAnswer ask(std::optional<std::chrono::sys_seconds> starts_at = kStart,
                                std::string model = "model-m", Duration horizon = 48h) const {
    return find_price({.file = path_.string(),
                       .model = std::move(model),
                       .starts_at = starts_at,
                       .horizon = horizon,
                       .path = "baseline.price"});
  }
  [[nodiscard]] std::string refusal(std::optional<std::chrono::sys_seconds> starts_at = kStart,
                                    std::string model = "model-m") const {
    const PriceAnswer answer = ask(starts_at, std::move(model));
    if (answer.diagnostics.empty()) return {};
    return answer.diagnostics[0].path + ": " + answer.diagnostics[0].message;
  }

 private:
  std::filesystem::path path_;
};

TEST(PriceFile, TiersOfAllKindsOfTokensAreMerged) {
  const PriceFile file(R"({"input_mtok": {"base": 1, "tiers": [{"start": 1000, "price": 2}]},
                           "output_mtok": {"base": 4, "tiers": [{"start": 5000, "price": 6}]},
                           "cache_read_mtok": 0.1, "cache_write_mtok": 1.25})");
  const Arm::Price price = file.ask().price;
  EXPECT_DOUBLE_EQ(price.input_usd_per_token, 1e-6);
  EXPECT_DOUBLE_EQ(price.output_usd_per_token, 4e-6);
  EXPECT_DOUBLE_EQ(price.cached_input_usd_per_token.value(), 0.1e-6);
  ASSERT_EQ(price.tiers.size(), 2U);
  EXPECT_EQ(price.tiers[0].above_input_tokens, 1'000.0);
  EXPECT_DOUBLE_EQ(price.tiers[0].input_usd_per_token, 2e-6);
  EXPECT_DOUBLE_EQ(price.tiers[0].output_usd_per_token, 4e-6);
  EXPECT_DOUBLE_EQ(price.tiers[1].input_usd_per_token, 2e-6);
  EXPECT_DOUBLE_EQ(price.tiers[1].output_usd_per_token, 6e-6);
  EXPECT_DOUBLE_EQ(price.tiers[1].cached_input_usd_per_token.value(), 0.1e-6);
}

constexpr const char* kDated =
    R"([{"prices": {"input_mtok": 10, "output_mtok": 40}},
        {"constraint": {"start_date": "2026-08-22"}, "prices": {"input_mtok": 2, "output_mtok": 8}}])";

TEST(PriceFile, ADatedPriceHoldsFromItsMidnightOn) {
  const PriceFile file(kDated);
  const PriceAnswer before = file.ask(kStart + 23h);
  EXPECT_DOUBLE_EQ(before.price.input_usd_per_token, 10e-6);
  ASSERT_EQ(before.price.changes.size(), 1U);
  EXPECT_EQ(before.price.changes[0].from, 1h);
  EXPECT_DOUBLE_EQ(before.price.changes[0].output_usd_per_token, 8e-6);
  EXPECT_EQ(
      before.note,
      "baseline.price: model-m of shop at 2026-08-21T23:00Z: $10 in, $40 out per Mtok; changes "
      "from 2026-08-22T00:00Z on to $2 in, $8 out");

  const PriceAnswer after = file.ask(kStart + 24h);
  EXPECT_DOUBLE_EQ(after.price.input_usd_per_token, 2e-6);
  EXPECT_TRUE(after.price.changes.empty());
  // Without a date the last price holds.
  EXPECT_DOUBLE_EQ(file.ask(std::nullopt).price.input_usd_per_token, 2e-6);
}

TEST(PriceFile, ATimeOfDayComesBackEveryDay) {
  // deepseek-chat's rule of 2025, in the file of genai-prices: dear from 00:30 to 16:30 UTC.
  const PriceFile file(
      R"([{"prices": {"input_mtok": 0.135, "output_mtok": 0.55}},
          {"constraint": {"start_time": "00:30:00Z", "end_time": "16:30:00Z"},
           "prices": {"input_mtok": 0.27, "output_mtok": 1.1}}])");
  const Arm::Price price = file.ask(kStart).price;
  EXPECT_DOUBLE_EQ(price.input_usd_per_token, 0.135e-6);
  std::vector<Duration> from;
  for (const Arm::Price::Change& change : price.changes) from.push_back(change.from);
  EXPECT_EQ(from, (std::vector<Duration>{30min, 16h + 30min, 24h + 30min, 40h + 30min}));
  EXPECT_DOUBLE_EQ(price.changes[0].input_usd_per_token, 0.27e-6);
  EXPECT_DOUBLE_EQ(price.changes[1].input_usd_per_token, 0.135e-6);
  EXPECT_EQ(file.refusal(std::nullopt),
            "baseline.price.model: the price of 'model-m' depends on the time of day: expected "
            "starts_at, such as 2026-08-21T00:00Z");
}

TEST(PriceFile, AWindowOverMidnightHoldsOnBothSides) {
  const PriceFile file(R"([{"prices": {"input_mtok": 2, "output_mtok": 4}},
                           {"constraint": {"start_time": "22:00:00Z", "end_time": "02:00:00Z"},
                            "prices": {"input_mtok": 1, "output_mtok": 2}}])");
  EXPECT_DOUBLE_EQ(file.ask(kStart + 1h).price.input_usd_per_token, 1e-6);
  EXPECT_DOUBLE_EQ(file.ask(kStart + 2h).price.input_usd_per_token, 2e-6);
  EXPECT_DOUBLE_EQ(file.ask(kStart + 23h).price.input_usd_per_token, 1e-6);
}

TEST(PriceFile, WhatIsWrongIsSaid) {
  EXPECT_EQ(PriceFile(kDated).refusal(kStart, "modle-m"),
            "baseline.price.model: the price file has no model 'modle-m'; did you mean 'model-m'?");
  EXPECT_EQ(PriceFile(kDated, R"(, {"id": "mall", "models": [{"id": "model-m", "prices": {}}]})")
                .refusal(),
            "baseline.price.model: several providers sell 'model-m'; expected one of shop/model-m, "
            "mall/model-m");
  EXPECT_EQ(PriceFile(kDated, R"(, {"id": "mall", "models": [{"id": "model-m", "prices": {}}]})")
                .refusal(kStart, "shop/model-m"),
            "");
  EXPECT_EQ(PriceFile(R"([{"constraint": {"start_date": "2027-01-01"},
                           "prices": {"input_mtok": 1, "output_mtok": 1}}])")
                .refusal(),
            "baseline.price.model: no price of 'model-m' is valid at 2026-08-21T00:00Z");
  EXPECT_EQ(PriceFile(R"([{"constraint": {"region": "eu"},
                           "prices": {"input_mtok": 1, "output_mtok": 1}}])")
                .refusal(),
            "baseline.price.file: a price of 'model-m' depends on 'region'; expected start_date as "
            "2026-03-13, or start_time and end_time as 16:30:00Z");
  EXPECT_EQ(
      PriceFile(R"({"input_mtok": -1, "output_mtok": 1})").refusal(),
      "baseline.price.file: 'model-m' has a input_mtok that is neither a number of at least 0 "
      "nor a base with tiers");
  EXPECT_EQ(PriceFile(R"({"input_mtok": 1})").refusal(),
            "baseline.price.model: 'model-m' has no price of prompts and answers: expected "
            "input_mtok and output_mtok");
  EXPECT_NE(PriceFile("{").refusal().find("is no price file"), std::string::npos);
  EXPECT_NE(find_price({.file = "/nowhere", .model = "m", .path = "baseline.price"})
                .diagnostics.at(0)
                .message.find("no such file"),
            std::string::npos);
}

TEST(PriceFile, NoPrefixOfAFileBreaksTheReader) {
  const std::string whole =
      R"([{"id": "shop", "models": [{"id": "model-m", "prices": [{"constraint": {"start_date": )"
      R"("2026-08-22"}, "prices": {"input_mtok": {"base": 1, "tiers": [{"start": 5, "price": 2}]},)"
      R"( "output_mtok": 8}}]}]}])";
  const auto path = std::filesystem::path(::testing::TempDir()) / "gatewright_prefix.json";
  for (std::size_t size = 0; size <= whole.size(); ++size) {
    std::ofstream(path) << whole.substr(0, size);
    const PriceAnswer answer = find_price({.file = path.string(), .model = "model-m", .path = "p"});
    EXPECT_EQ(answer.diagnostics.empty(), size == whole.size()) << size;
  }
  std::filesystem::remove(path);
}

TEST(PriceFile, ATruncatedGzipIsNoticed) {
  const auto path = std::filesystem::path(::testing::TempDir()) / "gatewright_prices.json.gz";
  gzFile file = gzopen(path.c_str(), "wb");
  const std::string text = "[" + std::string(100'000, ' ') + "]";
  gzwrite(file, text.data(), static_cast<unsigned>(text.size()));
  gzclose(file);
  std::filesystem::resize_file(path, std::filesystem::file_size(path) - 12);
  const PriceAnswer answer = find_price({.file = path.string(), .model = "m", .path = "p"});
  ASSERT_EQ(answer.diagnostics.size(), 1U);
  EXPECT_NE(answer.diagnostics[0].message.find("cannot be read to its end"), std::string::npos);
  std::filesystem::remove(path);
}

// ---- the real file and the real prompts ----

/// USD per 1,000 requests of the Azure conversation slice, by a few lines of Python over the same rows
/// (math.fsum; quantiles by linear interpolation, type 7). The whole trace's figures, in table 1.5 of
/// shared/design/world.md, differ from these by at most 5.2%.
struct Priced {
  const char* model;
  double mean, p50, p95, p99;
};
constexpr Priced kConversation[] = {
    {"gpt-4o-mini", 0.300169, 0.308100, 0.646837, 0.698063},
    {"gpt-5", 3.508894, 3.198125, 6.142500, 7.503750},
    {"claude-haiku-4-5", 2.202626, 2.194000, 4.375000, 4.807000},
    {"claude-sonnet-4-5", 6.607877, 6.582000, 13.125000, 14.421000},
    {"gemini-2.5-flash", 0.862284, 0.779200, 1.504925, 1.856950},
    {"deepseek-v3.2", 0.342602, 0.359902, 0.954325, 0.980522},
};

double quantile_of_sorted(const std::vector<double>& sorted, double probability) {
  const double place = static_cast<double>(sorted.size() - 1) * probability;
  const auto below = static_cast<std::size_t>(place);
  const double weight = place - static_cast<double>(below);
  return sorted[below] + weight * (sorted[std::min(below + 1, sorted.size() - 1)] - sorted[below]);
}

class RealPrices : public ::testing::TestWithParam<Priced> {
 protected:
  void SetUp() override {
    for (const auto& file : {prices_, trace_})
      if (!std::filesystem::exists(file)) GTEST_SKIP() << file << " is not at hand";
  }
  const std::filesystem::path folder_ = GATEWRIGHT_SHARED_DATA;
  const std::filesystem::path prices_ = folder_ / "genai-prices" / "data_slim.json.gz";
  const std::filesystem::path trace_ = folder_ / "azure-llm-2023" / "conv_first40min.csv.gz";
};

TEST_P(RealPrices, GiveTheCostOfAThousandConversations) {
  Scenario scenario = quiet_world();
  scenario.traffic.arrivals = TraceArrivals{
      .file = trace_.string(), .format = TraceFormat::azure, .repeat = TraceRepeat::loop};
  scenario.traffic.input_tokens.reset();
  scenario.traffic.output_tokens.reset();
  scenario.traffic.token_correlation.reset();
  scenario.baseline.error_probability = 0.0;
  scenario.baseline.latency.timeout_seconds = 1e6;
  scenario.starts_at = kStart;
  scenario.baseline.price = {.model = GetParam().model, .file = prices_.string()};
  const Prepared ready = prepare(scenario);
  ASSERT_TRUE(ready.diagnostics.empty()) << ready.diagnostics[0].message;
  ASSERT_EQ(ready.notes.size(), 2U);
  EXPECT_TRUE(ready.notes[1].starts_with("baseline.price: " + std::string(GetParam().model)));

  const auto world = std::make_unique<World>(*ready.scenario);
  world->start({1, 0});
  std::vector<double> costs;
  constexpr std::size_t kRows = 14'176;
  while (costs.size() < kRows) {
    world->advance();
    for (std::size_t chunk = 0; chunk < world->chunks(); ++chunk) {
      const Columns& columns = world->fill(chunk, want(kBaselineArm, kCosts));
      for (std::size_t i = 0; i < columns.size && costs.size() < kRows; ++i)
        costs.push_back(1e3 * static_cast<double>(columns.arm[kBaselineArm].cost[i]));
    }
  }
  double sum = 0.0;
  for (const double cost : costs) sum += cost;
  std::ranges::sort(costs);
  // To the printed digits, and the world's costs are floats: 1e-6 of the value.
  const auto expect = [](double value, double expected) {
    EXPECT_NEAR(value, expected, 5e-7 + 1e-6 * expected);
  };
  expect(sum / static_cast<double>(kRows), GetParam().mean);
  expect(quantile_of_sorted(costs, 0.50), GetParam().p50);
  expect(quantile_of_sorted(costs, 0.95), GetParam().p95);
  expect(quantile_of_sorted(costs, 0.99), GetParam().p99);
}

INSTANTIATE_TEST_SUITE_P(Models, RealPrices, ::testing::ValuesIn(kConversation),
                         [](const ::testing::TestParamInfo<Priced>& priced) {
                           std::string name = priced.param.model;
                           std::ranges::replace_if(
                               name, [](char c) { return c == '-' || c == '.'; }, '_');
                           return name;
                         });

TEST(RealPriceFile, HasTheTierAbove200kOfSonnetAndTheDateOfItsEnd) {
  const auto file =
      std::filesystem::path(GATEWRIGHT_SHARED_DATA) / "genai-prices" / "data_slim.json.gz";
  if (!std::filesystem::exists(file)) GTEST_SKIP() << file << " is not at hand";
  const auto ask = [&](std::string model, std::chrono::sys_seconds at) {
    return find_price({.file = file.string(),
                       .model = std::move(model),
                       .starts_at = at,
                       .horizon = 24h,
                       .path = "baseline.price"});
  };
  EXPECT_EQ(ask("claude-sonnet-4-5", kStart).note,
            "baseline.price: claude-sonnet-4-5 of anthropic at 2026-08-21T00:00Z: $3 in ($0.3 "
            "cached), $15 out per Mtok; above 200000 tokens $6 in ($0.6 cached), $22.5 out");
  // Sonnet 4.6 lost its tier on 13 March 2026.
  const Arm::Price price = ask("claude-sonnet-4-6", sys_days(2026y / 3 / 12)).price;
  ASSERT_EQ(price.tiers.size(), 1U);
  ASSERT_EQ(price.changes.size(), 1U);
  EXPECT_EQ(price.changes[0].from, 24h);
  EXPECT_TRUE(price.changes[0].tiers.empty());
}

}  // namespace
}  // namespace gatewright::sim
