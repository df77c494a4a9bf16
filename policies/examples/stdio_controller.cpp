// A production controller on standard input and output: observations in, journal entries out.
//
//   stdio_controller PLAN.json [STATE.json]
//
// Each line read is an observation, each line written the journal entry that answers it: a driver
// acts on its decision, and the output is the journal to replay. Without a state the rollout starts
// at the time of the first observation. Links nothing but policies.
#include <fstream>
#include <iostream>
#include <iterator>
#include <optional>
#include <string>
#include <variant>

#include "policies/compile.h"
#include "policies/digest.h"
#include "policies/encoding.h"
#include "policies/plan_encoding.h"

namespace gw = gatewright;

namespace {

constexpr int kWrongInput = 2;

/// The one line of a file; empty if it cannot be read, which no decoder accepts.
std::string line_of(const char* file) {
  std::string line;
  std::ifstream stream(file);
  std::getline(stream, line);
  return line;
}

int refuse(const std::string& what, const gw::DecodeError& error) {
  std::cerr << what << ':' << error.offset << ": " << error.message << '\n';
  return kWrongInput;
}

}  // namespace

int main(int argc, char** argv) {
  if (argc != 2 && argc != 3) {
    std::cerr << "usage: stdio_controller PLAN.json [STATE.json]\n";
    return kWrongInput;
  }
  const auto plan = gw::decode_plan(line_of(argv[1]));
  if (const auto* error = std::get_if<gw::DecodeError>(&plan)) return refuse(argv[1], *error);
  const auto [engine, diagnostics] = gw::compile(std::get<gw::PlanSpec>(plan));
  for (const gw::Diagnostic& diagnostic : diagnostics)
    std::cerr << diagnostic.path << ": " << diagnostic.message << '\n';
  if (!engine) return kWrongInput;

  std::optional<gw::RolloutState> state;
  if (argc == 3) {
    auto decoded = gw::decode_state(line_of(argv[2]), *engine);
    if (const auto* error = std::get_if<gw::DecodeError>(&decoded)) return refuse(argv[2], *error);
    state = std::get<gw::RolloutState>(std::move(decoded));
  }

  int status = 0;
  for (std::string line; std::getline(std::cin, line);) {
    const auto read = gw::decode_observation(line);
    if (const auto* error = std::get_if<gw::DecodeError>(&read)) {
      status = refuse("standard input", *error);  // like an observation that was lost on its way
      continue;
    }
    const gw::Observation& observation = std::get<gw::OwnedObservation>(read).observation;
    if (!state) state = engine->initial_state(observation.at);
    const gw::Decision decision = engine->step(*state, observation);
    std::cout << encode(gw::JournalEntry{observation, decision, gw::digest(*state)}) << std::endl;
  }
  return status;
}
