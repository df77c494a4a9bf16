// What every line of the catalogue of gate tests must obey, and the worlds to see it in.
// Used by tests/unit/gates/conformance_test.cpp, which runs all of it for each line: a new test is
// checked without being asked. Never knows what a test computes.
#pragma once

#include <algorithm>
#include <array>
#include <chrono>
#include <cmath>
#include <string>
#include <utility>
#include <vector>

#include "policies/compile.h"
#include "policies/digest.h"
#include "policies/encoding.h"
#include "policies/histogram.h"
#include "tests/independent/exact.h"
#include "tests/independent/random_worlds.h"
#include "tests/unit/gates/gate_player.h"

namespace gatewright::testing {

// --- every gate that can be made ---------------------------------------------------------------

/// Lines whose evidence depends on the order in which windows come, and why. All others are functions
/// of sums, whose decisions any order of merging leaves as they are.
[[nodiscard]] inline bool depends_on_order(std::string_view test) {
  constexpr std::string_view kOrdered[] = {
      "fixed_threshold",   // counts failing looks
      "two_sample_rate",   // stakes are chosen from the windows before
      "detected_rate",     // likewise
      "clustered_rate",    // sees bursts that pass from one window into the next
      "poisson_max_sprt",  // ends with the first window that would lead past its end
      "group_sequential",  // looks at planned counts
      "ab_test",           // likewise
      "cusum",             // forgets what came before its last return to 0, as the next two
      "ewma",
      "page_hinkley",
  };
  return std::ranges::find(kOrdered, test) != std::end(kOrdered);
}

/// Margins that make sense for a metric of this kind: baseline rates are 10%, means 1.
[[nodiscard]] inline std::vector<double> margins(MetricKind kind, Relation relation,
                                                 Direction direction) {
  const double sign = direction == Direction::up ? 1.0 : -1.0;
  const bool is_event = kind == MetricKind::event;
  switch (relation) {
    case Relation::ratio:
      return {1.0, 1.0 + sign * 0.3};
    case Relation::difference:
      return {0.0, sign * (is_event ? 0.03 : 0.2)};
    case Relation::absolute:
      return {is_event ? 0.1 : 1.0};
  }
  return {};
}

/// A year at 50% with this gate alone.
[[nodiscard]] inline Compiled compiled_alone(const GateSpec& spec) {
  PlanSpec plan;
  plan.false_alarm_budget = 0.05;
  plan.stages = {{.name = "50%", .served = 0.5, .dwell = std::chrono::hours(24 * 365)}};
  plan.gates = {spec};
  return compile(plan);
}

/// Gates of this line over metrics, relations, directions, margins, and each value of each parameter
/// that is a choice; what does not compile is left out.
[[nodiscard]] inline std::vector<GateSpec> gates_of(const GateTestInfo& info) {
  std::vector<GateSpec> gates;
  const auto add_if_it_can_be_made = [&](const GateSpec& spec) {
    if (compiled_alone(spec).engine.has_value()) gates.push_back(spec);
  };
  for (const char* name : {"error", "cost", "quality", "cpu"})
    for (const auto relation : {Relation::ratio, Relation::difference, Relation::absolute})
      for (const auto direction : {Direction::up, Direction::down})
        for (const auto kind :
             {HarmSpec::Kind::mean, HarmSpec::Kind::quantile, HarmSpec::Kind::distribution})
          for (const double margin : margins(find_metric(name)->kind, relation, direction)) {
            GateSpec spec = gate(name, harm(relation, margin, direction), std::string(info.name));
            spec.harm.kind = kind;
            spec.harm.probability = kind == HarmSpec::Kind::quantile ? 0.9 : 0.0;
            add_if_it_can_be_made(spec);
            for (const ParameterInfo& parameter : info.parameters)
              for (const std::string_view choice : parameter.choices) {
                if (choice == parameter.default_text) continue;
                GateSpec chosen = spec;
                chosen.test.parameters.emplace(parameter.name, std::string(choice));
                add_if_it_can_be_made(chosen);
              }
          }
  return gates;
}

[[nodiscard]] inline bool is_two_sided(const GateSpec& spec) {
  const auto found = spec.test.parameters.find("sides");
  return found != spec.test.parameters.end() && found->second == TestValue(std::string("two"));
}

/// For messages of failures.
[[nodiscard]] inline std::string describe(const GateSpec& spec) {
  std::string text = spec.test.name + " on " + spec.metric + ", relation " +
                     std::to_string(static_cast<int>(spec.harm.relation)) + ", margin " +
                     std::to_string(spec.harm.margin) +
                     (spec.harm.direction == Direction::up ? ", up" : ", down") +
                     (spec.harm.kind == HarmSpec::Kind::quantile ? ", P90" : "");
  for (const auto& [name, value] : spec.test.parameters)
    if (const auto* chosen = std::get_if<std::string>(&value))
      text.append(", ").append(name).append(" ").append(*chosen);
  return text;
}

// --- windows -----------------------------------------------------------------------------------

/// Makes the windows of one gate: the baseline's rate is 10% or its mean 1 (sd 0.5), the candidate is
/// at the edge of harm and `excess` beyond it, in rates or means (in P90s, for quantiles).
class GateWorld {
 public:
  explicit GateWorld(const GateSpec& spec) : spec_(spec) {
    Diagnostics diagnostics;
    const auto test = find_gate_test(spec.test.name)->make(spec, diagnostics);
    form_ = test->form();
    statistic_ = test->statistic().kind;
    is_paired_ = test->statistic().pairs;
    has_covariate_ = !test->statistic().covariate.empty();
    is_event_ = find_metric(spec.metric)->kind == MetricKind::event;
    sign_ = spec.harm.direction == Direction::up ? 1.0 : -1.0;
  }

  [[nodiscard]] Form form() const { return form_; }
  [[nodiscard]] bool is_event() const { return is_event_; }
  [[nodiscard]] double baseline_level() const { return is_event_ ? kRate : kMean; }
  [[nodiscard]] double candidate_level(double excess) const {
    const double base = baseline_level(), margin = spec_.harm.margin;
    const double edge = spec_.harm.relation == Relation::ratio        ? base * margin
                        : spec_.harm.relation == Relation::difference ? base + margin
                                                                      : margin;
    return edge + sign_ * excess;
  }

  /// A window of these requests per arm without chance: each count and mean is what its level says,
  /// give or take a wiggle that windows do not share.
  [[nodiscard]] Event plain(std::uint64_t requests, double excess, int window) {
    const double wiggle = 0.02 * std::sin(2.4 * window);
    return event([&](double level,
                     double phase) { return summary_at(requests, level * (1.0 + wiggle * phase)); },
                 excess, [&](double scale) { return even_histogram(requests, scale); });
  }

  /// The samples with what the test asks for beside: pairs whose numbers go together by kTogether of
  /// their spread and whose events are independent, and covariates that tell as much of the number.
  [[nodiscard]] Samples beside(const Samples& plain) const {
    Samples samples = plain;
    if (is_paired_) {
      samples.paired = true;
      samples.candidate.count = samples.baseline.count =
          std::min(samples.candidate.count, samples.baseline.count);
      samples.sum_of_products = products(samples.baseline, samples.candidate);
    }
    if (has_covariate_)
      samples.covariates = {.baseline = covariate(samples.baseline, nullptr),
                            .candidate = covariate(samples.candidate, nullptr)};
    return samples;
  }

  [[nodiscard]] Event drawn(std::uint64_t requests, double excess, Random& random) {
    random_ = &random;
    return event(
        [&](double level, double) {
          if (is_event_) return events(random.binomial(requests, level), requests);
          if (statistic_ == Statistic::Kind::mean_log)
            return random.normal_summary(std::log(level), kSd, requests);
          return random.normal_summary(level, kSd, requests);
        },
        excess,
        [&](double scale) {
          Histogram histogram;
          for (std::uint64_t i = 0; i < requests; ++i)
            histogram.add(scale * std::exp(kSd * random.normal()));
          return histogram;
        });
  }

  [[nodiscard]] Event empty() {
    switch (form_) {
      case Form::samples:
        return beside(Samples{});
      case Form::distributions:
        return Distributions{};
      case Form::readings:
        return Readings{};
    }
    return Tick{};
  }

 private:
  static constexpr double kRate = 0.1, kMean = 1.0, kSd = 0.5;
  static constexpr double kTogether = 0.6;  ///< correlation of pairs, and with covariates

  /// About the mean.
  [[nodiscard]] static double squares(const Summary& summary) {
    const double n = static_cast<double>(summary.count);
    return n > 0.0 ? std::max(0.0, summary.sum_of_squares - summary.sum * (summary.sum / n)) : 0.0;
  }

  [[nodiscard]] double products(const Summary& b, const Summary& c) const {
    const double n = static_cast<double>(b.count);
    if (n == 0.0) return 0.0;
    const double of_means = b.sum * (c.sum / n);
    if (!is_event_) return of_means + kTogether * std::sqrt(squares(b)) * std::sqrt(squares(c));
    return std::clamp(std::round(of_means), std::max(0.0, b.sum + c.sum - n),
                      std::min(b.sum, c.sum));
  }

  /// x = 1 + kTogether (y - its level) + noise, without chance if `random` is null.
  [[nodiscard]] static Covariate covariate(const Summary& y, Random* random, double level = kMean) {
    const double n = static_cast<double>(y.count);
    if (n == 0.0) return {};
    const double spread_y = squares(y);
    const double noise_sd = kSd * std::sqrt(1.0 - kTogether * kTogether);
    double noise_mean = 0.0, noise_squares = noise_sd * noise_sd * (n - 1.0), noise_products = 0.0;
    if (random != nullptr) {
      noise_mean = noise_sd * random->normal() / std::sqrt(n);
      const double along = noise_sd * random->normal();
      noise_products = along * std::sqrt(spread_y);
      noise_squares = along * along;
      if (n > 2.0) noise_squares += 2.0 * noise_sd * noise_sd * random->gamma(0.5 * (n - 2.0));
    }
    const double mean =
        random == nullptr ? kMean : kMean + kTogether * (y.sum / n - level) + noise_mean;
    const double spread =
        kTogether * kTogether * spread_y + 2.0 * kTogether * noise_products + noise_squares;
    const double together = kTogether * spread_y + noise_products;
    return {.sum = n * mean,
            .sum_of_squares = n * mean * mean + spread,
            .sum_of_products = mean * y.sum + together};
  }

  /// Pairs drawn together: the events of a baseline that had them come to the candidate more often.
  [[nodiscard]] Samples drawn_pairs(std::uint64_t requests, double base, double level,
                                    Random& random) const {
    Samples pairs;
    pairs.paired = true;
    const double n = static_cast<double>(requests);
    if (is_event_) {
      const std::uint64_t of_baseline = random.binomial(requests, base);
      const double given = std::min(1.0 - 1e-9, level + 0.4 * (1.0 - level));
      const double otherwise = (level - base * given) / (1.0 - base);
      const std::uint64_t both = random.binomial(of_baseline, given);
      const std::uint64_t alone =
          otherwise > 0.0 ? random.binomial(requests - of_baseline, otherwise) : 0;
      pairs.baseline = events(of_baseline, requests);
      pairs.candidate = events(both + alone, requests);
      pairs.sum_of_products = static_cast<double>(both);
      return pairs;
    }
    const bool is_log = statistic_ == Statistic::Kind::mean_log;
    const double mean_b = is_log ? std::log(base) : base, mean_c = is_log ? std::log(level) : level;
    pairs.baseline = random.normal_summary(mean_b, kSd, requests);
    // Candidate = its mean + what covariate() makes of the baseline, less the mean of that.
    const Covariate other = covariate(pairs.baseline, &random, mean_b);
    const double shift = mean_c - kMean;
    pairs.candidate = {
        .count = requests,
        .sum = other.sum + n * shift,
        .sum_of_squares = other.sum_of_squares + 2.0 * shift * other.sum + n * shift * shift};
    pairs.sum_of_products = other.sum_of_products + shift * pairs.baseline.sum;
    return pairs;
  }

  [[nodiscard]] Summary summary_at(std::uint64_t requests, double level) const {
    const double n = static_cast<double>(requests);
    if (is_event_)
      return events(static_cast<std::uint64_t>(std::lround(std::max(0.0, level) * n)), requests);
    return numbers(statistic_ == Statistic::Kind::mean_log ? std::log(level) : level, kSd,
                   requests);
  }

  [[nodiscard]] static Histogram even_histogram(std::uint64_t requests, double scale) {
    Histogram histogram;
    for (int i = 0; i < 100; ++i)
      histogram.add(scale * (0.5 + 0.01 * i), std::max<std::uint64_t>(1, requests / 100));
    return histogram;
  }

  template <typename MakeSummary, typename MakeHistogram>
  [[nodiscard]] Event event(const MakeSummary& make_summary, double excess,
                            const MakeHistogram& make_histogram) {
    const double base = baseline_level(), level = candidate_level(excess);
    switch (form_) {
      case Form::samples: {
        Random* random = std::exchange(random_, nullptr);
        const Summary baseline = make_summary(base, 1.0);
        if (is_paired_ && random != nullptr)
          return drawn_pairs(baseline.count, base, level, *random);
        Samples told = samples(baseline, make_summary(level, -1.0));
        if (!has_covariate_ || random == nullptr) return beside(told);
        const auto level_of = [this](double mean) {
          return statistic_ == Statistic::Kind::mean_log ? std::log(mean) : mean;
        };
        told.covariates = {.baseline = covariate(told.baseline, random, level_of(base)),
                           .candidate = covariate(told.candidate, random, level_of(level))};
        return told;
      }
      case Form::distributions:
        baseline_ = make_histogram(base);
        candidate_ = make_histogram(level);
        return Distributions{.baseline = baseline_.view(), .candidate = candidate_.view()};
      case Form::readings:
        return Readings{.baseline = {.value = base, .count = 1000, .status = ReadingStatus::ok},
                        .candidate = {.value = level, .count = 1000, .status = ReadingStatus::ok}};
    }
    return Tick{};
  }

  GateSpec spec_;
  Form form_{};
  Statistic::Kind statistic_{};
  bool is_event_ = false;
  bool is_paired_ = false;
  bool has_covariate_ = false;
  double sign_ = 1.0;
  Random* random_ = nullptr;  ///< while a window is drawn
  Histogram baseline_, candidate_;
};

// --- claims ------------------------------------------------------------------------------------

inline void expect_sane(const Evidence& evidence, const GateSpec& spec) {
  EXPECT_TRUE(std::isfinite(evidence.harm) && evidence.harm >= 0.0) << describe(spec);
  EXPECT_TRUE(std::isfinite(evidence.safety) && evidence.safety >= 0.0) << describe(spec);
}

/// Evidence is finite after one window and after three, whatever the counts, the magnitudes and the
/// budget.
inline void expect_finite_evidence(const GateSpec& spec) {
  if (GateWorld(spec).form() != Form::samples) return;
  GatePlayer player(spec, {.false_alarm = 1e-6, .missed_harm = 0.999});
  const GateWorld world(spec);
  const auto look_thrice = [&](const Summary& baseline, const Summary& candidate) {
    player.forget();
    // Pairs are of equal number; those that are not pairs of anything are left out.
    if (player.test().statistic().pairs && baseline.count != candidate.count) return;
    const Event window = world.beside(samples(baseline, candidate));
    for (int look = 0; look < 3; ++look) expect_sane(player.look(window), spec);
  };
  if (GateWorld(spec).is_event()) {
    const std::uint64_t counts[] = {0, 1, 2, 31, 100, 1'000'003, 1'000'000'000'000};
    for (const std::uint64_t n_b : counts)
      for (const std::uint64_t n_c : counts)
        for (const double share : {0.0, 1e-9, 0.3, 1.0}) {
          const auto k_b = static_cast<std::uint64_t>(share * static_cast<double>(n_b));
          const auto k_c = static_cast<std::uint64_t>((1.0 - share) * static_cast<double>(n_c));
          look_thrice(events(k_b, n_b), events(k_c, n_c));
          look_thrice(events(k_b, n_b), events(k_b, n_b));
          look_thrice(events(0, 0), events(k_c, n_c));
        }
    return;
  }
  for (const std::uint64_t count :
       {std::uint64_t{2}, std::uint64_t{1000}, std::uint64_t{1'000'000'000'000}})
    for (const double mean : {0.0, 1e-300, 1e-12, 1.0, 1e12, 1e140})
      for (const double sd : {0.0, 1e-300, 1e-9, 1.0, 1e12, 1e140}) {
        look_thrice(numbers(1.0, 1.0, count), numbers(mean, sd, count));
        look_thrice(numbers(mean, sd, count), numbers(1.0, 1.0, count));
        look_thrice(numbers(mean, sd, count), numbers(mean, sd, count));
      }
}

/// A window without requests, and an event of another form, change nothing that is said.
inline void expect_empty_windows_say_nothing(const GateSpec& spec) {
  GateWorld world(spec);
  GatePlayer player(spec);
  for (int window = 0; window < 40; ++window) player.hear(world.plain(200, 0.05, window));
  const Evidence before = player.evidence();
  for (const Event& nothing : {Event{Tick{}}, Event{ExposureApplied{}}}) {
    const Evidence after = player.look(nothing);
    EXPECT_EQ(after.harm, before.harm) << describe(spec);
    EXPECT_EQ(after.safety, before.safety) << describe(spec);
  }
  expect_sane(player.look(world.empty()), spec);
}

/// The further the candidate is towards harm, at equal spread and in every window, the more harm and
/// the less safety is said.
inline void expect_monotone_in_harm(const GateSpec& spec) {
  if (is_two_sided(spec)) return;
  if (spec.harm.kind == HarmSpec::Kind::distribution) return;  // a distance grows on both sides
  if (spec.test.name == "page_hinkley") return;  // its running mean learns a harm that lasts
  GateWorld world(spec);
  GatePlayer player(spec);
  double last_harm = 0.0, last_safety = 1e9;
  const double step = world.is_event() ? 0.01 : 0.02;  // whole events of 100
  for (int shift = -6; shift <= 12; ++shift) {
    // The log ratio of Katz, which is what textbooks do, loses sight of an arm without events.
    if (spec.test.name == "z_test" && world.candidate_level(step * shift) < 0.005) break;
    player.forget();
    for (int window = 0; window < 150; ++window)
      player.hear(world.plain(100, step * shift, window));
    const Evidence now = player.evidence();
    EXPECT_GE(now.harm, last_harm - 1e-9) << describe(spec) << " at " << shift;
    EXPECT_LE(now.safety, last_safety + 1e-9) << describe(spec) << " at " << shift;
    last_harm = now.harm;
    last_safety = now.safety;
  }
  if (spec.harm.kind == HarmSpec::Kind::mean) {
    EXPECT_GT(last_harm, 0.0) << describe(spec);
  }
}

/// Windows in another order say the same, up to the rounding of sums.
inline void expect_order_does_not_matter(const GateSpec& spec) {
  if (depends_on_order(spec.test.name)) return;
  if (spec.test.parameters.contains("covariate"))
    return;  // its slope comes from the windows before
  GateWorld forth(spec), back(spec);
  GatePlayer player(spec), reversed(spec);
  constexpr int kWindows = 30;
  for (int window = 0; window < kWindows; ++window) {
    player.hear(forth.plain(300, 0.01, window));
    reversed.hear(back.plain(300, 0.01, kWindows - 1 - window));
  }
  EXPECT_NEAR(player.evidence().harm, reversed.evidence().harm, 1e-9) << describe(spec);
  EXPECT_NEAR(player.evidence().safety, reversed.evidence().safety, 1e-9) << describe(spec);
}

/// What several reporters saw of one window, added up in the order of `places`.
[[nodiscard]] inline Event merged(const std::vector<Samples>& parts,
                                  const std::vector<std::size_t>& places) {
  Samples whole = parts[places.front()];
  for (std::size_t i = 1; i < places.size(); ++i) {
    const Samples& part = parts[places[i]];
    whole.baseline += part.baseline;
    whole.candidate += part.candidate;
    if (whole.covariates) {
      whole.covariates->baseline += part.covariates->baseline;
      whole.covariates->candidate += part.covariates->candidate;
    }
    if (whole.sum_of_products) *whole.sum_of_products += *part.sum_of_products;
  }
  return whole;
}

/// Windows whose summaries were merged of seven parts in any order decide the same at every look.
inline void expect_parts_merge_in_any_order(const GateSpec& spec) {
  GateWorld world(spec);
  if (world.form() != Form::samples) return;
  const std::vector<std::vector<std::size_t>> orders{
      {0, 1, 2, 3, 4, 5, 6}, {6, 5, 4, 3, 2, 1, 0}, {3, 0, 5, 1, 6, 2, 4}};
  GatePlayer player(spec);
  for (const double excess : {-0.04, 0.04}) {
    std::vector<Evidence> first;
    for (const std::vector<std::size_t>& order : orders) {
      player.forget();
      for (std::size_t look = 0; look < 8; ++look) {
        std::vector<Samples> parts;
        for (std::size_t part = 0; part < order.size(); ++part)
          parts.push_back(std::get<Samples>(
              world.plain(100 + 31 * part, excess, static_cast<int>(order.size() * look + part))));
        const Evidence said = player.look(merged(parts, order));
        if (first.size() == look) first.push_back(said);
        const Evidence& other = first[look];
        EXPECT_NEAR(said.harm, other.harm, 1e-9 * (1.0 + other.harm)) << describe(spec);
        EXPECT_NEAR(said.safety, other.safety, 1e-9 * (1.0 + other.safety)) << describe(spec);
        EXPECT_EQ(said.harm >= 1.0, other.harm >= 1.0) << describe(spec);
        EXPECT_EQ(said.safety >= 1.0, other.safety >= 1.0) << describe(spec);
        EXPECT_EQ(said.enough, other.enough) << describe(spec);
      }
    }
  }
}

/// Whether a test that promises something takes its bounds from its budget when it is prepared, by a
/// recursion that knows no probabilities as small as this.
[[nodiscard]] inline bool solves_its_bounds(std::string_view test) {
  return test == "group_sequential" || test == "poisson_max_sprt";
}

/// With errors of 1e-300 the evidence of a harmful candidate grows with its requests, from less than
/// is needed to more, and is at every look a finite number: nothing is computed but in logarithms.
inline void expect_small_p_values(GateSpec spec) {
  if (is_two_sided(spec) || solves_its_bounds(spec.test.name)) return;
  if (spec.harm.kind == HarmSpec::Kind::distribution)
    spec.harm = {.kind = spec.harm.kind, .relation = Relation::difference, .margin = 0.0};
  // The worlds have no quantile at a level.
  if (spec.harm.kind == HarmSpec::Kind::quantile && spec.harm.relation == Relation::absolute)
    return;
  constexpr double kError = 1e-300;
  GatePlayer player(spec, {.false_alarm = kError, .missed_harm = kError});
  const Guarantee guarantee = player.test().guarantee();
  if (guarantee != Guarantee::anytime && guarantee != Guarantee::fixed_looks) return;
  GateWorld world(spec);
  // As far as a likelihood ratio of a stated harm needs it.
  const bool is_up = spec.harm.direction == Direction::up;
  const double edge = world.candidate_level(0.0);
  const double excess = !world.is_event() ? 0.25 * edge : is_up ? 0.25 : 0.75 * edge;
  double last = 0.0, least = 1.0, most = 0.0;
  for (const std::uint64_t requests : {100, 10'000, 1'000'000'000}) {
    // A test of one look has it at the first window.
    if (spec.test.name == "ab_test") player.forget();
    for (int window = 0; window < 60; ++window) {
      const Evidence now = player.look(world.plain(requests, excess, window));
      expect_sane(now, spec);
      if (now.harm > 0.0) least = std::min(least, now.harm);
      most = std::max(most, now.harm);
    }
    const Evidence now = player.evidence();
    // Windows that grow differ by more, which clustered_rate takes for bursts.
    if (spec.test.name != "clustered_rate") {
      EXPECT_GE(now.harm, last * (1.0 - 1e-9)) << describe(spec) << " at " << requests;
    }
    last = now.harm;
  }
  EXPECT_LT(least, 1.0) << describe(spec);
  EXPECT_GE(most, 1.0) << describe(spec);
}

/// A state that went through its text goes on as the one that did not.
inline void expect_state_survives_encoding(const GateSpec& spec) {
  using namespace std::chrono_literals;
  const Compiled compiled = compiled_alone(spec);
  const Engine& engine = *compiled.engine;
  GateWorld world(spec);
  RolloutState state = engine.initial_state(Instant{});
  const auto step = [&](RolloutState& of, int window) {
    Observation observation{.sequence = of.sequence + 1, .at = after(of.at, 5min), .event = {}};
    observation.event = world.plain(300, 0.01, window);
    std::visit(
        [&](auto& event) {
          if constexpr (requires { event.window; })
            event.window = static_cast<std::uint64_t>(window);
        },
        observation.event);
    return engine.step(of, observation);
  };
  for (int window = 0; window < 12; ++window) static_cast<void>(step(state, window));
  auto decoded = decode_state(encode(state), engine);
  ASSERT_TRUE(std::holds_alternative<RolloutState>(decoded)) << describe(spec);
  auto& copy = std::get<RolloutState>(decoded);
  for (int window = 12; window < 40; ++window) {
    const Decision original = step(state, window);
    EXPECT_EQ(encode(step(copy, window)), encode(original)) << describe(spec);
  }
  EXPECT_EQ(digest(state), digest(copy)) << describe(spec);
  EXPECT_EQ(encode(state), encode(copy)) << describe(spec);
}

/// After a trillion requests a healthy candidate shows no harm, and one far beyond the edge does, if
/// the gate says anything at all.
inline void expect_sense_of_a_trillion(const GateSpec& spec) {
  if (is_two_sided(spec)) return;
  if (spec.test.name == "page_hinkley") return;  // as above
  if (spec.test.name == "bayes_rate") return;    // a probability is never quite 0
  GateWorld world(spec);
  if (world.form() != Form::samples) return;
  const auto after_a_trillion = [&](double excess) {
    GatePlayer player(spec);
    for (int window = 0; window < 40; ++window) player.hear(world.plain(25'000'000'000, excess, 0));
    return player.evidence();
  };
  // Likelihood ratios of a stated harm need one that is not much smaller: rates from 13% to above
  // 30%, or to a quarter, and means by half of their spread.
  const double edge = world.candidate_level(0.0);
  const bool is_up = spec.harm.direction == Direction::up;
  const double more = world.is_event() ? 0.25 : 0.25 * edge;
  const double less = world.is_event() ? 0.75 * edge : 0.25 * edge;
  if (const Evidence healthy = after_a_trillion(is_up ? -less : -more); healthy.enough) {
    EXPECT_EQ(healthy.harm, 0.0) << describe(spec);
  }
  if (const Evidence harmful = after_a_trillion(is_up ? more : less); harmful.enough) {
    EXPECT_GE(harmful.harm, 1.0) << describe(spec);
    EXPECT_EQ(harmful.safety, 0.0) << describe(spec);
  }
}

/// Claim: over `kLooks` looks at the edge of harm, a test that promises to keep a budget of 5% says
/// harm in at most 5% of rollouts, and safety (of errors of 5%) in at most 5%. The lower limit of the
/// 99.9% Clopper-Pearson interval of 200 rollouts is below 5%; seeds are fixed.
inline void expect_guarantee_holds(const GateSpec& spec) {
  constexpr int kLooks = 150;
  constexpr std::uint64_t kRollouts = 200;
  constexpr double kError = 0.05;
  Diagnostics diagnostics;
  const auto test = find_gate_test(spec.test.name)->make(spec, diagnostics);
  if (test->guarantee() != Guarantee::anytime && test->guarantee() != Guarantee::fixed_looks)
    return;
  GateWorld world(spec);
  // These worlds have rates and means at the edge of harm. What weighs quantiles and distributions has
  // its guarantee simulated in tests of its own.
  if (world.form() != Form::samples) return;
  GatePlayer player(spec, {.false_alarm = kError, .missed_harm = kError});
  std::uint64_t alarms = 0, missed = 0;
  for (std::uint64_t rollout = 0; rollout < kRollouts; ++rollout) {
    Random random(7000, rollout);
    player.forget();
    bool alarmed = false, is_safe = false;
    for (int look = 0; look < kLooks; ++look) {
      const Evidence evidence = player.look(world.drawn(60, 0.0, random));
      alarmed = alarmed || evidence.harm >= 1.0;
      is_safe = is_safe || evidence.safety >= 1.0;
    }
    alarms += alarmed ? 1U : 0U;
    missed += is_safe ? 1U : 0U;
  }
  EXPECT_LT(clopper_pearson(alarms, kRollouts, 0.999).lower, kError) << describe(spec);
  EXPECT_LT(clopper_pearson(missed, kRollouts, 0.999).lower, kError) << describe(spec);
}

}  // namespace gatewright::testing
