#include "bindings/python/arrow.h"

#include <cerrno>
#include <cstdint>
#include <exception>
#include <type_traits>
#include <utility>
#include <variant>
#include <vector>

// The structures of the specification, under the guards that it prescribes.
#ifndef ARROW_C_DATA_INTERFACE
#define ARROW_C_DATA_INTERFACE
struct ArrowSchema {
  const char* format;
  const char* name;
  const char* metadata;
  std::int64_t flags;
  std::int64_t n_children;
  ArrowSchema** children;
  ArrowSchema* dictionary;
  void (*release)(ArrowSchema*);
  void* private_data;
};

struct ArrowArray {
  std::int64_t length;
  std::int64_t null_count;
  std::int64_t offset;
  std::int64_t n_buffers;
  std::int64_t n_children;
  const void** buffers;
  ArrowArray** children;
  ArrowArray* dictionary;
  void (*release)(ArrowArray*);
  void* private_data;
};
#endif

#ifndef ARROW_C_STREAM_INTERFACE
#define ARROW_C_STREAM_INTERFACE
struct ArrowArrayStream {
  int (*get_schema)(ArrowArrayStream*, ArrowSchema* out);
  int (*get_next)(ArrowArrayStream*, ArrowArray* out);
  const char* (*get_last_error)(ArrowArrayStream*);
  void (*release)(ArrowArrayStream*);
  void* private_data;
};
#endif

namespace gatewright::python {
namespace {

namespace py = pybind11;
using SharedTable = std::shared_ptr<const Table>;

/// What a node of either tree owns: the table that its pointers point into, and its children. A
/// consumer may move a child out and release it later than its parent, so every node owns for itself.
template <typename Node>
struct Owned {
  SharedTable table;
  std::vector<const void*> buffers;
  std::vector<Node> children;
  std::vector<Node*> pointers;
};

template <typename Node>
void release(Node* node) {
  auto* const owned = static_cast<Owned<Node>*>(node->private_data);
  for (Node& child : owned->children)
    if (child.release != nullptr) child.release(&child);
  delete owned;
  node->release = nullptr;
}

/// Hands `owned` over to `node`.
template <typename Node>
void own(Node& node, std::unique_ptr<Owned<Node>> owned) {
  for (Node& child : owned->children) owned->pointers.push_back(&child);
  node.n_children = static_cast<std::int64_t>(owned->children.size());
  node.children = owned->pointers.data();
  node.release = release<Node>;
  node.private_data = owned.release();
}

template <typename Vector>
constexpr const char* kFormat = nullptr;
template <>
constexpr const char* kFormat<std::vector<double>> = "g";
template <>
constexpr const char* kFormat<std::vector<std::int64_t>> = "l";
template <>
constexpr const char* kFormat<std::vector<std::uint64_t>> = "L";
template <>
constexpr const char* kFormat<Truths> = "b";
template <>
constexpr const char* kFormat<Texts> = "u";

ArrowSchema schema_node(const SharedTable& table, const char* format, const char* name,
                        std::vector<ArrowSchema> children) {
  ArrowSchema schema{};
  schema.format = format;
  schema.name = name;
  own(schema, std::unique_ptr<Owned<ArrowSchema>>(
                  new Owned<ArrowSchema>{table, {}, std::move(children), {}}));
  return schema;
}

ArrowSchema make_schema(const SharedTable& table) {
  std::vector<ArrowSchema> fields;
  for (const NamedValues& column : table->columns()) {
    const char* const format = std::visit(
        [](const auto& values) { return kFormat<std::decay_t<decltype(values)>>; }, column.values);
    fields.push_back(schema_node(table, format, column.name.c_str(), {}));
  }
  return schema_node(table, "+s", "", std::move(fields));
}

ArrowArray array_node(const SharedTable& table, std::vector<const void*> buffers,
                      std::vector<ArrowArray> children) {
  ArrowArray array{};
  auto owned = std::unique_ptr<Owned<ArrowArray>>(
      new Owned<ArrowArray>{table, std::move(buffers), std::move(children), {}});
  array.length = static_cast<std::int64_t>(table->rows());
  array.n_buffers = static_cast<std::int64_t>(owned->buffers.size());
  array.buffers = owned->buffers.data();
  own(array, std::move(owned));
  return array;
}

/// No column has a validity bitmap: the first buffer is always absent.
struct Buffers {
  template <typename Number>
  std::vector<const void*> operator()(const std::vector<Number>& values) const {
    return {nullptr, values.data()};
  }
  std::vector<const void*> operator()(const Truths& values) const {
    return {nullptr, values.bits().data()};
  }
  std::vector<const void*> operator()(const Texts& values) const {
    return {nullptr, values.offsets().data(), values.bytes().data()};
  }
};

ArrowArray make_array(const SharedTable& table) {
  std::vector<ArrowArray> fields;
  for (const NamedValues& column : table->columns())
    fields.push_back(array_node(table, std::visit(Buffers{}, column.values), {}));
  return array_node(table, {nullptr}, std::move(fields));
}

struct StreamState {
  SharedTable table;
  bool delivered = false;
};

StreamState& state_of(ArrowArrayStream* stream) {
  return *static_cast<StreamState*>(stream->private_data);
}

/// Callbacks of C may not throw; memory is all that can fail here.
template <typename Body>
int guarded(Body body) noexcept {
  try {
    body();
    return 0;
  } catch (const std::exception&) {
    return ENOMEM;
  }
}

int get_schema(ArrowArrayStream* stream, ArrowSchema* out) {
  return guarded([&] { *out = make_schema(state_of(stream).table); });
}

int get_next(ArrowArrayStream* stream, ArrowArray* out) {
  return guarded([&] {
    StreamState& state = state_of(stream);
    *out = state.delivered ? ArrowArray{} : make_array(state.table);
    state.delivered = true;
  });
}

const char* get_last_error(ArrowArrayStream*) { return nullptr; }

void release_stream(ArrowArrayStream* stream) {
  delete &state_of(stream);
  stream->release = nullptr;
}

/// Moves `value` into a capsule that releases it unless a consumer did.
template <typename Value>
py::capsule in_capsule(Value value, const char* name) {
  auto owner = std::make_unique<Value>(value);
  py::capsule capsule(owner.get(), name, [](PyObject* object) {
    auto* const held = static_cast<Value*>(PyCapsule_GetPointer(object, PyCapsule_GetName(object)));
    if (held->release != nullptr) held->release(held);
    delete held;
  });
  owner.release();
  return capsule;
}

}  // namespace

py::capsule arrow_schema(SharedTable table) {
  return in_capsule(make_schema(table), "arrow_schema");
}

py::capsule arrow_stream(SharedTable table) {
  ArrowArrayStream stream{};
  stream.get_schema = get_schema;
  stream.get_next = get_next;
  stream.get_last_error = get_last_error;
  stream.release = release_stream;
  stream.private_data = new StreamState{std::move(table)};
  return in_capsule(stream, "arrow_array_stream");
}

}  // namespace gatewright::python
