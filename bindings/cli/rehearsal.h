// A scenario made ready to play: what the flags name, loaded, changed, compiled, prepared, played.
// Used by run, explain and check; every problem has been said when it throws.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "analysis/operating_characteristics.h"
#include "analysis/report.h"
#include "scenarios/document.h"
#include "scenarios/load.h"
#include "sim/run.h"

namespace gatewright::cli {

/// Flags that say what is played.
struct RehearsalOptions {
  std::string scenario;
  std::vector<std::string> policies;  ///< files; empty: the scenario's own
  std::vector<std::string> settings;  ///< "PATH=VALUE"
};

/// What is done with a scenario's `expect`, whose stages and gates are those of its own policies.
enum class Expect : std::uint8_t { keep, drop };

struct Rehearsal {
  scenarios::Study study;             ///< of the first policy
  std::vector<sim::Contender> field;  ///< with Expect::keep also the policies of also_under
  std::shared_ptr<const sim::PreparedScenario> world;
  /// Null where nothing is said of it: the candidate is harmless as written.
  std::shared_ptr<const sim::PreparedScenario> twin;
  bool is_harmful = false;
  std::vector<std::string> notes;
};

/// The document of a scenario, its policy replaced by the file `policy` if that is not empty, and
/// the settings applied. Throws InputError or UsageError.
[[nodiscard]] scenarios::Document changed_document(const RehearsalOptions& options,
                                                   const std::string& policy, Expect expect);

/// Throws InputError or UsageError.
[[nodiscard]] Rehearsal prepare(const RehearsalOptions& options, Expect expect, bool quiet);

/// Adds the policy that the options make of the same world, under its own name. Throws InputError or UsageError.
void add_contender_of(const RehearsalOptions& options, Rehearsal& rehearsal);

/// Whether the candidate differs from the baseline in anything: else it is its own twin.
[[nodiscard]] bool has_twin(const sim::Scenario& scenario);

/// A recording that the scenario needs and that is not there; empty if none.
[[nodiscard]] std::string missing_trace(const sim::Scenario& scenario);

/// The flags that name the same rehearsal again.
[[nodiscard]] std::vector<std::string> arguments(const RehearsalOptions& options);

/// Records of both worlds, one list per contender.
struct Records {
  std::vector<std::vector<sim::RunRecord>> as_written, healthy_twin;
  std::vector<std::vector<sim::ThresholdRecord>> as_written_thresholds, healthy_twin_thresholds;
  bool interrupted = false;
  [[nodiscard]] std::uint64_t runs() const {
    return as_written.empty() ? 0 : as_written.front().size();
  }
};

struct PlayOptions {
  std::uint64_t seed = 0;
  std::uint64_t first_replication = 0;
  std::uint64_t runs = 0;  ///< in all, with those that the records hold already
  unsigned threads = 0;
  std::function<void(std::uint64_t played)> progress;  ///< replications of both worlds together
  bool thresholds = false;                             ///< keep threshold records, too
};

/// Plays until there are `runs`. Both worlds take turns, so that an interrupt leaves as many
/// replications of the one as of the other.
void play(const Rehearsal& rehearsal, const PlayOptions& options, Records& records);

/// Replications of both worlds together behind `runs` runs.
[[nodiscard]] std::uint64_t replications(const Rehearsal& rehearsal, std::uint64_t runs);

[[nodiscard]] analysis::Sample sample_of(const Rehearsal& rehearsal, const Records& records,
                                         std::size_t contender);

/// What is said of a report, besides its rehearsal.
struct ReportOrigin {
  std::uint64_t seed = 0;
  std::string repro;
};
/// The head and the end of a report for the terminal.
[[nodiscard]] analysis::ReportContext context_of(const Rehearsal& rehearsal, ReportOrigin origin);
/// Says in the report how many of `runs` were finished, where an interrupt cut them short.
void note_interruption(const Records& records, std::uint64_t runs,
                       analysis::ReportContext& context);

/// Commands that show runs with a broken invariant, one per contender and world that has one.
[[nodiscard]] std::vector<std::string> violation_repros(const RehearsalOptions& options,
                                                        std::uint64_t seed, const Records& records);

}  // namespace gatewright::cli
