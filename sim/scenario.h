// A world as plain data: traffic, arms, effects, noise, telemetry, rollback, objectives.
// Used by the loader, which fills it, and by World, which plays it; units are SI and in the names.
#pragma once

#include <chrono>
#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

#include "policies/diagnostic.h"
#include "policies/observation.h"
#include "policies/time.h"
#include "sim/serving/serving.h"

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

/// A doubly stochastic Poisson process: given the rate, Poisson, and the rate is rate_per_second x
/// (the diurnal wave) x exp(fast + slow) x (a level of the day). fast and slow are stationary
/// Ornstein-Uhlenbeck processes, the level of a day is lognormal, and each factor has mean one. What
/// is left out is the profile's (see profiles.h).
struct BurstyArrivals {
  struct Modulation {
    std::optional<double> cv{};  ///< of the rate averaged over 60 s (fast) or 10 min (slow)
    std::optional<Duration> correlation_time{};  ///< of the logarithm of the rate
  };
  std::optional<double> rate_per_second{};  ///< mean over the day
  Modulation fast{};
  Modulation slow{};
  std::optional<double> day_level_cv{};           ///< of the mean rate of a day
  std::optional<double> amplitude{};              ///< as of DiurnalArrivals
  std::optional<double> second_harmonic{};        ///< as of DiurnalArrivals
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
  std::string file{};  ///< as written; relative to the scenario file
  TraceFormat format = TraceFormat::csv;
  TraceRepeat repeat = TraceRepeat::bootstrap;
  Duration block = std::chrono::minutes(5);  ///< of the bootstrap
};

using Arrivals = std::variant<PoissonArrivals, DiurnalArrivals, BurstyArrivals, TraceArrivals>;

/// Lognormal by median and sigma of the logarithm, cut off at `clip` when that is positive.
struct Lognormal {
  double median = 1.0;
  double sigma = 0.0;
  double clip = 0.0;
};

/// A quantile function through (probability, value) points, log-linear between them.
struct QuantileGrid {
  std::vector<double> probabilities{};  ///< rising, from 0 to 1 inclusive
  std::vector<double> values{};         ///< rising, positive
};

using TokenLaw = std::variant<Lognormal, QuantileGrid>;

/// A delay law: lognormal, uniform or fixed. Seconds.
struct DelayLaw {
  enum class Kind : std::uint8_t { fixed, uniform, lognormal } kind = Kind::fixed;
  double a = 0.0;  ///< fixed: the delay; uniform: least; lognormal: median
  double b = 0.0;  ///< uniform: most; lognormal: sigma of the logarithm
  friend bool operator==(const DelayLaw&, const DelayLaw&) = default;
};

/// A user's requests come in sessions: the first arrives as the arrivals say, the others follow it.
struct Sessions {
  double requests = 1.0;  ///< mean per session, geometric, at least 1
  DelayLaw think{DelayLaw::Kind::lognormal, 45.0, 1.0};  ///< from one request to the next
  Duration gap = std::chrono::minutes(20);               ///< a longer silence ends a session
};

struct Users {
  std::uint32_t count = 20'000;  ///< 1 .. 10,000,000
  double zipf = 1.1;             ///< activity of the k-th user ~ k^-zipf; 0: all alike
  Sessions sessions{};
};

/// Customers that users belong to, each with an equal part of the users and its own share of traffic.
struct Tenants {
  std::uint32_t count = 0;          ///< 0: none
  double zipf = 1.1;                ///< share of the k-th tenant ~ k^-zipf
  std::optional<double> largest{};  ///< share of the first one; the others share the rest by zipf
  /// Each tenant's requests come as a renewal process in operational time whose gaps have a
  /// coefficient of variation of its own: lognormal over tenants by median and 90% quantile. Without
  /// it tenants are Poisson.
  struct Burstiness {
    double gap_cv_median = 1.2;
    double gap_cv_p90 = 5.0;
    double weibull_share = 0.25;  ///< of tenants with Weibull gaps; the others have gamma gaps
  };
  std::optional<Burstiness> burstiness{};
};

/// A named part of the users.
struct Segment {
  std::string name{};
  double share = 0.0;  ///< of users; the shares of all segments sum to 1
};

/// Traffic is multiplied by `factor` from `from` on: 0 stops it. On traces at most 1.
struct TrafficChange {
  Duration from{};
  std::optional<Duration> lasts{};  ///< default: to the end
  double factor = 0.0;
};

struct Traffic {
  std::string profile = "chat";  ///< see profiles.h; supplies the token laws not written out
  Arrivals arrivals{};
  std::vector<TrafficChange> changes{};
  Users users{};
  Tenants tenants{};
  std::vector<Segment> segments{};
  double cached_input = 0.0;  ///< share of a prompt's tokens that is read from the provider's cache
  std::optional<TokenLaw> input_tokens{};
  std::optional<TokenLaw> output_tokens{};
  std::optional<double> token_correlation{};  ///< Gaussian copula of input and output, in (-1, 1)
};

/// What one request does at an arm.
struct Arm {
  struct Price {
    std::string model{};
    double input_usd_per_token = 0.0;
    double output_usd_per_token = 0.0;
    std::optional<double> cached_input_usd_per_token{};  ///< default: as other input
    /// Prompts longer than `above_input_tokens` are billed whole at these prices.
    struct Tier {
      double above_input_tokens = 0.0;
      double input_usd_per_token = 0.0;
      double output_usd_per_token = 0.0;
      std::optional<double> cached_input_usd_per_token{};
      friend bool operator==(const Tier&, const Tier&) = default;
    };
    std::vector<Tier> tiers{};  ///< rising
    /// From `from` on (since the start of the rollout) these prices hold instead.
    struct Change {
      Duration from{};
      double input_usd_per_token = 0.0;
      double output_usd_per_token = 0.0;
      std::optional<double> cached_input_usd_per_token{};
      std::vector<Tier> tiers{};  ///< rising
      friend bool operator==(const Change&, const Change&) = default;
    };
    std::vector<Change> changes{};  ///< rising
    /// A price file in the genai-prices format; `model` and the scenario's `starts_at` choose the
    /// prices, tiers and dated changes, which then must not be written out.
    std::string file{};
  } price;
  struct Latency {
    Lognormal ttft{0.35, 0.2, 0.0};  ///< seconds
    double per_output_token_seconds = 0.015;
    double timeout_seconds = 30.0;  ///< slower answers end as errors of kind timeout
  } latency;
  double error_probability = 0.015;    ///< an error bills its input tokens and has no answer
  double failed_latency_ratio = 0.35;  ///< latency of an error against that of the answer
  /// Errors in bursts (Gilbert 1960, Elliott 1963), in continuous time: an arm is in a burst for
  /// `burst_share` of the time, exponential stretches of mean `burst`; the error probability is
  /// `burst_probability` there and elsewhere what leaves error_probability as the mean.
  struct ErrorBursts {
    double burst_share = 0.036;
    double burst_probability = 0.25;
    Duration burst = std::chrono::minutes(1);
    bool shared = false;  ///< both arms burst at once, as when a provider has trouble
  };
  std::optional<ErrorBursts> error_bursts{};
  double rate_limited_share = 0.0;    ///< of errors that are no timeouts: kind 429; the rest is 5xx
  double refusal_probability = 0.01;  ///< of answered requests
  /// What telemetry sees of refusals: the detector's verdict, not the truth.
  struct Detector {
    double sensitivity = 1.0;  ///< share of refusals that it flags
    double specificity = 1.0;  ///< share of other answers that it does not flag
    friend bool operator==(const Detector&, const Detector&) = default;
  } refusal_detector;
  /// Answers of too few tokens.
  struct Collapse {
    double probability = 0.0;
    double tokens = 5.0;   ///< at most
    double quality = 0.1;  ///< at most
    friend bool operator==(const Collapse&, const Collapse&) = default;
  } collapse;
  /// Rare answers that take `factor` times as long.
  struct Hang {
    double probability = 0.0;
    double factor = 30.0;
    friend bool operator==(const Hang&, const Hang&) = default;
  } hang;
  struct Thumbs {
    double down = 0.03;        ///< share of answers a user would rate down
    double up = 0.06;          ///< share of answers a user would rate up
    double rate_given = 0.05;  ///< share of those ratings that are really given
    DelayLaw delay{};          ///< from the answer to its rating; default: at once
  } thumbs;
  struct Score {
    double mean = 0.78, sd = 0.19;  ///< normal, clipped to [0, 1]
    friend bool operator==(const Score&, const Score&) = default;
  } quality;
};

/// How the two arms' answers to one mirrored prompt compare.
struct SamePrompt {
  double correlation =
      0.6;                 ///< of their latent lengths, times to first token, qualities; in [0, 1)
  double agreement = 0.9;  ///< share of prompts to which both say the same
  Arm::Score similarity{0.85, 0.1};
  friend bool operator==(const SamePrompt&, const SamePrompt&) = default;
};

/// What an interleaved list of both arms' answers tells: a share of users clicks, and a click goes to
/// the better answer with probability Phi((quality difference) / scale).
struct Interleaving {
  double clicked = 0.61;
  double scale = 0.3;
};

/// What an effect's times count from.
enum class EffectClock : std::uint8_t {
  start,           ///< of the rollout
  first_exposure,  ///< served or mirrored: time since the candidate was deployed
  served,          ///< the moment at which the served exposure first reached `since_served`
};
enum class EffectArms : std::uint8_t { candidate, baseline, both };

/// One difference of the candidate, or a change of the world that both arms see. From `from` on its
/// clock and over `ramp_in` it grows linearly from nothing to its full size, stays for `lasts`, and
/// over `fade` goes away again. On event metrics it acts on the probability, on others on the value;
/// `multiply` first, then `shift` (in the metric's unit). All conditions must hold.
struct Effect {
  std::string name{};  ///< in paths; may be empty: then its metric names it
  /// latency, ttft, tpot, output_tokens, cost, error, refusal, thumbs_down, thumbs_up, quality,
  /// length_collapse, hang, agreement, similarity; on both arms also input_tokens.
  std::string metric{};
  double multiply = 1.0;
  double shift = 0.0;
  EffectClock since = EffectClock::start;
  double since_served = 0.0;  ///< share of traffic, with EffectClock::served
  Duration from{};
  Duration ramp_in{};
  bool grows_on = false;  ///< beyond its size at the end of ramp_in, at the same pace (a leak)
  std::optional<Duration> lasts{};  ///< at full size; default: to the end
  Duration fade{};
  /// Acts for the first `on` of every `period`, counted from `from`.
  struct Periodic {
    Duration period{};
    Duration on{};
  };
  std::optional<Periodic> periodic{};
  double above_served = 0.0;              ///< acts while the served exposure is at least this share
  std::string segment{};                  ///< acts on this segment's requests only
  std::optional<std::uint32_t> tenant{};  ///< acts on this tenant's requests only, from 1
  double above_input_tokens = 0.0;        ///< acts on prompts of at least this length only
  EffectArms arms = EffectArms::candidate;
  std::optional<bool> harmful{};  ///< default: whether it moves its metric in the direction of harm
};

/// Run-to-run noise: what two runs of one model differ by.
struct Noise {
  /// Per event metric, and quality: share of prompts whose outcome varies from run to run. The others
  /// have one outcome at both arms, but for effects. Averages out over distinct prompts.
  std::map<std::string, double> prompts{};
  /// Per metric: sd of one draw per rollout and arm, on the log scale for positive metrics; for
  /// quality and events in points, applied on the logit scale. No sample size averages it out.
  std::map<std::string, double> deployment{};
  /// A slow shock (AR(1) over telemetry windows): a lognormal factor of coefficient of variation
  /// `size` for positive metrics; for quality and events a logit shift of `size` points.
  struct Window {
    double size = 0.0;
    Duration correlation_time = std::chrono::minutes(10);
    bool separate = false;  ///< each arm has its own; else both share it
  };
  std::map<std::string, Window> window{};
};

enum class TelemetryFaultKind : std::uint8_t {
  lost,           ///< the report never comes
  duplicated,     ///< it comes again, a little later
  reordered,      ///< it comes after the next one
  truncated,      ///< it covers a part of the window only
  counter_reset,  ///< its counts have gone backwards
  not_a_number,
  unit_mistake,  ///< the candidate's values times `factor`
  swapped_arms,  ///< labels of baseline and candidate exchanged
};

/// What goes wrong with reports of a metric for a while.
struct TelemetryFault {
  TelemetryFaultKind kind = TelemetryFaultKind::lost;
  std::string metric{};  ///< empty: any
  double share = 1.0;    ///< of the reports concerned
  Duration from{};
  std::optional<Duration> lasts{};  ///< default: to the end
  double factor = 1000.0;           ///< of a unit mistake
  friend bool operator==(const TelemetryFault&, const TelemetryFault&) = default;
};

struct Telemetry {
  Duration window = std::chrono::minutes(1);  ///< resolution; probe windows are whole multiples
  DelayLaw delay{};  ///< from the close of a window to its arrival at the engine; order is kept
  double lost = 0.0, duplicated = 0.0, reordered = 0.0;  ///< shares of all reports
  double mirrored_sampled = 1.0;  ///< share of mirrored requests that telemetry sees
  std::vector<TelemetryFault> faults{};
};

enum class Actuation : std::uint8_t { policy_flip, blue_green, scripted, redeploy, manual, custom };

/// From a decision to the exposure it asks for, up or down.
struct Rollback {
  Actuation actuation = Actuation::policy_flip;
  DelayLaw delay{DelayLaw::Kind::uniform, 1.0, 5.0};  ///< counts for `custom` only
  double refused = 0.0;  ///< share of attempts that fail; each is tried again after `retry_after`
  Duration retry_after = std::chrono::seconds(30);
  double partial = 0.0;   ///< share of actuations that first land short of their target
  double lands_at = 0.8;  ///< share of the way that those go; the rest follows after `retry_after`
  double applied_twice = 0.0;         ///< share of actuations that are confirmed twice
  double lost_acknowledgement = 0.0;  ///< share whose confirmation gets lost; asked for again after
                                      ///< `retry_after`
  /// A rollback finds the old model cold: for `cold` its answers take `cold_factor` times as long.
  Duration cold{};
  double cold_factor = 3.0;
};

/// What a person does during the rollout.
struct OperatorAction {
  Duration at{};
  OperatorCommand::Kind command = OperatorCommand::Kind::pause;
  friend bool operator==(const OperatorAction&, const OperatorAction&) = default;
};

/// How long actuation takes: the law that goes with the kind, or `delay` for custom. policy_flip
/// 1..5 s, blue_green 0.1..1 s, scripted 2..3 min, redeploy 5..10 min, manual lognormal with median
/// 15 min and sigma 0.7.
[[nodiscard]] DelayLaw delay_law(const Rollback& rollback) noexcept;

/// What users expect of an answer; beyond it the answer is bad.
struct Objectives {
  double latency_seconds = 20.0;
  double quality_floor = 0.2;
  /// Whether qualities decide about any answer; they are never below 0.
  [[nodiscard]] bool minds_quality() const noexcept { return quality_floor > 0.0; }
};

/// How finely a world is played (see windows/fidelity.h).
enum class Fidelity : std::uint8_t {
  requests,   ///< every request is drawn
  windows,    ///< a window's statistics are drawn; refused where that cannot be exact enough
  automatic,  ///< windows where they can be and save anything, else requests
};
[[nodiscard]] std::string_view to_string(Fidelity fidelity) noexcept;

struct Scenario {
  std::string name{};
  std::string about{};
  Fidelity fidelity = Fidelity::requests;
  std::uint64_t seed = 0;
  Duration horizon = std::chrono::hours(12);
  /// Of the rollout's start, for dated prices; default: the last price holds.
  std::optional<std::chrono::sys_seconds> starts_at{};
  Traffic traffic;
  Arm baseline;
  SamePrompt same_prompt;
  Interleaving interleaving;
  std::vector<Effect> effects{};  ///< of the candidate, which is otherwise like the baseline
  std::optional<Arm::Price> candidate_price{};
  std::optional<Arm::Detector> candidate_refusal_detector{};
  std::optional<Serving> serving{};  ///< queues; without it answers never wait
  Noise noise;
  Telemetry telemetry;
  Rollback rollback;
  std::vector<OperatorAction> operators{};
  std::optional<Duration> approves_after{};  ///< from a stage's wait for approval to its approval
  Objectives objectives;
  std::string directory{};  ///< of the scenario file, for relative trace paths
};

/// The same world without the candidate's differences: its effects that do not act on both arms, and
/// its own price and detector. It shares every random stream.
[[nodiscard]] Scenario healthy_twin(Scenario scenario);

/// Whether the effect hurts: what `harmful` says, else whether it moves its metric in the direction of
/// harm. An effect of no size never does, nor one that the candidate is not alone with.
[[nodiscard]] bool is_harmful(const Effect& effect) noexcept;
/// The earliest onset of a harmful effect, as if every clock began with the rollout; nothing in a
/// healthy world.
[[nodiscard]] std::optional<Duration> harmful_from(const Scenario& scenario) noexcept;

/// Everything wrong with the numbers, with paths such as "baseline.latency.timeout".
[[nodiscard]] Diagnostics validate(const Scenario& scenario);

}  // namespace gatewright::sim
