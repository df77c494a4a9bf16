// A scenario file as Python holds it: the document, so that settings can change by path, and what it
// means, ready to play.
// Used by run and sweep; the loaders of scenarios/ do all the reading and judging.
#pragma once

#include <pybind11/pybind11.h>

#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "policies/diagnostic.h"
#include "scenarios/document.h"
#include "scenarios/load.h"
#include "sim/run.h"

namespace gatewright::python {

void bind_study(pybind11::module_& module);

/// Raises gatewright.PlanError with the diagnostics. Needs the GIL.
[[noreturn]] void raise_plan_error(const Diagnostics& diagnostics);

/// A value of Python as one would write it in YAML: True is "true", 1.10 is "1.1", a text is itself.
/// Raises TypeError for anything but bool, int, float and str.
[[nodiscard]] std::string setting_text(pybind11::handle value);

/// Path and text of a value to set.
using Settings = std::vector<std::pair<std::string, std::string>>;

/// What is done to a scenario file before it means something, as the flags of the command line do it.
struct Changes {
  std::string policy_file;  ///< replaces the file's own policy; empty: it stays
  Settings settings;        ///< applied in order, after that
};

/// The policy of a study as one that can be played in its world; or nothing, with every reason.
struct MadeContender {
  std::optional<sim::Contender> contender;
  Diagnostics diagnostics;
};

/// A scenario file with changes, free of errors, and its meaning. Immutable. All that throw raise
/// gatewright.PlanError and need the GIL.
class Study {
 public:
  [[nodiscard]] static std::shared_ptr<Study> load(const std::string& path);
  [[nodiscard]] static std::shared_ptr<Study> parse(const std::string& text,
                                                    const std::string& file);
  [[nodiscard]] std::shared_ptr<Study> with_policy(const std::string& file) const;
  [[nodiscard]] std::shared_ptr<Study> changed(const Settings& settings) const;

  /// changed() without Python: null exactly if a diagnostic is an error.
  struct Read {
    std::shared_ptr<Study> study;
    Diagnostics diagnostics;
  };
  [[nodiscard]] Read with(const Settings& settings) const;

  /// The document with its changes, and with the files that it includes.
  [[nodiscard]] const scenarios::Document& document() const noexcept { return document_; }
  [[nodiscard]] const Changes& changes() const noexcept { return changes_; }
  [[nodiscard]] const scenarios::Study& meaning() const noexcept { return meaning_; }
  /// Its policy and its world as they are played: made when they are asked for first, and kept, so that a
  /// further run costs what it plays.
  [[nodiscard]] const MadeContender& contender() const;
  [[nodiscard]] const sim::Prepared& world() const;
  /// Warnings and notes of reading.
  [[nodiscard]] const Diagnostics& remarks() const noexcept { return remarks_; }

 private:
  Study() = default;
  [[nodiscard]] static Read read(scenarios::ReadDocument original, Changes changes);

  scenarios::Document original_;
  Changes changes_;
  scenarios::Document document_;
  scenarios::Study meaning_;
  Diagnostics remarks_;
  mutable std::once_flag contender_made_, world_made_;
  mutable MadeContender contender_;
  mutable sim::Prepared world_;
};

/// Its policy, made anew; Study::contender() keeps one.
[[nodiscard]] MadeContender contender_of(const Study& study);

}  // namespace gatewright::python
