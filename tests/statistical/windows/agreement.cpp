// The long comparison of the two resolutions, by hand: what telemetry tells of windows, at six sizes, and
// what becomes of the catalog's policies, at three rates. Prints tables; exits with 1 where they differ.
//   windows_agreement evidence [windows] [requests per arm ...]     100000 windows; 50 to 50,000
//   windows_agreement rollouts [rollouts] [scenario ...]            1,000 rollouts at most; the whole catalog
// With --keep FOLDER first, what requests said is kept there and not played again; with --seed N first, evidence
// is of other worlds.
#include <algorithm>
#include <cstdio>
#include <filesystem>
#include <string>
#include <utility>
#include <vector>

#include "tests/statistical/windows/eventful.h"
#include "tests/statistical/windows/kept.h"
#include "tests/statistical/windows/rollouts.h"

namespace gatewright::sim::testing {
namespace {

using Folder = std::filesystem::path;

/// Confidence of each table as a whole.
constexpr double kAlpha = 0.01;

struct Case {
  const char* name;
  std::vector<Probe> probes;
  bool has_correlations = false;
};

std::vector<Case> cases() {
  using Kind = Statistic::Kind;
  std::vector<Probe> of_latency = {quantile_probe("latency", 0.95), quantile_probe("latency", 0.99),
                                   probe("latency", Kind::mean)};
  return {{"sums", sums()}, {"quantiles", of_latency, true}, {"distributions", quantiles()}};
}

/// All that is asked in any case: what requests say of a metric is the same whoever asks beside.
std::vector<Probe> asked_in_any_case() {
  std::vector<Probe> all = sums();
  for (const Probe& one : quantiles())
    if (one.form != Form::samples) all.push_back(one);
  return all;
}

/// What was written before a mode.
struct Options {
  Folder folder;
  std::uint64_t seed = 17;
};

bool compare_evidence(std::size_t windows, const std::vector<double>& sizes,
                      const Options& options) {
  const double alone = critical_distance(0.01, windows, windows);
  std::printf("%zu windows per size and resolution; a distance above %.4f has probability 1%%\n\n",
              windows, alone);
  std::printf("%8s  %-14s %5s %9s %9s %6s %8s  %s\n", "requests", "measured", "stat.", "largest",
              "critical", "above", "expected", "the largest is of");
  bool agree = true;
  double rank_difference = 0.0;
  for (const double size : sizes) {
    const auto look = [windows, &options](const std::vector<Probe>& probes) {
      return Look{probes, {.served = 5'000}, windows, options.seed};
    };
    const std::string name = "evidence-" + std::to_string(options.seed) + "-" +
                             std::to_string(windows) + "-" + std::to_string(std::lround(size));
    const Evidence a = kept_or(options.folder, name, [&] {
      return evidence_of(eventful(size), Fidelity::requests, look(asked_in_any_case()));
    });
    for (const Case& one : cases()) {
      const Evidence b = evidence_of(eventful(size), Fidelity::windows, look(one.probes));
      double largest = 0.0;
      std::string where;
      std::size_t above = 0;
      for (const auto& [statistic, sample] : b) {
        const double apart = distance(sample, a.at(statistic));
        if (apart > alone) ++above;
        if (apart <= largest) continue;
        largest = apart;
        where = statistic;
      }
      const auto statistics = static_cast<double>(b.size());
      const double critical = critical_distance(kAlpha / statistics, windows, windows);
      agree &= largest < critical;
      std::printf("%8.0f  %-14s %5zu %9.4f %9.4f %6zu %8.1f  %s\n", size, one.name, b.size(),
                  largest, critical, above, 0.01 * statistics, where.c_str());
      if (one.has_correlations)
        for (const auto& [x, y] : {std::pair{"latency p95", "latency p99"},
                                   {"latency p95", "latency mean"},
                                   {"latency p99", "latency mean"}}) {
          const std::string arm = "candidate ";
          const double of_requests = rank_correlation(a.at(arm + x), a.at(arm + y));
          const double of_windows = rank_correlation(b.at(arm + x), b.at(arm + y));
          std::printf("%8s  rank correlation of %s and %s: %.4f, %.4f\n", "", x, y, of_requests,
                      of_windows);
          rank_difference = std::max(rank_difference, std::fabs(of_requests - of_windows));
        }
      std::fflush(stdout);
    }
  }
  std::printf("\nlargest difference of rank correlations %.4f\n", rank_difference);
  return agree;
}

/// At which rates the catalog is played, how often at most, and how long: fast requests are dear.
struct Pace {
  const char* name;
  double per_second;
  std::size_t most;
  Duration longest = Duration::max();
};
constexpr Pace kPaces[] = {{"10/min", 10.0 / 60.0, 1'000},
                           {"10/s", 10.0, 300},
                           {"1000/s", 1'000.0, 30, std::chrono::hours(4)}};

std::vector<std::string> catalog() {
  std::vector<std::string> names;
  for (const auto& entry : std::filesystem::directory_iterator(GATEWRIGHT_CATALOG))
    if (entry.path().extension() == ".yaml") names.push_back(entry.path().stem());
  std::ranges::sort(names);
  return names;
}

bool compare_catalog(std::size_t most, const std::vector<std::string>& names,
                     const Folder& folder) {
  std::vector<double> p;
  std::vector<std::string> what;
  std::printf("%-28s %9s %9s %12s  %s\n", "scenario", "rate", "rollouts", "comparisons",
              "smallest p");
  for (const std::string& name : names) {
    for (const Pace& pace : kPaces) {
      const std::string file = std::string(GATEWRIGHT_CATALOG) + "/" + name + ".yaml";
      Rehearsal one = rehearsal(file, name, pace.per_second);
      if (one.field.empty()) {
        std::printf("%-28s refused: %s\n", name.c_str(), one.refused.c_str());
        break;
      }
      const bool is_level = std::holds_alternative<PoissonArrivals>(one.scenario.traffic.arrivals);
      if (is_level) one.scenario.horizon = std::min(one.scenario.horizon, pace.longest);
      // A rate that varies is the scenario's own.
      const std::size_t rollouts = std::min(most, is_level ? pace.most : kPaces[1].most);
      double smallest = 1.0;
      std::string which;
      const auto comparisons =
          compare_resolutions(std::move(one), rollouts, [&](const std::string& whose, auto play) {
            const std::string key = "rollouts-" + name + '-' + std::to_string(pace.per_second) +
                                    '-' + std::to_string(rollouts) + '-' + whose;
            return kept_or(folder, key, play);
          });
      for (const Comparison& comparison : comparisons) {
        p.push_back(comparison.p);
        what.push_back(name + " at " + pace.name + ", " + comparison.what);
        if (comparison.p >= smallest) continue;
        smallest = comparison.p;
        which = comparison.what;
      }
      std::printf("%-28s %9s %9zu %12zu  %.2g  %s\n", name.c_str(),
                  is_level ? pace.name : "its own", rollouts, comparisons.size(), smallest,
                  which.c_str());
      std::fflush(stdout);
      if (!is_level) break;
    }
  }
  const std::vector<std::size_t> fallen = holm(p, kAlpha);
  std::printf("\n%zu comparisons; %zu differ at %.0f%% confidence in all of them together (Holm)\n",
              p.size(), fallen.size(), 100.0 * (1.0 - kAlpha));
  for (const std::size_t i : fallen) std::printf("  %.2g  %s\n", p[i], what[i].c_str());
  return fallen.empty();
}

int run_main(std::vector<std::string> arguments) {
  Options options;
  for (; arguments.size() > 1 && arguments[0].starts_with("--");
       arguments.erase(arguments.begin(), arguments.begin() + 2)) {
    if (arguments[0] == "--seed") {
      options.seed = std::stoull(arguments[1]);
    } else if (arguments[0] == "--keep") {
      options.folder = arguments[1];
      std::filesystem::create_directories(options.folder);
    } else {
      break;
    }
  }
  const std::string mode = arguments.empty() ? "" : arguments[0];
  const std::size_t count = arguments.size() > 1 ? std::stoul(arguments[1]) : 0;
  const std::vector<std::string> rest(
      arguments.begin() + static_cast<std::ptrdiff_t>(std::min<std::size_t>(arguments.size(), 2)),
      arguments.end());
  if (mode == "evidence") {
    std::vector<double> sizes;
    for (const std::string& size : rest) sizes.push_back(std::stod(size));
    if (sizes.empty()) sizes = {50, 200, 750, 3'000, 15'000, 50'000};
    return compare_evidence(count > 0 ? count : 100'000, sizes, options) ? 0 : 1;
  }
  if (mode == "rollouts")
    return compare_catalog(count > 0 ? count : 1'000, rest.empty() ? catalog() : rest,
                           options.folder)
               ? 0
               : 1;
  std::fputs(
      "windows_agreement [--keep FOLDER] [--seed N] evidence [windows] [requests per arm ...]\n"
      "windows_agreement [--keep FOLDER] rollouts [rollouts at most] [scenario ...]\n",
      stderr);
  return 2;
}

}  // namespace
}  // namespace gatewright::sim::testing

int main(int count, char** values) {
  return gatewright::sim::testing::run_main(std::vector<std::string>(values + 1, values + count));
}
