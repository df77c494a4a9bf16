// CUSUM of means (normal), and of rates (likelihood ratios, Bernoulli, Poisson).
// Used through the catalogue.
// Never restarts: after an alarm of a protective gate the rollout is over.
#include "policies/gates/cusum.h"

#include <algorithm>
#include <cmath>
#include <limits>
#include <string>

#include "policies/gates/making.h"
#include "policies/gates/numerics.h"
#include "policies/gates/run_length.h"
#include "policies/gates/window_score.h"

namespace gatewright {
namespace {

using Relation = HarmSpec::Relation;

/// Both charts in the harmful direction and against it; evidence is the share of the limit.
class CusumBase : public GateTest {
 public:
  std::string_view name() const noexcept final { return "cusum"; }
  Guarantee guarantee() const noexcept final { return Guarantee::average_run_length; }
  Form form() const noexcept final { return Form::samples; }
};

/// Page, Biometrika 41 (1954) 100: C = max(0, C + x - k) on x = the window's difference beyond the
/// edge of harm, in standard errors; k is half the shift to be found soonest. At the edge x is
/// standard normal, and the limit is the one whose run length is the one asked for.
class CusumOfMeans final : public CusumBase {
 public:
  struct Chart {
    double reference;
    double looks;  ///< average run length
    double limit = 0.0;
  };
  CusumOfMeans(const HarmSpec& harm, const NormalMixture::Settings& settings, const Chart& chart)
      : difference_(harm, settings), chart_(chart) {}

  void prepare(const Budget&) override {
    chart_.limit = gates::cusum_limit(chart_.reference, chart_.looks);
  }
  Statistic statistic() const override { return difference_.statistic(); }
  std::size_t slots() const noexcept override { return difference_.slots() + kSlots; }
  bool compares_arms() const noexcept override { return difference_.compares_arms(); }

  void update(std::span<double> slots, const Observation& observation) const noexcept override {
    const auto own = slots.subspan(difference_.slots());
    const auto x = gates::window_score(difference_, slots, observation);
    if (!x) return;
    own[kLooked] = 1.0;
    own[kHarm] = std::max(0.0, own[kHarm] + *x - chart_.reference);
    own[kSafety] = std::max(0.0, own[kSafety] - *x - chart_.reference);
  }

  Evidence evidence(std::span<const double> slots, const Budget&) const noexcept override {
    const auto own = slots.subspan(difference_.slots());
    return {.harm = gates::as_share(own[kHarm] / chart_.limit),
            .safety = gates::as_share(own[kSafety] / chart_.limit),
            .enough = own[kLooked] != 0.0};
  }

 private:
  enum Slot : std::size_t { kLooked, kHarm, kSafety, kSlots };

  NormalMixture difference_;
  Chart chart_;
};

/// The same with the logarithm of the likelihood ratio of a look, for rates `detect` times the
/// edge's. Its mean ratio at the edge is at most 1 for every look, however many requests it has and
/// however they are shared (see beta_binomial_mixture.h), so that the sum R = (R + 1) LR less the
/// number of looks is a supermartingale, and the mean number of looks to W = ln(looks) is at least
/// `looks` (Lorden, Annals of Mathematical Statistics 42 (1971) 1897; Pollak 1987).
///
/// With a level for the edge and the number of requests per look the limit is solved for: request by
/// request (Bernoulli), or by counts per look (Poisson). A look of several requests reflects less
/// often than its requests would one by one, so its run length is at least as long.
class CusumOfRates final : public CusumBase {
 public:
  struct Chart {
    double per_event;  ///< of an absolute rate: the increments of the harm chart
    double per_other;
    double limit;         ///< of the harm chart
    double safety_limit;  ///< ln of the looks
  };
  CusumOfRates(const HarmSpec& harm, double detect, std::uint64_t min_samples, const Chart& chart)
      : compares_arms_(harm.relation != Relation::absolute),
        edge_(harm.margin),
        theta_(harm.direction == Direction::up ? detect : 1.0 / detect),
        min_samples_(std::max<std::uint64_t>(1, min_samples)),
        chart_(chart) {}

  Statistic statistic() const override {
    Statistic statistic;
    statistic.kind = Statistic::Kind::rate;
    return statistic;
  }
  std::size_t slots() const noexcept override { return kSlots; }
  bool compares_arms() const noexcept override { return compares_arms_; }

  void update(std::span<double> slots, const Observation& observation) const noexcept override {
    const auto* samples = std::get_if<Samples>(&observation.event);
    if (samples == nullptr || samples->candidate.count < min_samples_) return;
    if (compares_arms_ && samples->baseline.count < min_samples_) return;
    slots[kLooked] = 1.0;
    const double harm =
        compares_arms_ ? log_ratio_of_arms(*samples, theta_) : harm_of_level(samples->candidate);
    const double safety = compares_arms_ ? log_ratio_of_arms(*samples, 1.0 / theta_)
                                         : log_ratio_of_level(samples->candidate, 1.0 / theta_);
    slots[kHarm] = std::max(0.0, slots[kHarm] + harm);
    slots[kSafety] = std::max(0.0, slots[kSafety] + safety);
  }

  Evidence evidence(std::span<const double> slots, const Budget&) const noexcept override {
    return {.harm = gates::as_share(slots[kHarm] / chart_.limit),
            .safety = gates::as_share(slots[kSafety] / chart_.safety_limit),
            .enough = slots[kLooked] != 0.0};
  }

 private:
  enum Slot : std::size_t { kLooked, kHarm, kSafety, kSlots };

  double harm_of_level(const Summary& candidate) const noexcept {
    return candidate.sum * chart_.per_event +
           (static_cast<double>(candidate.count) - candidate.sum) * chart_.per_other;
  }

  double log_ratio_of_level(const Summary& candidate, double theta) const noexcept {
    const double p = std::min(theta * edge_, 1.0 - 1e-9);
    return candidate.sum * std::log(p / edge_) +
           (static_cast<double>(candidate.count) - candidate.sum) *
               (std::log1p(-p) - std::log1p(-edge_));
  }

  double log_ratio_of_arms(const Samples& samples, double theta) const noexcept {
    const double n_c = static_cast<double>(samples.candidate.count);
    const double n_b = static_cast<double>(samples.baseline.count);
    const double pi = edge_ * n_c / (edge_ * n_c + n_b);
    return samples.candidate.sum * std::log(theta) -
           (samples.candidate.sum + samples.baseline.sum) * std::log1p(pi * (theta - 1.0));
  }

  bool compares_arms_;
  double edge_;
  double theta_;
  std::uint64_t min_samples_;
  Chart chart_;
};

constexpr double kDetect = 2.0;
constexpr double kShift = 1.0;

/// The chart of an absolute rate, or of two arms, whose increments are not used.
CusumOfRates::Chart rate_chart(const GateSpec& gate, double detect, double looks,
                               Diagnostics& diagnostics) {
  const HarmSpec& harm = gate.harm;
  const double per_look = gates::parameter(gate.test, "requests_per_look", 0.0);
  const bool poisson = gates::parameter<std::string>(gate.test, "law", "bernoulli") == "poisson";
  const bool up = harm.direction == Direction::up;
  if (per_look > 0.0 && (harm.relation != Relation::absolute || !up)) {
    gates::report(diagnostics, "test.requests_per_look",
                  "only the chart of a rate above a level is solved request by request; leave it "
                  "out, and the limit is that of any traffic");
    return {};
  }
  if (poisson && per_look == 0.0) {
    gates::report(diagnostics, "test.law", "counts per look need requests_per_look");
    return {};
  }
  const double any_traffic = std::log(looks);
  if (harm.relation != Relation::absolute)
    return {.per_event = 0.0, .per_other = 0.0, .limit = any_traffic, .safety_limit = any_traffic};
  const double p0 = harm.margin;
  const double p1 = std::min(up ? detect * p0 : p0 / detect, 1.0 - 1e-9);
  const double per_event = std::log(p1 / p0);
  const double per_other = std::log1p(-p1) - std::log1p(-p0);
  if (per_look == 0.0)
    return {.per_event = per_event,
            .per_other = per_other,
            .limit = any_traffic,
            .safety_limit = any_traffic};
  if (poisson) {
    constexpr int kSteps = 4;
    const double mean = per_look * p0;
    const double reference = std::round(kSteps * mean * (detect - 1.0) / std::log(detect)) / kSteps;
    const double limit =
        gates::poisson_limit({.reference = reference, .limit = 0.0, .steps = kSteps}, mean, looks);
    if (!std::isfinite(limit) || reference <= 0.0)
      gates::report(diagnostics, "test.requests_per_look",
                    "too few or too many events per look for a chart of counts; leave law and "
                    "requests_per_look out, and the limit is that of any traffic");
    return {.per_event = 1.0 - reference / per_look,
            .per_other = -reference / per_look,
            .limit = limit,
            .safety_limit = any_traffic};
  }
  const double step = std::max(1.0, std::round(per_event / -per_other));
  return {.per_event = step,
          .per_other = -1.0,
          .limit = gates::bernoulli_limit(step, p0, looks * per_look),
          .safety_limit = any_traffic};
}

std::unique_ptr<GateTest> make_cusum(const GateSpec& gate, Diagnostics& diagnostics) {
  const std::size_t problems = diagnostics.size();
  const NormalMixture::Settings settings = difference_settings(gate, diagnostics);
  const double looks = gates::run_length_of(gate, diagnostics);
  const double shift = gates::parameter(gate.test, "shift", kShift);
  const double detect = gates::parameter(gate.test, "detect", kDetect);
  if (!(shift >= 0.1 && shift <= 10.0))
    gates::report(diagnostics, "test.shift", "expected a number of standard errors, 0.1 to 10");
  if (!(detect > 1.0 && detect <= 1000.0))
    gates::report(diagnostics, "test.detect", "expected a ratio above 1, such as 2");
  if (diagnostics.size() > problems) return nullptr;
  if (settings.is_event && gate.harm.relation != Relation::difference) {
    const CusumOfRates::Chart chart = rate_chart(gate, detect, looks, diagnostics);
    if (diagnostics.size() > problems) return nullptr;
    return std::make_unique<CusumOfRates>(gate.harm, detect, gate.min_samples, chart);
  }
  return std::make_unique<CusumOfMeans>(
      gate.harm, settings, CusumOfMeans::Chart{.reference = 0.5 * shift, .looks = looks});
}

}  // namespace

GateTestInfo cusum_info() {
  return {
      .name = "cusum",
      .guarantee = Guarantee::average_run_length,
      .about =
          "a cumulative sum of what each look shows beyond the edge; soonest to find a lasting "
          "change",
      .source =
          "Page, Biometrika 41 (1954) 100; Reynolds and Stoumbos, Journal of Quality "
          "Technology 31 (1999) 87; Brook and Evans, Biometrika 59 (1972) 539",
      .parameters =
          {
              gates::run_length_parameter(),
              {.name = "shift",
               .kind = ParameterInfo::Kind::number,
               .default_text = "1",
               .about = "means: the change beyond the edge to be found soonest, in standard errors "
                        "of one look",
               .choices = {},
               .smallest = 0.1,
               .largest = 10.0},
              {.name = "detect",
               .kind = ParameterInfo::Kind::number,
               .default_text = "2",
               .about = "rates: the ratio to the edge's rate to be found soonest",
               .choices = {},
               .smallest = 1.01,
               .largest = 1000.0},
              {.name = "requests_per_look",
               .kind = ParameterInfo::Kind::count,
               .default_text = "0",
               .about = "rates above a level: solves for the limit at this traffic; 0: a limit for "
                        "any traffic",
               .choices = {},
               .smallest = 0.0,
               .largest = 1e9},
              {.name = "law",
               .kind = ParameterInfo::Kind::choice,
               .default_text = "bernoulli",
               .about = "with requests_per_look: request by request, or by counts per look",
               .choices = {"bernoulli", "poisson"}},
              scale_parameter(),
          },
      .make = make_cusum,
  };
}

}  // namespace gatewright
