#include "scenarios/traffic_table.h"

#include "scenarios/laws.h"
#include "sim/traffic/profiles.h"

namespace gatewright::scenarios {

namespace {

using sim::Lognormal;
using sim::Traffic;

/// A description of what the profile says by default.
std::string of_profile(const std::string& about) { return about + "; default: the profile's"; }

ShapeOf<sim::BurstyArrivals::Modulation> modulation(const std::string& over) {
  using Modulation = sim::BurstyArrivals::Modulation;
  return object<Modulation>({
      field("cv", &Modulation::cv, quantity(kShare, kNotNegative),
            of_profile("coefficient of variation of the rate averaged over " + over)),
      field("correlation_time", &Modulation::correlation_time, duration(kPositiveTime),
            of_profile("how long it stays alike")),
  });
}

template <class Law>
Field<sim::Arrivals> arrivals_of(std::string key, ShapeOf<Law> shape, std::string about) {
  return variant_of<Law, sim::PoissonArrivals, sim::DiurnalArrivals, sim::BurstyArrivals,
                    sim::TraceArrivals>(std::move(key), std::move(shape), std::move(about));
}

ShapeOf<sim::Arrivals> arrivals_shape() {
  using sim::BurstyArrivals;
  using sim::DiurnalArrivals;
  using sim::PoissonArrivals;
  using sim::TraceArrivals;
  using sim::TraceFormat;
  using sim::TraceRepeat;
  const auto poisson = object<PoissonArrivals>(
      {required(field("rate", &PoissonArrivals::rate_per_second, rate(), "requests"))});
  const auto diurnal = object<DiurnalArrivals>({
      required(field("rate", &DiurnalArrivals::rate_per_second, rate(), "mean over the day")),
      field("amplitude", &DiurnalArrivals::amplitude, share(), "of the daily swing, of the mean"),
      field("second_harmonic", &DiurnalArrivals::second_harmonic, share(),
            "of the half-daily swing, of the mean"),
      field("peak", &DiurnalArrivals::peak, duration(kAnyTime), "time of day of the peak"),
      field("start_of_day", &DiurnalArrivals::start_of_day, duration(kAnyTime),
            "time of day at which the rollout starts"),
  });
  const auto bursty = object<BurstyArrivals>({
      field("rate", &BurstyArrivals::rate_per_second, rate(), of_profile("mean over the day")),
      field("fast", &BurstyArrivals::fast, modulation("60 s"), "random swings within minutes"),
      field("slow", &BurstyArrivals::slow, modulation("10 min"), "random swings within hours"),
      field("day_level_cv", &BurstyArrivals::day_level_cv, quantity(kShare, kNotNegative),
            of_profile("coefficient of variation of the mean rate of a day")),
      field("amplitude", &BurstyArrivals::amplitude, share(),
            of_profile("of the daily swing, of the mean")),
      field("second_harmonic", &BurstyArrivals::second_harmonic, share(),
            of_profile("of the half-daily swing, of the mean")),
      field("peak", &BurstyArrivals::peak, duration(kAnyTime), "time of day of the peak"),
      field("start_of_day", &BurstyArrivals::start_of_day, duration(kAnyTime),
            "time of day at which the rollout starts"),
  });
  const auto trace = object<TraceArrivals>({
      required(field("file", &TraceArrivals::file, text(false),
                     "recorded arrivals and tokens (plain or .gz), relative to this file")),
      required(field("format", &TraceArrivals::format,
                     choice<TraceFormat>("a format", {{"azure", TraceFormat::azure},
                                                      {"burstgpt", TraceFormat::burstgpt},
                                                      {"mooncake", TraceFormat::mooncake},
                                                      {"csv", TraceFormat::csv}}),
                     "of the file")),
      field("repeat", &TraceArrivals::repeat,
            choice<TraceRepeat>(
                "a way", {{"loop", TraceRepeat::loop}, {"bootstrap", TraceRepeat::bootstrap}}),
            "how a recording that is shorter than the horizon goes on"),
      field("block", &TraceArrivals::block, duration(kPositiveTime), "of the bootstrap"),
  });
  return one_of<sim::Arrivals>(
      {arrivals_of("poisson", poisson, "independent requests at a constant rate"),
       arrivals_of("diurnal", diurnal, "independent requests at a rate that follows the day"),
       arrivals_of("bursty", bursty, "requests at a rate that also swings at random"),
       arrivals_of("trace", trace, "a recording")});
}

std::vector<std::string> profile_names() {
  std::vector<std::string> names;
  for (const sim::Profile& profile : sim::profiles()) names.emplace_back(profile.name);
  return names;
}

/// {0%: 5 tokens, 50%: 120 tokens, 100%: 900 tokens}, in rising order.
class QuantileGridShape final : public Shape<sim::QuantileGrid> {
 public:
  void read(const Node& node, const std::string& path, Problems& problems,
            sim::QuantileGrid& grid) const override {
    if (node.kind != Node::Kind::map) {
      problems.error(node, path, expected("a map such as {0%: 5 tokens, 100%: 900 tokens}", node));
      return;
    }
    grid = {};
    for (std::size_t i = 0; i < node.fields.size(); ++i) {
      const auto& [key, value] = node.fields[i];
      const std::optional<double> probability = kShare.parse(key);
      if (!probability || *probability < 0.0 || *probability > 1.0)
        problems.error(node.key_mark(i), path,
                       "expected a share from 0% to 100% as the key, got " + shortened(key));
      double tokens = 0.0;
      quantity(kTokens, kPositive)->read(value, join(path, key), problems, tokens);
      grid.probabilities.push_back(probability.value_or(0.0));
      grid.values.push_back(tokens);
    }
  }
  [[nodiscard]] Node write(const sim::QuantileGrid& grid) const override {
    Node node = map_node();
    for (std::size_t i = 0; i < grid.values.size(); ++i)
      put(node, kShare.format(grid.probabilities[i]), plain_node(kTokens.format(grid.values[i])));
    return node;
  }
  [[nodiscard]] Node schema() const override {
    Node schema =
        map_node({{"type", quoted_node("object")}, {"additionalProperties", plain_node("false")}});
    put(schema, "patternProperties",
        map_node({{std::string(kShare.pattern), quantity(kTokens, kPositive)->schema()}}));
    return schema;
  }
};

ShapeOf<sim::TokenLaw> token_law() {
  return one_of<sim::TokenLaw>({variant_of<Lognormal, Lognormal, sim::QuantileGrid>(
                                    "lognormal", lognormal_shape(kTokens), "a lognormal law"),
                                variant_of<sim::QuantileGrid, Lognormal, sim::QuantileGrid>(
                                    "quantiles", std::make_shared<QuantileGridShape>(),
                                    "a quantile function, log-linear between its points")});
}

/// {free: 80%, premium: 20%}
class SegmentsShape final : public Shape<std::vector<sim::Segment>> {
 public:
  void read(const Node& node, const std::string& path, Problems& problems,
            std::vector<sim::Segment>& segments) const override {
    if (node.kind != Node::Kind::map) {
      problems.error(node, path, expected("a map such as {free: 80%, premium: 20%}", node));
      return;
    }
    segments.clear();
    for (const auto& [name, value] : node.fields) {
      sim::Segment& segment = segments.emplace_back();
      segment.name = name;
      share()->read(value, join(path, name), problems, segment.share);
    }
  }
  [[nodiscard]] Node write(const std::vector<sim::Segment>& segments) const override {
    Node node = map_node();
    for (const sim::Segment& segment : segments)
      put(node, segment.name, share()->write(segment.share));
    return node;
  }
  [[nodiscard]] Node schema() const override {
    Node schema = map_node({{"type", quoted_node("object")}});
    put(schema, "additionalProperties", share()->schema());
    return schema;
  }
};

ShapeOf<sim::Tenants> tenants_shape() {
  using sim::Tenants;
  using Burstiness = Tenants::Burstiness;
  const auto gap_cv = object<Burstiness>({
      field("median", &Burstiness::gap_cv_median, number(kPositive), "over tenants"),
      field("p90", &Burstiness::gap_cv_p90, number(kPositive), "90% quantile over tenants"),
  });
  const auto burstiness = object<Burstiness>({
      group("gap_cv", gap_cv,
            "coefficient of variation of a tenant's gaps, lognormal over tenants"),
      field("weibull_share", &Burstiness::weibull_share, share(),
            "of tenants with Weibull gaps; the others have gamma gaps"),
  });
  const auto count = ShapeOf<std::uint32_t>(std::make_shared<CountShape<std::uint32_t>>(
      Range<std::uint64_t>{.least = 0, .most = 10'000'000}));
  return object<Tenants>({
      field("count", &Tenants::count, count, "customers, with an equal part of the users each"),
      field("zipf", &Tenants::zipf, number(kNotNegative), "share of the k-th tenant ~ k^-zipf"),
      field("largest", &Tenants::largest, share(),
            "share of the first tenant; the others share the rest by zipf"),
      field("burstiness", &Tenants::burstiness, burstiness,
            "requests of each tenant come in bursts of their own; default: they do not"),
  });
}

ShapeOf<sim::TrafficChange> change_shape() {
  using sim::TrafficChange;
  return object<TrafficChange>({
      field("from", &TrafficChange::from, duration(kAnyTime), "since the start of the rollout"),
      field("lasts", &TrafficChange::lasts, duration(kPositiveTime), "default: to the end"),
      required(field("factor", &TrafficChange::factor, quantity(kFactor, kNotNegative),
                     "on the rate; 0: no traffic")),
  });
}

}  // namespace

ShapeOf<Traffic> traffic_shape() {
  using sim::Users;
  const auto activity = object<Users>({field("zipf", &Users::zipf, number(kNotNegative),
                                             "activity of the k-th user ~ k^-zipf; 0: alike")});
  using sim::Sessions;
  const auto sessions = object<Sessions>({
      field("requests", &Sessions::requests, number(Range<double>{.least = 1.0, .most = {}}),
            "mean per session, geometric"),
      field("think", &Sessions::think, delay_shape(), "from one request to the next"),
      field("gap", &Sessions::gap, duration(kPositiveTime), "a longer silence ends a session"),
  });
  const auto users = object<Users>({
      field("count", &Users::count,
            ShapeOf<std::uint32_t>(std::make_shared<CountShape<std::uint32_t>>(
                Range<std::uint64_t>{.least = 1, .most = 10'000'000})),
            "who send requests"),
      group("activity", activity, "how unequal they are"),
      field("sessions", &Users::sessions, sessions, "whether their requests come in sessions"),
  });
  return object<Traffic>({
      field("profile", &Traffic::profile, name_of("a profile", profile_names()),
            "measured arrivals and token laws, for all that is not written out"),
      field("arrivals", &Traffic::arrivals, arrivals_shape(),
            "when requests come; default: poisson at the profile's rate"),
      field("changes", &Traffic::changes, list(change_shape()), "when traffic falls, stops, rises"),
      field("users", &Traffic::users, users, "who sends them"),
      field("tenants", &Traffic::tenants, tenants_shape(), "customers that the users belong to"),
      field("segments", &Traffic::segments,
            ShapeOf<std::vector<sim::Segment>>(std::make_shared<SegmentsShape>()),
            "named parts of the users, such as {free: 80%, premium: 20%}"),
      unless(0.0, &Traffic::cached_input,
             field("cached_input", &Traffic::cached_input, share(),
                   "of a prompt's tokens, read from the provider's cache")),
  });
}

ShapeOf<Traffic> tokens_shape() {
  return object<Traffic>({
      field("input", &Traffic::input_tokens, token_law(),
            "tokens of a prompt; default: the profile's"),
      field("output", &Traffic::output_tokens, token_law(),
            "tokens of the baseline's answer; default: the profile's"),
      field("correlation", &Traffic::token_correlation, number(kCorrelation),
            "of the two lengths (Gaussian copula); default: the profile's"),
  });
}

}  // namespace gatewright::scenarios
