// A world as plain data: traffic, arms, effects, noise, telemetry, rollback, objectives.
// Used by the loader, which fills it, and by World, which plays it; units are SI and in the names.
#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <variant>
#include <vector>

#include "policies/diagnostic.h"
#include "policies/time.h"

namespace gatewright::sim {

/// A homogeneous Poisson process.
struct PoissonArrivals {
  double rate_per_second = 0.0;  ///< > 0
};

/// A Poisson process of rate r (1 + a cos(2 pi (t - peak) / 24 h) + b cos(4 pi (t - peak) / 24 h)),
/// a + b <= 1, so that the rate is never negative.
struct DiurnalArrivals {
  double rate_per_second = 0.0;                   ///< mean over the day
  double amplitude = 0.4;                         ///< a, in [0, 1]
  double second_harmonic = 0.15;                  ///< b, in [0, 1]
  Duration peak = std::chrono::hours(17);         ///< time of day
  Duration start_of_day = std::chrono::hours(9);  ///< time of day at which the rollout starts
};

enum class TraceFormat : std::uint8_t { azure, burstgpt, mooncake, csv };
enum class TraceRepeat : std::uint8_t {
  loop,       ///< the recording again and again; every replication sees the same arrivals
  bootstrap,  ///< blocks of the recording drawn with replacement, anew in each replication
};

/// Arrivals and tokens of a recorded trace, in order (plain or .gz).
struct TraceArrivals {
  std::string file;  ///< as written; relative to the scenario file
  TraceFormat format = TraceFormat::csv;
  TraceRepeat repeat = TraceRepeat::bootstrap;
  Duration block = std::chrono::minutes(5);  ///< of the bootstrap
};

using Arrivals = std::variant<PoissonArrivals, DiurnalArrivals, TraceArrivals>;

/// Lognormal by median and sigma of the logarithm, cut off at `clip` when that is positive.
struct Lognormal {
  double median = 1.0;
  double sigma = 0.0;
  double clip = 0.0;
};

/// A quantile function through (probability, value) points, log-linear between them.
struct QuantileGrid {
  std::vector<double> probabilities;  ///< rising, from 0 to 1 inclusive
  std::vector<double> values;         ///< rising, positive
};

using TokenLaw = std::variant<Lognormal, QuantileGrid>;

struct Users {
  std::uint32_t count = 20'000;  ///< 1 .. 10,000,000
  double zipf = 1.1;             ///< activity of the k-th user ~ k^-zipf; 0: all alike
};

struct Traffic {
  std::string profile = "chat";  ///< see profiles.h; supplies the token laws not written out
  Arrivals arrivals;
  Users users;
  std::optional<TokenLaw> input_tokens;
  std::optional<TokenLaw> output_tokens;
  std::optional<double> token_correlation;  ///< Gaussian copula of input and output, in (-1, 1)
};

/// What one request does at an arm.
struct Arm {
  struct Price {
    std::string model;
    double input_usd_per_token = 0.0;
    double output_usd_per_token = 0.0;
  } price;
  struct Latency {
    Lognormal ttft{0.35, 0.2, 0.0};  ///< seconds
    double per_output_token_seconds = 0.015;
    double timeout_seconds = 30.0;  ///< slower answers end as errors of kind timeout
  } latency;
  double error_probability = 0.015;    ///< an error bills its input tokens and has no answer
  double failed_latency_ratio = 0.35;  ///< latency of an error against that of the answer
  double refusal_probability = 0.01;   ///< of answered requests
  struct Thumbs {
    double down = 0.03;        ///< share of answers a user would rate down
    double up = 0.06;          ///< share of answers a user would rate up
    double rate_given = 0.05;  ///< share of those ratings that are really given
  } thumbs;
  struct Quality {
    double mean = 0.78, sd = 0.19;  ///< normal, clipped to [0, 1]
  } quality;
};

/// One difference of the candidate. After `from` (since the start of the rollout) and over `ramp_in`
/// it grows linearly from nothing to its full size. On event metrics it acts on the probability, on
/// others on the value; `multiply` first, then `shift` (in the metric's unit).
struct Effect {
  /// latency, ttft, tpot, output_tokens, cost, error, refusal, thumbs_down, thumbs_up or quality.
  std::string metric;
  double multiply = 1.0;
  double shift = 0.0;
  Duration from{};
  Duration ramp_in{};
  std::optional<bool> harmful;  ///< default: whether it moves its metric in the direction of harm
};

/// Run-to-run noise that no sample size averages out.
struct Noise {
  /// Per metric: sd of one draw per rollout and arm, on the log scale for positive metrics, in the
  /// metric's own unit for quality, additive in probability for events.
  std::map<std::string, double> deployment;
  struct Window {
    double cv = 0.0;  ///< of a lognormal factor shared by both arms
    Duration correlation_time = std::chrono::minutes(10);
  };
  std::map<std::string, Window> window;  ///< positive metrics
};

/// A delay law: lognormal, uniform or fixed. Seconds.
struct DelayLaw {
  enum class Kind : std::uint8_t { fixed, uniform, lognormal } kind = Kind::fixed;
  double a = 0.0;  ///< fixed: the delay; uniform: least; lognormal: median
  double b = 0.0;  ///< uniform: most; lognormal: sigma of the logarithm
};

struct Telemetry {
  Duration window = std::chrono::minutes(1);  ///< resolution; probe windows are whole multiples
  DelayLaw delay;  ///< from the close of a window to its arrival at the engine; order is kept
};

enum class Actuation : std::uint8_t { policy_flip, blue_green, scripted, redeploy, manual, custom };

/// From a decision to the exposure it asks for, up or down.
struct Rollback {
  Actuation actuation = Actuation::policy_flip;
  DelayLaw delay{DelayLaw::Kind::uniform, 1.0, 5.0};  ///< counts for `custom` only
};

/// How long actuation takes: the law that goes with the kind, or `delay` for custom. policy_flip
/// 1..5 s, blue_green 0.1..1 s, scripted 2..3 min, redeploy 5..10 min, manual lognormal with median
/// 15 min and sigma 0.7.
[[nodiscard]] DelayLaw delay_law(const Rollback& rollback) noexcept;

/// What users expect of an answer; beyond it the answer is bad.
struct Objectives {
  double latency_seconds = 20.0;
  double quality_floor = 0.2;
};

struct Scenario {
  std::string name;
  std::string about;
  std::uint64_t seed = 0;
  Duration horizon = std::chrono::hours(12);
  Traffic traffic;
  Arm baseline;
  double same_prompt_correlation = 0.6;  ///< of both arms' latent answers to one prompt, in [0, 1)
  std::vector<Effect> effects;           ///< of the candidate, which is otherwise like the baseline
  Noise noise;
  Telemetry telemetry;
  Rollback rollback;
  Objectives objectives;
  std::string directory;  ///< of the scenario file, for relative trace paths
};

/// The same world without the candidate's effects; it shares every random stream.
[[nodiscard]] Scenario healthy_twin(Scenario scenario);

/// Whether the effect hurts: what `harmful` says, else whether it moves its metric in the direction of
/// harm. An effect of no size never does.
[[nodiscard]] bool is_harmful(const Effect& effect) noexcept;
/// Onset of the first harmful effect, since the start of the rollout; nothing in a healthy world.
[[nodiscard]] std::optional<Duration> harmful_from(const Scenario& scenario) noexcept;

/// Everything wrong with the numbers, with paths such as "baseline.latency.timeout".
[[nodiscard]] Diagnostics validate(const Scenario& scenario);

}  // namespace gatewright::sim
