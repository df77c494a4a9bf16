// gatewright check: plays scenarios a fixed number of times and judges what they expect; for CI.
#include <algorithm>
#include <chrono>
#include <filesystem>
#include <memory>

#include <fmt/format.h>
#include <nlohmann/json.hpp>

#include "analysis/expectation.h"
#include "analysis/report.h"
#include "bindings/cli/exit_status.h"
#include "bindings/cli/files.h"
#include "bindings/cli/flags.h"
#include "bindings/cli/problems.h"
#include "bindings/cli/progress.h"
#include "bindings/cli/rehearsal.h"
#include "bindings/cli/terminal.h"
#include "bindings/cli/verbs.h"

namespace gatewright::cli {
namespace {

using analysis::CheckedScenario;
using analysis::JudgedExpectation;
using analysis::Judgement;

/// Columns of the page for a claim, so that findings stand below each other.
constexpr std::size_t kClaim = 45;

struct CheckOptions {
  std::vector<std::string> paths;
  RehearsalOptions rehearsal;  ///< without the scenario
  PlayFlags play;
  std::string junit;
  bool strict = false;
  bool json = false;
  int failed_exit_code = kViolated;
};

[[nodiscard]] bool has_expectations(const std::string& path) {
  const scenarios::ReadDocument read = scenarios::read_document(path);
  // A broken file is not passed over: loading it says what is wrong.
  return has_errors(read.diagnostics) || read.document.root.find("expect") != nullptr;
}

/// Files as given; of folders, those below them that expect something, sorted.
[[nodiscard]] std::vector<std::string> scenario_files(const std::vector<std::string>& paths) {
  namespace fs = std::filesystem;
  std::vector<std::string> files;
  for (const std::string& path : paths) {
    if (!fs::is_directory(path)) {
      files.push_back(path);
      continue;
    }
    std::vector<std::string> found;
    for (const fs::directory_entry& entry : fs::recursive_directory_iterator(path))
      if (entry.is_regular_file() && entry.path().extension() == ".yaml" &&
          has_expectations(entry.path().string()))
        found.push_back(entry.path().string());
    if (found.empty())
      throw UsageError(path + ": expected a scenario with `expect:` in this folder");
    std::ranges::sort(found);
    std::ranges::move(found, std::back_inserter(files));
  }
  return files;
}

class Checker {
 public:
  explicit Checker(const CheckOptions& options) : options_(options), style_(stdout_style()) {}

  /// False after an interrupt.
  [[nodiscard]] bool check(const std::string& file) {
    CheckedScenario checked{.file = file, .name = file};
    RehearsalOptions rehearsal_options = options_.rehearsal;
    rehearsal_options.scenario = file;
    try {
      play_and_judge(rehearsal_options, checked);
    } catch (const InputError&) {
      checked.error = "the file has errors";
    } catch (const UsageError& error) {
      say(error.what());
      checked.error = error.what();
    }
    if (!checked.error.empty()) bad_input_ = true;
    write(checked);
    checked_.push_back(std::move(checked));
    return !interrupted_;
  }

  void finish() {
    if (options_.json) {
      write_json();
    } else {
      std::string line =
          fmt::format("{} passed, {} failed, {} skipped", holding_, failed(), skipped_);
      if (undecided_ > 0) line += fmt::format(", {} undecided", undecided_);
      print(line + "\n");
    }
    if (!options_.junit.empty()) write_file(options_.junit, analysis::junit(checked_));
  }

  [[nodiscard]] int status() const {
    if (interrupted_) return kInterrupted;
    if (broken_) return kBroken;
    if (bad_input_) return kBadInput;
    if (violated_ > 0) return options_.failed_exit_code;
    if (undecided_ > 0 && options_.strict) return kUndecided;
    return kAsExpected;
  }

 private:
  [[nodiscard]] std::uint64_t failed() const { return violated_ + errors_; }

  void play_and_judge(const RehearsalOptions& options, CheckedScenario& checked) {
    const scenarios::LoadedStudy loaded = scenarios::load(changed_document(
        options, options.policies.empty() ? std::string() : options.policies.front(),
        Expect::keep));
    if (loaded.study) {
      checked.name = loaded.study->scenario.name;
      if (const std::string trace = missing_trace(loaded.study->scenario); !trace.empty()) {
        checked.skipped = "the recording " + trace + " is not here";
        return;
      }
    }
    const Rehearsal rehearsal = prepare(options, Expect::keep, options_.play.quiet);
    const analysis::Expectations& expectations = rehearsal.study.expectations;
    if (std::ranges::all_of(expectations.sets,
                            [](const auto& set) { return set.expectations.empty(); }))
      throw UsageError(options.scenario + ": expected `expect:`, there is nothing to check");
    checked.seed = options_.play.seed.value_or(rehearsal.study.scenario.seed);
    checked.runs = options_.play.runs.value_or(expectations.runs);

    const auto started = std::chrono::steady_clock::now();
    Records records;
    Progress progress(checked.name, !options_.play.quiet && !options_.play.no_progress);
    progress.expect(replications(rehearsal, checked.runs));
    cli::play(rehearsal,
              {.seed = checked.seed,
               .runs = checked.runs,
               .threads = options_.play.threads,
               .progress = [&](std::uint64_t played) { progress.show(played); }},
              records);
    progress.clear();
    checked.seconds =
        std::chrono::duration<double>(std::chrono::steady_clock::now() - started).count();
    if (records.interrupted) {
      interrupted_ = true;
      checked.skipped =
          fmt::format("interrupted after {} of {} runs", records.runs(), checked.runs);
      return;
    }
    judge(rehearsal, records, checked);
    for (const std::string& command : violation_repros(options, checked.seed, records)) {
      say("broken invariant; repro: " + command);
      broken_ = true;
    }
  }

  /// The first set is about the scenario's own policy; the others stand in the order of the field.
  void judge(const Rehearsal& rehearsal, const Records& records, CheckedScenario& checked) {
    const analysis::Expectations& expectations = rehearsal.study.expectations;
    for (std::size_t i = 0; i < expectations.sets.size() && i < rehearsal.field.size(); ++i) {
      const analysis::Sample sample = sample_of(rehearsal, records, i);
      auto judged = analysis::judge(expectations.sets[i], sample, rehearsal.field[i],
                                    expectations.confidence);
      std::ranges::move(judged, std::back_inserter(checked.judged));
      for (const sim::RunRecord& record : sample.as_written)
        checked.violations += record.violations.size();
      for (const sim::RunRecord& record : sample.healthy_twin)
        checked.violations += record.violations.size();
    }
  }

  void write(const CheckedScenario& checked) {
    std::string page =
        style_.bold(checked.name) + style_.dim(fmt::format("  {}", checked.file)) + "\n";
    if (!checked.skipped.empty()) {
      ++skipped_;
      page += fmt::format("  {} {}\n", style_.yellow(mark("–", "-") + " skipped"), checked.skipped);
    }
    if (!checked.error.empty()) {
      ++errors_;
      page += fmt::format("  {} {}\n", style_.red(mark("✗", "x") + " error"), checked.error);
    }
    for (const JudgedExpectation& judged : checked.judged) page += line(judged);
    if (std::ranges::count(checked.judged, Judgement::violated, &JudgedExpectation::judgement) > 0)
      page += "  repro: " + repro(checked) + "\n";
    if (!options_.json) print(page + "\n");
  }

  [[nodiscard]] std::string line(const JudgedExpectation& judged) {
    const std::string claim = analysis::claim_text(judged.expectation);
    const std::string finding = analysis::finding_text(judged);
    const std::string place =
        fmt::format("{}:{}", judged.expectation.file, judged.expectation.line);
    std::string head;
    switch (judged.judgement) {
      case Judgement::holds:
        ++holding_;
        head = style_.green(mark("✓", "+") + " holds    ");
        break;
      case Judgement::violated:
        ++violated_;
        head = style_.red(mark("✗", "x") + " violated ");
        break;
      case Judgement::undecided:
        ++undecided_;
        head = style_.yellow("? undecided");
        break;
    }
    std::string text = fmt::format("  {} {} {}\n", head, analysis::left(claim, kClaim), finding);
    text += style_.dim(fmt::format("              {}  {}", place, judged.policy)) + "\n";
    if (judged.judgement != Judgement::holds && is_github_actions())
      annotate(judged, claim, finding);
    return text;
  }

  void annotate(const JudgedExpectation& judged, const std::string& claim,
                const std::string& finding) const {
    const bool is_violated = judged.judgement == Judgement::violated;
    if (!is_violated && !options_.strict) return;
    say(github_annotation({.severity = Severity::error,
                           .path = judged.expectation.path,
                           .message = fmt::format("expected {}, got {} over {} runs", claim,
                                                  finding, judged.estimate.runs),
                           .file = judged.expectation.file,
                           .line = judged.expectation.line,
                           .column = judged.expectation.column_number},
                          is_violated ? "expectation violated" : "expectation undecided"));
  }

  [[nodiscard]] std::string repro(const CheckedScenario& checked) const {
    RehearsalOptions options = options_.rehearsal;
    options.scenario = checked.file;
    std::vector<std::string> words{"gatewright", "check"};
    std::ranges::copy(arguments(options), std::back_inserter(words));
    words.insert(words.end(),
                 {"--seed", std::to_string(checked.seed), "--runs", std::to_string(checked.runs)});
    return command_line(words);
  }

  [[nodiscard]] std::string mark(const char* unicode, const char* ascii) const {
    return style_.unicode ? unicode : ascii;
  }

  void write_json() const {
    using Json = nlohmann::ordered_json;
    const auto finite = [](double value) {
      return std::isfinite(value) ? Json(value) : Json(nullptr);
    };
    Json scenarios = Json::array();
    for (const CheckedScenario& checked : checked_) {
      Json judged = Json::array();
      for (const JudgedExpectation& one : checked.judged)
        judged.push_back({{"policy", one.policy},
                          {"path", one.expectation.path},
                          {"claim", analysis::claim_text(one.expectation)},
                          {"judgement", to_string(one.judgement)},
                          {"value", finite(one.estimate.value)},
                          {"lower", finite(one.estimate.lower)},
                          {"upper", finite(one.estimate.upper)},
                          {"runs", one.estimate.runs},
                          {"method", to_string(one.estimate.method)},
                          {"file", one.expectation.file},
                          {"line", one.expectation.line}});
      Json scenario = {{"file", checked.file},
                       {"scenario", checked.name},
                       {"seed", checked.seed},
                       {"runs", checked.runs},
                       {"violations", checked.violations},
                       {"expectations", std::move(judged)}};
      if (!checked.error.empty()) scenario["error"] = checked.error;
      if (!checked.skipped.empty()) scenario["skipped"] = checked.skipped;
      scenarios.push_back(std::move(scenario));
    }
    const Json whole = {{"scenarios", std::move(scenarios)},
                        {"passed", holding_},
                        {"failed", failed()},
                        {"skipped", skipped_},
                        {"undecided", undecided_}};
    print(whole.dump(2, ' ', false, Json::error_handler_t::replace) + "\n");
  }

  const CheckOptions& options_;
  analysis::Style style_;
  std::vector<CheckedScenario> checked_;
  std::uint64_t holding_ = 0, violated_ = 0, undecided_ = 0, skipped_ = 0, errors_ = 0;
  bool interrupted_ = false, broken_ = false, bad_input_ = false;
};

[[nodiscard]] int check(const CheckOptions& options) {
  if (options.rehearsal.policies.size() > 1)
    throw UsageError("one policy is judged; give one --policy");
  Checker checker(options);
  for (const std::string& file : scenario_files(options.paths))
    if (!checker.check(file)) break;
  checker.finish();
  return checker.status();
}

}  // namespace

void add_check(CLI::App& app, int& status) {
  CLI::App& verb =
      *app.add_subcommand("check", "Play scenarios and judge every expectation; for CI");
  const auto options = std::make_shared<CheckOptions>();
  verb.add_option("PATH", options->paths,
                  "Scenario files, or folders: all *.yaml below them that have `expect:`")
      ->required();
  add_seed_flag(verb, options->play.seed);
  add_play_flags(verb, options->play, "the file's");
  add_change_flags(verb, options->rehearsal);
  verb.add_option("--junit", options->junit, "Also write JUnit XML")->type_name("FILE");
  verb.add_flag("--strict", options->strict, "Undecided expectations fail, with exit status 98");
  verb.add_option("--failed-exit-code", options->failed_exit_code,
                  "Exit status of a violated expectation; default: 99")
      ->type_name("N")
      ->check(CLI::Range(0, 255));
  verb.add_flag("--json", options->json, "Print one JSON object");
  verb.footer(
      "The number of runs is fixed beforehand, so the confidence of the file is that of\n"
      "every judgement: it holds if the whole interval keeps to the limit, is violated\n"
      "if the whole interval is beyond it, and undecided in between. Scenarios whose\n"
      "recording is not there are skipped.");
  verb.callback([options, &status] { status = check(*options); });
}

}  // namespace gatewright::cli
