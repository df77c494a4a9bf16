#include "sim/arms/price_file.h"

#include <zlib.h>

#include <algorithm>
#include <charconv>
#include <cmath>
#include <filesystem>
#include <memory>
#include <nlohmann/json.hpp>
#include <string_view>
#include <utility>
#include <vector>

#include "policies/nearest.h"
#include "sim/findings.h"

namespace gatewright::sim {
namespace {

using nlohmann::json;
using Moment = std::chrono::sys_seconds;
using std::chrono::seconds;

constexpr std::size_t kLargestFile = std::size_t{16} << 20;
/// Conditional prices of one model; no provider has had ten.
constexpr std::size_t kMostPrices = 100;
constexpr double kMtok = 1e6;

/// What ends the search: a finding.
struct Refusal {
  std::string path;
  std::string message;
};

std::string text_of(const std::string& file) {
  struct Close {
    void operator()(gzFile_s* handle) const noexcept { gzclose_r(handle); }
  };
  const std::unique_ptr<gzFile_s, Close> handle(gzopen(file.c_str(), "rb"));
  if (handle == nullptr) throw Refusal{"file", "no such file"};
  std::string text;
  std::vector<char> buffer(std::size_t{1} << 16);
  for (;;) {
    const int got = gzread(handle.get(), buffer.data(), static_cast<unsigned>(buffer.size()));
    if (got > 0) text.append(buffer.data(), static_cast<std::size_t>(got));
    if (text.size() > kLargestFile)
      throw Refusal{"file", "expected a price file of at most 16 MiB"};
    if (got > 0) continue;
    int code = Z_OK;
    gzerror(handle.get(), &code);
    if (code != Z_OK && code != Z_STREAM_END)
      throw Refusal{"file", "cannot be read to its end: the file is damaged"};
    return text;
  }
}

/// A member that may be absent; null then.
const json& member(const json& object, const char* key) {
  static const json kNothing;
  if (!object.is_object()) return kNothing;
  const auto found = object.find(key);
  return found == object.end() ? kNothing : *found;
}

std::string string_of(const json& value) {
  return value.is_string() ? value.get<std::string>() : std::string();
}

// ---- the model ----

struct Offer {
  std::string provider;
  std::string model;
  const json* prices;
};

std::vector<Offer> offers_of(const json& root) {
  std::vector<Offer> offers;
  if (root.is_array())
    for (const json& provider : root)
      for (const json& model : member(provider, "models"))
        if (const std::string id = string_of(member(model, "id")); !id.empty())
          offers.push_back({string_of(member(provider, "id")), id, &member(model, "prices")});
  return offers;
}

Offer find_offer(const std::vector<Offer>& offers, const std::string& name) {
  std::vector<const Offer*> found;
  for (const Offer& offer : offers) {
    if (offer.provider + "/" + offer.model == name) return offer;
    if (offer.model == name) found.push_back(&offer);
  }
  if (found.size() == 1) return *found.front();
  if (!found.empty()) {
    std::string sellers;
    for (const Offer* offer : found)
      sellers += (sellers.empty() ? "" : ", ") + offer->provider + "/" + offer->model;
    throw Refusal{"model", "several providers sell '" + name + "'; expected one of " + sellers};
  }
  std::vector<std::string_view> names;
  for (const Offer& offer : offers) names.push_back(offer.model);
  std::string message = "the price file has no model '" + name + "'";
  if (const std::string_view near = nearest(name, names); !near.empty())
    message += "; did you mean '" + std::string(near) + "'?";
  throw Refusal{"model", std::move(message)};
}

// ---- conditions ----

/// A whole number of exactly `digits` digits at the front of `text`, which is taken off it.
std::optional<int> take_digits(std::string_view& text, std::size_t digits) {
  int value = 0;
  if (text.size() < digits) return std::nullopt;
  const auto [end, error] = std::from_chars(text.data(), text.data() + digits, value);
  if (error != std::errc{} || end != text.data() + digits || value < 0) return std::nullopt;
  text.remove_prefix(digits);
  return value;
}

bool take(std::string_view& text, std::string_view word) {
  if (!text.starts_with(word)) return false;
  text.remove_prefix(word.size());
  return true;
}

/// "2026-03-13"
std::optional<Moment> parse_date(std::string_view text) {
  const auto year = take_digits(text, 4);
  if (!year || !take(text, "-")) return std::nullopt;
  const auto month = take_digits(text, 2);
  if (!month || !take(text, "-")) return std::nullopt;
  const auto day = take_digits(text, 2);
  if (!day || !text.empty()) return std::nullopt;
  const std::chrono::year_month_day date{std::chrono::year(*year),
                                         std::chrono::month(static_cast<unsigned>(*month)),
                                         std::chrono::day(static_cast<unsigned>(*day))};
  if (!date.ok()) return std::nullopt;
  return std::chrono::sys_days(date);
}

/// "16:30:00Z"
std::optional<seconds> parse_time_of_day(std::string_view text) {
  const auto hour = take_digits(text, 2);
  if (!hour || !take(text, ":")) return std::nullopt;
  const auto minute = take_digits(text, 2);
  if (!minute || !take(text, ":")) return std::nullopt;
  const auto second = take_digits(text, 2);
  if (!second || text != "Z" || *hour > 23 || *minute > 59 || *second > 59) return std::nullopt;
  return std::chrono::hours(*hour) + std::chrono::minutes(*minute) + seconds(*second);
}

struct Condition {
  std::optional<Moment> start_date{};
  struct Daily {
    seconds start;
    seconds end;
  };
  std::optional<Daily> daily{};

  [[nodiscard]] bool holds(Moment at) const {
    if (start_date && at < *start_date) return false;
    if (!daily) return true;
    const seconds time = at - std::chrono::floor<std::chrono::days>(at);
    return daily->start <= daily->end ? time >= daily->start && time < daily->end
                                      : time >= daily->start || time < daily->end;
  }
};

Condition condition_of(const json& constraint, const std::string& model) {
  Condition condition;
  if (constraint.is_null()) return condition;
  const auto refuse = [&](const std::string& what) {
    return Refusal{"file", "a price of '" + model + "' depends on " + what +
                               "; expected start_date as 2026-03-13, or start_time and end_time "
                               "as 16:30:00Z"};
  };
  if (!constraint.is_object()) throw refuse("something that is no map");
  for (const auto& [key, value] : constraint.items())
    if (key != "start_date" && key != "start_time" && key != "end_time")
      throw refuse("'" + key.substr(0, 40) + "'");
  const bool daily = constraint.contains("start_time") || constraint.contains("end_time");
  if (constraint.contains("start_date")) {
    condition.start_date = parse_date(string_of(constraint["start_date"]));
    if (!condition.start_date) throw refuse("a start_date that is no date");
  } else if (!daily) {
    throw refuse("nothing");
  }
  if (daily) {
    const auto start = parse_time_of_day(string_of(member(constraint, "start_time")));
    const auto end = parse_time_of_day(string_of(member(constraint, "end_time")));
    if (!start || !end) throw refuse("a time that is none");
    condition.daily = Condition::Daily{*start, *end};
  }
  return condition;
}

// ---- prices ----

/// One kind of token: its price by the length of the prompt.
struct Ladder {
  double base = 0.0;
  std::vector<std::pair<double, double>> steps;  ///< above so many tokens: price; rising

  [[nodiscard]] double above(double tokens) const {
    double price = base;
    for (const auto& [start, step] : steps)
      if (start <= tokens) price = step;
    return price;
  }
};

std::optional<Ladder> ladder_of(const json& prices, const char* key, const std::string& model) {
  const json& value = member(prices, key);
  if (value.is_null()) return std::nullopt;
  const auto number = [&](const json& written) {
    const double price = written.is_number() ? written.get<double>() : -1.0;
    if (!kNotNegative.contains(price))
      throw Refusal{"file", "'" + model + "' has a " + key +
                                " that is neither a number of at least 0 nor a base with tiers"};
    return price;
  };
  Ladder ladder;
  if (!value.is_object()) {
    ladder.base = number(value);
    return ladder;
  }
  ladder.base = number(member(value, "base"));
  for (const json& tier : member(value, "tiers"))
    ladder.steps.emplace_back(number(member(tier, "start")), number(member(tier, "price")));
  std::ranges::sort(ladder.steps);
  return ladder;
}

struct DatedPrice {
  Condition condition;
  Arm::Price::Change price;  ///< without its date
};

/// One level of the prices, in the form that all three structs of Arm::Price share.
template <typename Level>
void set_level(Level& level, const Ladder& input, const Ladder& output,
               const std::optional<Ladder>& cached, double tokens) {
  level.input_usd_per_token = input.above(tokens) / kMtok;
  level.output_usd_per_token = output.above(tokens) / kMtok;
  if (cached) level.cached_input_usd_per_token = cached->above(tokens) / kMtok;
}

Arm::Price::Change price_of(const json& prices, const std::string& model) {
  const auto input = ladder_of(prices, "input_mtok", model);
  const auto output = ladder_of(prices, "output_mtok", model);
  const auto cached = ladder_of(prices, "cache_read_mtok", model);
  if (!input || !output)
    throw Refusal{"model", "'" + model +
                               "' has no price of prompts and answers: expected "
                               "input_mtok and output_mtok"};
  Arm::Price::Change price;
  set_level(price, *input, *output, cached, -1.0);
  std::vector<double> starts;
  for (const auto* ladder : {&*input, &*output, cached ? &*cached : nullptr})
    if (ladder != nullptr)
      for (const auto& [start, step] : ladder->steps) starts.push_back(start);
  std::ranges::sort(starts);
  starts.erase(std::unique(starts.begin(), starts.end()), starts.end());
  for (const double start : starts) {
    Arm::Price::Tier& tier = price.tiers.emplace_back();
    tier.above_input_tokens = start;
    set_level(tier, *input, *output, cached, start);
  }
  return price;
}

std::vector<DatedPrice> dated_prices(const Offer& offer) {
  if (!offer.prices->is_array()) return {{{}, price_of(*offer.prices, offer.model)}};
  if (offer.prices->size() > kMostPrices)
    throw Refusal{"file", "expected at most 100 prices of '" + offer.model + "'"};
  std::vector<DatedPrice> dated;
  for (const json& entry : *offer.prices)
    dated.push_back({condition_of(member(entry, "constraint"), offer.model),
                     price_of(member(entry, "prices"), offer.model)});
  return dated;
}

/// The last one whose condition holds.
std::optional<std::size_t> price_at(const std::vector<DatedPrice>& dated, Moment at) {
  for (std::size_t i = dated.size(); i-- > 0;)
    if (dated[i].condition.holds(at)) return i;
  return std::nullopt;
}

/// Moments within (from, to] at which a condition may begin or cease to hold, rising.
std::vector<Moment> turns(const std::vector<DatedPrice>& dated, Moment from, Moment to) {
  std::vector<Moment> moments;
  for (const DatedPrice& price : dated) {
    if (price.condition.start_date) moments.push_back(*price.condition.start_date);
    if (!price.condition.daily) continue;
    for (Moment day = std::chrono::floor<std::chrono::days>(from); day <= to;
         day += std::chrono::days(1)) {
      moments.push_back(day + price.condition.daily->start);
      moments.push_back(day + price.condition.daily->end);
    }
  }
  std::erase_if(moments, [&](Moment moment) { return moment <= from || moment > to; });
  std::ranges::sort(moments);
  moments.erase(std::unique(moments.begin(), moments.end()), moments.end());
  return moments;
}

// ---- words ----

std::string padded(unsigned value) { return (value < 10 ? "0" : "") + std::to_string(value); }

std::string words(Moment at) {
  const auto day = std::chrono::floor<std::chrono::days>(at);
  const std::chrono::year_month_day date(day);
  const std::chrono::hh_mm_ss time(at - day);
  return std::to_string(static_cast<int>(date.year())) + "-" +
         padded(static_cast<unsigned>(date.month())) + "-" +
         padded(static_cast<unsigned>(date.day())) + "T" +
         padded(static_cast<unsigned>(time.hours().count())) + ":" +
         padded(static_cast<unsigned>(time.minutes().count())) + "Z";
}

std::string mtok(double usd_per_token) { return "$" + number_words(usd_per_token * kMtok); }

template <typename Level>
std::string words(const Level& level) {
  return mtok(level.input_usd_per_token) + " in" +
         (level.cached_input_usd_per_token
              ? " (" + mtok(*level.cached_input_usd_per_token) + " cached)"
              : "") +
         ", " + mtok(level.output_usd_per_token) + " out";
}

std::string note_of(const Offer& offer, const PriceQuestion& question, const Arm::Price& price) {
  std::string note =
      question.path + ": " + offer.model + " of " + offer.provider + " " +
      (question.starts_at ? "at " + words(*question.starts_at) : "at its last price") + ": " +
      words(price) + " per Mtok";
  for (const Arm::Price::Tier& tier : price.tiers)
    note += "; above " + number_words(tier.above_input_tokens) + " tokens " + words(tier);
  if (!price.changes.empty())
    note += "; changes from " +
            words(*question.starts_at + std::chrono::floor<seconds>(price.changes.front().from)) +
            " on to " + words(price.changes.front());
  return note;
}

PriceAnswer found(const PriceQuestion& question) {
  const json root = json::parse(text_of(question.file), nullptr, false);
  const std::vector<Offer> offers = offers_of(root);
  if (offers.empty())
    throw Refusal{"file",
                  "is no price file: expected the JSON of genai-prices, a list of providers with "
                  "models"};
  const Offer offer = find_offer(offers, question.model);
  const std::vector<DatedPrice> dated = dated_prices(offer);

  const bool is_daily =
      std::ranges::any_of(dated, [](const DatedPrice& price) { return !!price.condition.daily; });
  if (is_daily && !question.starts_at)
    throw Refusal{"model", "the price of '" + offer.model +
                               "' depends on the time of day: expected starts_at, such as "
                               "2026-08-21T00:00Z"};
  const std::optional<std::size_t> first =
      question.starts_at ? price_at(dated, *question.starts_at)
                         : (dated.empty() ? std::nullopt : std::optional(dated.size() - 1));
  if (!first)
    throw Refusal{"model",
                  "no price of '" + offer.model + "' is valid" +
                      (question.starts_at ? " at " + words(*question.starts_at) : std::string())};

  PriceAnswer answer;
  const Arm::Price::Change& start = dated[*first].price;
  answer.price = {.model = question.model,
                  .input_usd_per_token = start.input_usd_per_token,
                  .output_usd_per_token = start.output_usd_per_token,
                  .cached_input_usd_per_token = start.cached_input_usd_per_token,
                  .tiers = start.tiers,
                  .changes = {},
                  .file = {}};
  if (question.starts_at) {
    std::size_t present = *first;
    const Moment end = *question.starts_at + std::chrono::ceil<seconds>(question.horizon);
    for (const Moment moment : turns(dated, *question.starts_at, end)) {
      const std::size_t next = price_at(dated, moment).value_or(present);
      if (next == present) continue;
      present = next;
      answer.price.changes.push_back(dated[next].price);
      answer.price.changes.back().from = moment - *question.starts_at;
    }
  }
  answer.note = note_of(offer, question, answer.price);
  return answer;
}

}  // namespace

PriceAnswer find_price(const PriceQuestion& question) {
  try {
    return found(question);
  } catch (const Refusal& refusal) {
    Diagnostic finding{.path = question.path + "." + refusal.path, .message = refusal.message};
    // What is wrong with the file itself is said of the file.
    if (refusal.path == "file") finding.file = question.file;
    return {.price = {}, .note = {}, .diagnostics = {std::move(finding)}};
  }
}

void resolve_prices(Scenario& scenario, std::vector<std::string>& notes, Diagnostics& diagnostics) {
  const auto resolve = [&](Arm::Price& price, const char* path) {
    if (price.file.empty()) return;
    PriceAnswer answer =
        find_price({.file = (std::filesystem::path(scenario.directory) / price.file).string(),
                    .model = price.model,
                    .starts_at = scenario.starts_at,
                    .horizon = scenario.horizon,
                    .path = path});
    if (!answer.note.empty()) notes.push_back(std::move(answer.note));
    diagnostics.insert(diagnostics.end(), answer.diagnostics.begin(), answer.diagnostics.end());
    price = std::move(answer.price);
  };
  resolve(scenario.baseline.price, "baseline.price");
  if (scenario.candidate_price) resolve(*scenario.candidate_price, "candidate.price");
}

}  // namespace gatewright::sim
