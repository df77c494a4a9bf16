// Invariants of whole histories, checked once a rollout was played: S9, S10, S13, and S1 to S8 under
// observations that nobody should send.
// Used by the swarm on every run; tells the journal to copies and changes nothing it looks at.
#pragma once

#include <span>
#include <vector>

#include "policies/plan.h"
#include "policies/policy.h"
#include "sim/checkers.h"
#include "sim/run.h"
#include "sim/streams.h"

namespace gatewright::sim {

/// S9: two windows of different gates told one after the other at one instant commute. In either
/// order the same state follows, and after both the same decision but for its `fault`, which is
/// about the observation told last. Nothing is said where the first of them, in either order, is
/// refused or already moves the rollout: what then comes second is told to another stage, or to none.
/// Windows of the parts of a combined gate are also that one gate's: they commute where they have one
/// number, and as little as two windows of any gate where they have not.
[[nodiscard]] std::vector<Violation> check_commuting(const Machine& machine, const PlanSpec& plan,
                                                     const RunTrace& trace);

/// S10: the journal is told again with every candidate sample made worse, and then with those of one
/// gate after the other, each time up to the first action that differs (after it the world would have
/// answered differently). That one must not be bolder: where the record halts, the retelling halts;
/// and it never advances where the record held. Worse is:
/// * numbers told as sums: every value moved by one tenth of the candidate's first mean (on a
///   logarithmic scale, by 0.1) in the direction of harm, which leaves each window's spread and that
///   of all windows together as they were;
/// * events: one more, and then one more for every ten; or less where less is harm; of pairs, on
///   prompts on which the arms fared alike where there are any;
/// * readings: the value moved likewise; distributions: every value moved by one sixteenth octave.
/// Exempt are plans with a two-sided z test, for which a better candidate is harm as well; and plans
/// that wait for safety on a rate whose spread is estimated (z_test and normal_mixture on events) are
/// held to "a halt stays a halt" alone: more events there are more evidence, of safety too.
[[nodiscard]] std::vector<Violation> check_worsening(const Machine& machine, const PlanSpec& plan,
                                                     const Policy& policy, const RunTrace& trace);

/// S1 to S8 under a hostile retelling: the journal again, with some observations lost and others put
/// in between: repeated, late, impossible, malformed, of probes that do not exist, pauses and
/// approvals, exposures that drift, readings that fail; and on after the end. Each kind is on in two
/// retellings of five; what is put in is a function of `key`. One window in ten is told again under a
/// new number, and must be refused (S6).
[[nodiscard]] std::vector<Violation> check_retelling(const Contender& contender,
                                                     const Machine& machine, const RunTrace& trace,
                                                     const StreamKey& key);

/// S13: the replication that left `record` and the next one are played again, by one thread and by
/// two, and must come to equal fingerprints.
[[nodiscard]] std::vector<Violation> check_threads(std::span<const Contender> contender,
                                                   const PreparedScenario& scenario,
                                                   const RunRecord& record, RunKey key);

}  // namespace gatewright::sim
