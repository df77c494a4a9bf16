#include "bindings/python/policy.h"

#include <pybind11/numpy.h>
#include <pybind11/stl.h>

#include <algorithm>
#include <array>
#include <chrono>
#include <optional>
#include <stdexcept>
#include <string_view>
#include <utility>

namespace gatewright::python {

namespace py = pybind11;
using Array = py::array_t<double, py::array::c_style>;

namespace {

constexpr std::array kActions = {Action::hold, Action::advance, Action::complete, Action::halt};

std::vector<Cause> all_causes() {
  std::vector<Cause> causes;
  for (std::uint8_t i = 0; i <= static_cast<std::uint8_t>(Cause::rollout_ended); ++i)
    causes.push_back(static_cast<Cause>(i));
  return causes;
}

/// The choice whose name `text` is.
template <typename Choices>
auto named(std::string_view noun, const std::string& text, const Choices& choices) {
  for (const auto choice : choices)
    if (to_string(choice) == text) return choice;
  throw py::value_error("no " + std::string(noun) + " is named '" + text + "'");
}

double seconds(Duration duration) { return std::chrono::duration<double>(duration).count(); }

double share(std::uint16_t basis_points) { return basis_points / double{kWholeExposure}; }

Array copy_of(ConstPolicyMemory memory) {
  return Array(static_cast<py::ssize_t>(memory.size()), memory.data());
}

/// What Python sees of a rollout. The evidence can be asked for during the call only; what was asked
/// for, and everything else, stays.
class View {
 public:
  View(const PythonPolicy& policy, const RolloutView& view, ConstPolicyMemory memory,
       std::optional<Proposal> native)
      : policy_(&policy), view_(view), memory_(memory), native_(native) {
    stage_ = policy.stages()[stage_index()].name;
    is_last_stage_ = stage_index() + 1 == policy.stages().size();
    dwell_ = policy.dwell(view.stage);
  }

  void expire() noexcept { policy_ = nullptr; }

  double at_seconds() const { return seconds(view_.at - view_.started_at); }
  double stage_entered_at_seconds() const {
    return seconds(view_.stage_entered_at - view_.started_at);
  }
  double dwelled_seconds() const {
    return view_.dwelling_since == kNever ? 0.0 : seconds(view_.at - view_.dwelling_since);
  }
  double dwell_seconds() const { return seconds(dwell_); }
  bool dwell_over() const {
    return view_.dwelling_since != kNever && view_.at - view_.dwelling_since >= dwell_;
  }
  const std::string& stage() const { return stage_; }
  std::size_t stage_index() const { return static_cast<std::size_t>(view_.stage); }
  bool is_last_stage() const { return is_last_stage_; }
  double exposure() const { return share(view_.target.served); }
  double mirrored() const { return share(view_.target.mirrored); }
  bool exposure_confirmed() const { return view_.exposure_confirmed; }
  bool paused() const { return view_.paused; }
  bool approved() const { return view_.approved; }

  py::tuple failing() { return alive().names(native().failing); }
  py::tuple undecided() { return alive().names(native().undecided); }
  py::tuple silent() { return alive().names(native().silent); }
  py::dict harm() {
    if (!harm_) {
      harm_ = py::dict();
      const auto gates = alive().gate_names();
      for (std::size_t gate = 0; gate < gates.size(); ++gate)
        (*harm_)[py::str(gates[gate])] = alive().harm(memory_, gate);
    }
    return *harm_;
  }
  Array memory() const {
    Array copy = copy_of(alive().own(memory_));
    copy.attr("flags").attr("writeable") = false;
    return copy;
  }
  std::string repr() const {
    return "RolloutView(at_seconds=" + std::string(py::str(py::float_(at_seconds()))) +
           ", stage='" + stage_ + "')";
  }

 private:
  const PythonPolicy& alive() const {
    if (policy_ == nullptr)
      throw std::runtime_error(
          "a RolloutView shows its evidence only during the call that it was made for; copy what "
          "you need");
    return *policy_;
  }
  const Proposal& native() {
    if (!native_) native_ = alive().native_proposal(memory_, view_);
    return *native_;
  }

  const PythonPolicy* policy_;
  RolloutView view_;
  ConstPolicyMemory memory_;
  std::optional<Proposal> native_;
  std::optional<py::dict> harm_;
  std::string stage_;
  bool is_last_stage_;
  Duration dwell_;
};

/// Calls Python with a view, and ends the view's life with the call.
template <typename Call>
py::object with_view(const std::shared_ptr<View>& view, const Call& call) {
  struct Expiry {
    View& view;
    ~Expiry() { view.expire(); }
  } const expiry{*view};
  return call(py::cast(view));
}

}  // namespace

PythonPolicy::PythonPolicy(std::shared_ptr<const Policy> native, const PlanSpec& plan,
                           py::object policy, std::atomic<bool>& stop)
    : native_(std::move(native)), policy_(std::move(policy)), stop_(stop) {
  for (const StageSpec& stage : plan.stages) dwells_.push_back(stage.dwell);

  const py::module_ definitions = py::module_::import("gatewright.policy");
  const py::object base = definitions.attr("Policy");
  const py::type type = py::type::of(policy_);
  proposal_type_ = definitions.attr("Proposal");
  propose_ = policy_.attr("propose");
  observe_ = type.attr("observe").is(base.attr("observe")) ? py::object(py::none())
                                                           : py::object(policy_.attr("observe"));
  name_ = policy_.attr("name").cast<std::string>();
  const auto slots = policy_.attr("slots").cast<std::int64_t>();
  constexpr std::int64_t kSlotsMax = 1'000'000;
  if (slots < 0 || slots > kSlotsMax)
    throw py::value_error(name_ + ".slots is " + std::to_string(slots) +
                          "; expected 0 to 1,000,000");
  own_slots_ = static_cast<std::size_t>(slots);
}

PythonPolicy::~PythonPolicy() {
  const py::gil_scoped_acquire with_gil;
  raised_ = nullptr;
  for (py::object* held : {&policy_, &propose_, &proposal_type_, &observe_}) *held = py::object();
}

std::span<const Stage> PythonPolicy::stages() const noexcept { return native_->stages(); }
std::span<const Probe> PythonPolicy::probes() const noexcept { return native_->probes(); }
std::span<const std::string> PythonPolicy::gate_names() const noexcept {
  return native_->gate_names();
}
Exposure PythonPolicy::exposure_after_halt(StageIndex stage) const noexcept {
  return native_->exposure_after_halt(stage);
}
std::size_t PythonPolicy::slots() const noexcept { return native_->slots() + own_slots_; }

void PythonPolicy::initialise(PolicyMemory memory, Instant started_at) const noexcept {
  native_->initialise(native_part(memory), started_at);
}

void PythonPolicy::observe(PolicyMemory memory, const RolloutView& view,
                           const Observation& observation) const noexcept {
  native_->observe(native_part(memory), view, observation);
  if (observe_.is_none()) return;
  const py::gil_scoped_acquire with_gil;
  try {
    const PolicyMemory own_memory = memory.subspan(native_->slots());
    const Array copy = copy_of(own_memory);
    with_view(std::make_shared<View>(*this, view, memory, std::nullopt),
              [&](const py::object& shown) { return observe_(copy, shown); });
    std::copy_n(copy.data(), own_memory.size(), own_memory.begin());
  } catch (...) {
    keep_exception();
  }
}

void PythonPolicy::enter_stage(PolicyMemory memory, const RolloutView& view) const noexcept {
  native_->enter_stage(native_part(memory), view);
}

Proposal PythonPolicy::propose(ConstPolicyMemory memory, const RolloutView& view) const noexcept {
  const Proposal native = native_proposal(memory, view);
  const py::gil_scoped_acquire with_gil;
  try {
    const py::object shown_native =
        proposal_type_(to_string(native.action), to_string(native.cause), names(native.failing));
    const py::object answer =
        with_view(std::make_shared<View>(*this, view, memory, native),
                  [&](const py::object& shown) { return propose_(shown, shown_native); });
    return answer.is(shown_native) ? native : parsed(answer, native);
  } catch (...) {
    keep_exception();
    Proposal hold = native;
    hold.action = Action::hold;
    hold.cause = Cause::none;
    return hold;
  }
}

double PythonPolicy::harm(ConstPolicyMemory memory, std::size_t gate) const noexcept {
  return native_->harm(native_part(memory), gate);
}

Finding PythonPolicy::finding(ConstPolicyMemory memory, std::size_t gate) const noexcept {
  return native_->finding(native_part(memory), gate);
}

void PythonPolicy::rethrow() const {
  if (raised_) std::rethrow_exception(raised_);
}

Proposal PythonPolicy::native_proposal(ConstPolicyMemory memory,
                                       const RolloutView& view) const noexcept {
  return native_->propose(native_part(memory), view);
}

ConstPolicyMemory PythonPolicy::own(ConstPolicyMemory memory) const noexcept {
  return memory.subspan(native_->slots());
}

Duration PythonPolicy::dwell(StageIndex stage) const noexcept {
  const auto index = static_cast<std::size_t>(stage);
  return index < dwells_.size() ? dwells_[index] : Duration::zero();
}

py::tuple PythonPolicy::names(GateMask gates) const {
  py::list names;
  const auto all = gate_names();
  for (std::size_t gate = 0; gate < all.size(); ++gate)
    if ((gates >> gate & 1U) != 0) names.append(all[gate]);
  return py::tuple(names);
}

Proposal PythonPolicy::parsed(const py::object& answer, Proposal native) const {
  if (!py::isinstance(answer, proposal_type_))
    throw py::type_error(name_ + ".propose returned " + std::string(py::repr(answer)) +
                         "; expected a gatewright.Proposal, such as gw.hold()");
  native.action = named("action", answer.attr("action").cast<std::string>(), kActions);
  native.cause = named("cause", answer.attr("cause").cast<std::string>(), all_causes());
  GateMask blamed = 0;
  const auto gates = gate_names();
  for (const std::string& name : answer.attr("blame").cast<std::vector<std::string>>()) {
    const auto gate = std::find(gates.begin(), gates.end(), name);
    if (gate == gates.end())
      throw py::value_error(name_ + " blames '" + name + "', which is no gate of the plan");
    blamed |= GateMask{1} << (gate - gates.begin());
  }
  // A rollout that goes on keeps saying which gates fail; a halt says which of them decided.
  if (native.action == Action::halt) native.failing = blamed;
  return native;
}

void PythonPolicy::keep_exception() const noexcept {
  if (!raised_) raised_ = std::current_exception();
  stop_ = true;
}

void bind_policy(py::module_& module) {
  py::list causes;
  for (const Cause cause : all_causes()) causes.append(to_string(cause));
  module.attr("CAUSES") = py::tuple(causes);

  py::class_<View, std::shared_ptr<View>>(
      module, "RolloutView",
      "What a policy sees of a rollout, read-only. Evidence (failing, undecided, silent, harm,\n"
      "memory) can be asked for only during the call that the view was made for.")
      .def_property_readonly("at_seconds", &View::at_seconds,
                             "Now, since the start of the rollout.")
      .def_property_readonly("stage_entered_at_seconds", &View::stage_entered_at_seconds,
                             "When the stage became the target, since the start of the rollout.")
      .def_property_readonly(
          "dwelled_seconds", &View::dwelled_seconds,
          "How long the router has confirmed the stage's exposure; 0 before it has.")
      .def_property_readonly("dwell_seconds", &View::dwell_seconds,
                             "The least time at this stage before advancing, as planned.")
      .def_property_readonly("dwell_over", &View::dwell_over,
                             "Whether the planned dwell has passed.")
      .def_property_readonly("stage", &View::stage, "Name of the stage.")
      .def_property_readonly("stage_index", &View::stage_index, "Index of the stage, from 0.")
      .def_property_readonly("is_last_stage", &View::is_last_stage,
                             "Whether the way on is `complete` rather than `advance`.")
      .def_property_readonly(
          "exposure", &View::exposure,
          "Share of users' traffic that the stage asks to be served by the candidate, 0 to 1.")
      .def_property_readonly(
          "mirrored", &View::mirrored,
          "Share of traffic that the stage asks to be mirrored to the candidate, 0 to 1.")
      .def_property_readonly("exposure_confirmed", &View::exposure_confirmed,
                             "Whether the router has confirmed the stage's exposure.")
      .def_property_readonly("paused", &View::paused, "Whether an operator has paused the rollout.")
      .def_property_readonly("approved", &View::approved,
                             "Whether an operator has approved leaving this stage.")
      .def_property_readonly("failing", &View::failing, "Names of the gates that fail.")
      .def_property_readonly("undecided", &View::undecided,
                             "Names of the gates whose evidence does not decide yet.")
      .def_property_readonly("silent", &View::silent,
                             "Names of the gates without a fresh window for longer than allowed.")
      .def_property_readonly("harm", &View::harm,
                             "Evidence of harm by gate: a share of what is needed, 1 decides; NaN "
                             "where there is none.")
      .def_property_readonly("memory", &View::memory,
                             "The policy's own slots: a read-only copy, float64, shape (slots,).")
      .def("__repr__", &View::repr);
}

}  // namespace gatewright::python
