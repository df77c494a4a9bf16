// gatewright fit: makes the traffic and token sections of a scenario from a recorded trace.
#include "sim/traffic/fit.h"

#include <memory>

#include <fmt/format.h>
#include <nlohmann/json.hpp>

#include "bindings/cli/exit_status.h"
#include "bindings/cli/files.h"
#include "bindings/cli/problems.h"
#include "bindings/cli/terminal.h"
#include "bindings/cli/trace_flags.h"
#include "bindings/cli/verbs.h"
#include "scenarios/traffic_table.h"
#include "sim/traffic/profiles.h"

namespace gatewright::cli {
namespace {

struct FitFlags {
  TraceFlags trace;
  std::string profile = "chat";
  std::string output;
  std::uint64_t seed = 1;
  bool json = false;
};

[[nodiscard]] std::string repro(const FitFlags& flags) {
  std::vector<std::string> words{"gatewright",
                                 "fit",
                                 flags.trace.file,
                                 "--format",
                                 flags.trace.format,
                                 "--profile",
                                 flags.profile,
                                 "--seed",
                                 std::to_string(flags.seed)};
  if (!flags.output.empty()) words.insert(words.end(), {"-o", flags.output});
  return command_line(words);
}

/// The sections `traffic` (what of it was fitted) and `tokens`.
[[nodiscard]] std::string yaml_of(const sim::Traffic& traffic) {
  const scenarios::Node whole = scenarios::traffic_shape()->write(traffic);
  scenarios::Node fitted = scenarios::map_node();
  for (const char* key : {"profile", "arrivals"})
    if (const scenarios::Node* value = whole.find(key)) scenarios::put(fitted, key, *value);
  return scenarios::write(scenarios::map_node(
      {{"traffic", fitted}, {"tokens", scenarios::tokens_shape()->write(traffic)}}));
}

[[nodiscard]] std::string report_of(const sim::FittedTraffic& fitted, const sim::Trace& trace) {
  std::string text;
  for (const std::string& note : notes_of(trace)) text += note + "\n";
  for (const std::string& note : fitted.notes) text += note + "\n";
  for (const auto& [name, misfit] :
       {std::pair{"input", fitted.input}, std::pair{"output", fitted.output}})
    text += fmt::format("{} tokens: KS distance {:.4f}, critical {:.4f} at 5%\n", name,
                        misfit.distance, misfit.critical);
  text += fmt::format("rank correlation of input and output: {:.3f}\n", fitted.rank_correlation);
  for (const sim::DispersionMisfit& misfit : fitted.dispersion)
    text += fmt::format(
        "variance/mean of counts over {:g} s: measured {:.3g}, fitted {:.3g} (5-95%: {:.3g} to "
        "{:.3g})\n",
        misfit.seconds, misfit.measured, misfit.fitted_median, misfit.fitted_p5, misfit.fitted_p95);
  return text;
}

/// Every line a comment.
[[nodiscard]] std::string commented(const std::string& text) {
  std::string comment;
  for (std::size_t begin = 0; begin < text.size();) {
    const std::size_t end = text.find('\n', begin);
    comment += "# " + text.substr(begin, end - begin) + "\n";
    begin = end + 1;
  }
  return comment;
}

[[nodiscard]] std::string json_of(const sim::FittedTraffic& fitted, const sim::Trace& trace,
                                  const std::string& yaml, const FitFlags& flags) {
  using Json = nlohmann::ordered_json;
  const auto tokens = [](const sim::TokenMisfit& misfit) {
    return Json{{"ks_distance", misfit.distance}, {"ks_critical_5_percent", misfit.critical}};
  };
  Json dispersion = Json::array();
  for (const sim::DispersionMisfit& misfit : fitted.dispersion)
    dispersion.push_back({{"seconds", misfit.seconds},
                          {"measured", misfit.measured},
                          {"fitted_median", misfit.fitted_median},
                          {"fitted_p5", misfit.fitted_p5},
                          {"fitted_p95", misfit.fitted_p95}});
  Json notes = notes_of(trace);
  for (const std::string& note : fitted.notes) notes.push_back(note);
  const Json whole = {{"trace", flags.trace.file},
                      {"rows", trace.rows.size()},
                      {"span_seconds", trace.span_seconds},
                      {"notes", notes},
                      {"input_tokens", tokens(fitted.input)},
                      {"output_tokens", tokens(fitted.output)},
                      {"rank_correlation", fitted.rank_correlation},
                      {"dispersion", dispersion},
                      {"yaml", yaml},
                      {"repro", repro(flags)}};
  return whole.dump(2, ' ', false, Json::error_handler_t::replace) + "\n";
}

[[nodiscard]] int fit(const FitFlags& flags) {
  const sim::Trace trace = read(flags.trace);
  const sim::FittedTraffic fitted = sim::fit_traffic(trace, flags.profile, flags.seed);
  const std::string yaml = yaml_of(fitted.traffic);
  const std::string text =
      flags.json ? json_of(fitted, trace, yaml, flags)
                 : commented(report_of(fitted, trace) + "repro: " + repro(flags) + "\n") + yaml;
  if (flags.output.empty()) {
    print(text);
    return kAsExpected;
  }
  try {
    write_file(flags.output, text);
  } catch (const FileError& error) {
    throw UsageError(error.what());
  }
  return kAsExpected;
}

}  // namespace

void add_fit(CLI::App& app, int& status) {
  CLI::App& verb =
      *app.add_subcommand("fit", "Make a scenario's traffic and tokens from a recorded trace");
  const auto flags = std::make_shared<FitFlags>();
  add_trace_flags(verb, flags->trace);
  std::vector<std::string> profiles;
  for (const sim::Profile& profile : sim::profiles()) profiles.emplace_back(profile.name);
  verb.add_option("--profile", flags->profile,
                  "Whose defaults stand where the trace is too short (default chat)")
      ->type_name("NAME")
      ->check(CLI::IsMember(profiles));
  verb.add_option("--seed", flags->seed, "Of the simulation that measures the misfit (default 1)")
      ->type_name("S");
  verb.add_option("-o", flags->output, "Write to a file instead of standard output")
      ->type_name("FILE");
  verb.add_flag("--json", flags->json, "Print one JSON object, with the YAML as a text");
  verb.footer("Prints YAML for a scenario, with the misfit as comments above it.");
  verb.callback([flags, &status] { status = fit(*flags); });
}

}  // namespace gatewright::cli
