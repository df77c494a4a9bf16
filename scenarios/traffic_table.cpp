#include "scenarios/traffic_table.h"

#include "scenarios/laws.h"
#include "sim/traffic/profiles.h"

namespace gatewright::scenarios {

namespace {

using sim::Lognormal;
using sim::Traffic;

ShapeOf<sim::Arrivals> arrivals_shape() {
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
      {variant_of<PoissonArrivals, PoissonArrivals, DiurnalArrivals, TraceArrivals>(
           "poisson", poisson, "independent requests at a constant rate"),
       variant_of<DiurnalArrivals, PoissonArrivals, DiurnalArrivals, TraceArrivals>(
           "diurnal", diurnal, "independent requests at a rate that follows the day"),
       variant_of<TraceArrivals, PoissonArrivals, DiurnalArrivals, TraceArrivals>("trace", trace,
                                                                                  "a recording")});
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

}  // namespace

ShapeOf<Traffic> traffic_shape() {
  using sim::Users;
  const auto activity = object<Users>({field("zipf", &Users::zipf, number(kNotNegative),
                                             "activity of the k-th user ~ k^-zipf; 0: alike")});
  const auto users = object<Users>({
      field("count", &Users::count,
            ShapeOf<std::uint32_t>(std::make_shared<CountShape<std::uint32_t>>(
                Range<std::uint64_t>{.least = 1, .most = 10'000'000})),
            "who send requests"),
      group("activity", activity, "how unequal they are"),
  });
  return object<Traffic>({
      field("profile", &Traffic::profile, name_of("a profile", profile_names()),
            "measured arrivals and token laws, for all that is not written out"),
      field("arrivals", &Traffic::arrivals, arrivals_shape(),
            "when requests come; default: poisson at the profile's rate"),
      field("users", &Traffic::users, users, "who sends them"),
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
