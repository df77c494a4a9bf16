// The long comparison of the two resolutions, by hand: what telemetry tells of windows, at six sizes, and
// what becomes of the catalog's policies, at three rates. Prints tables; exits with 1 where they differ.
//   windows_agreement evidence [windows] [requests per arm ...]     100000 windows; 50 to 50,000
//   windows_agreement rollouts [rollouts] [scenario ...]            200 rollouts; the whole catalog
#include <algorithm>
#include <cstdio>
#include <cstring>
#include <filesystem>
#include <string>
#include <vector>

#include "tests/statistical/windows/eventful.h"
#include "tests/statistical/windows/rollouts.h"

namespace gatewright::sim::testing {
namespace {

/// Confidence of each table as a whole.
constexpr double kAlpha = 0.01;

struct Case {
  const char* name;
  std::vector<Probe> probes;
};

std::vector<Case> cases() {
  using Kind = Statistic::Kind;
  std::vector<Probe> of_latency = {quantile_probe("latency", 0.95), quantile_probe("latency", 0.99),
                                   probe("latency", Kind::mean)};
  return {{"sums", sums()}, {"quantiles", of_latency}, {"distributions", quantiles()}};
}

bool compare_evidence(std::size_t windows, const std::vector<double>& sizes) {
  std::printf("%zu windows per size and resolution; a distance above %.4f has probability 1%%\n\n",
              windows, critical_distance(0.01, windows, windows));
  std::printf("%8s  %-14s %5s %9s %9s %6s  %s\n", "requests", "measured", "stat.", "largest",
              "critical", "above", "the largest is of");
  bool agree = true;
  double rank_difference = 0.0;
  for (const double size : sizes) {
    for (const Case& one : cases()) {
      const Look look{one.probes, {.served = 5'000}, windows, 17};
      const Evidence a = evidence_of(eventful(size), Fidelity::requests, look);
      const Evidence b = evidence_of(eventful(size), Fidelity::windows, look);
      double largest = 0.0;
      std::string where;
      std::size_t above = 0;
      for (const auto& [name, sample] : a) {
        const double apart = distance(sample, b.at(name));
        if (apart > critical_distance(0.01, windows, windows)) ++above;
        if (apart <= largest) continue;
        largest = apart;
        where = name;
      }
      const double critical =
          critical_distance(kAlpha / static_cast<double>(a.size()), windows, windows);
      agree &= largest < critical;
      std::printf("%8.0f  %-14s %5zu %9.4f %9.4f %6zu  %s\n", size, one.name, a.size(), largest,
                  critical, above, where.c_str());
      if (std::strcmp(one.name, "quantiles") == 0)
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

/// Requests that a comparison may draw, so that fast rates have fewer rollouts.
constexpr double kMostRequests = 1e9;

std::vector<std::string> catalog() {
  std::vector<std::string> names;
  for (const auto& entry : std::filesystem::directory_iterator(GATEWRIGHT_CATALOG))
    if (entry.path().extension() == ".yaml") names.push_back(entry.path().stem());
  std::ranges::sort(names);
  return names;
}

bool compare_catalog(std::size_t most, const std::vector<std::string>& names) {
  std::vector<double> p;
  std::vector<std::string> what;
  std::printf("%-28s %9s %9s %12s  %s\n", "scenario", "rate", "rollouts", "comparisons",
              "smallest p");
  for (const std::string& name : names) {
    for (const auto& [rate, per_second] :
         {std::pair{"10/min", 10.0 / 60.0}, {"10/s", 10.0}, {"1000/s", 1'000.0}}) {
      const std::string file = std::string(GATEWRIGHT_CATALOG) + "/" + name + ".yaml";
      Rehearsal one = rehearsal(file, name, per_second);
      if (one.field.empty()) {
        std::printf("%-28s refused: %s\n", name.c_str(), one.refused.c_str());
        break;
      }
      const bool is_level = std::holds_alternative<PoissonArrivals>(one.scenario.traffic.arrivals);
      const double horizon = std::chrono::duration<double>(one.scenario.horizon).count();
      const double affordable =
          kMostRequests / (per_second * horizon * static_cast<double>(one.field.size()));
      const auto rollouts = std::min(most, static_cast<std::size_t>(affordable));
      if (rollouts < 10) {
        std::printf("%-28s %9s too long for requests\n", name.c_str(), rate);
        continue;
      }
      double smallest = 1.0;
      std::string which;
      const auto comparisons = compare_resolutions(std::move(one), rollouts);
      for (const Comparison& comparison : comparisons) {
        p.push_back(comparison.p);
        what.push_back(name + " at " + rate + ", " + comparison.what);
        if (comparison.p >= smallest) continue;
        smallest = comparison.p;
        which = comparison.what;
      }
      std::printf("%-28s %9s %9zu %12zu  %.2g  %s\n", name.c_str(), is_level ? rate : "its own",
                  rollouts, comparisons.size(), smallest, which.c_str());
      std::fflush(stdout);
      if (!is_level) break;  // a rate that varies is the scenario's own
    }
  }
  const std::vector<std::size_t> fallen = holm(p, kAlpha);
  std::printf("\n%zu comparisons; %zu differ at %.0f%% confidence in all of them together (Holm)\n",
              p.size(), fallen.size(), 100.0 * (1.0 - kAlpha));
  for (const std::size_t i : fallen) std::printf("  %.2g  %s\n", p[i], what[i].c_str());
  return fallen.empty();
}

int run_main(const std::vector<std::string>& arguments) {
  const std::string mode = arguments.empty() ? "" : arguments[0];
  const std::size_t count = arguments.size() > 1 ? std::stoul(arguments[1]) : 0;
  const std::vector<std::string> rest(arguments.begin() + (arguments.size() > 1 ? 2 : 0),
                                      arguments.end());
  if (mode == "evidence") {
    std::vector<double> sizes;
    for (const std::string& size : rest) sizes.push_back(std::stod(size));
    if (sizes.empty()) sizes = {50, 200, 750, 3'000, 15'000, 50'000};
    return compare_evidence(count > 0 ? count : 100'000, sizes) ? 0 : 1;
  }
  if (mode == "rollouts")
    return compare_catalog(count > 0 ? count : 200, rest.empty() ? catalog() : rest) ? 0 : 1;
  std::fputs(
      "windows_agreement evidence [windows] [requests per arm ...]\n"
      "windows_agreement rollouts [rollouts] [scenario ...]\n",
      stderr);
  return 2;
}

}  // namespace
}  // namespace gatewright::sim::testing

int main(int count, char** values) {
  return gatewright::sim::testing::run_main(std::vector<std::string>(values + 1, values + count));
}
