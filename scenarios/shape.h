// Shapes: how values are read from YAML, written to it and described, declared once per key.
// Used by the tables of plans and scenarios; parser, `lint --effective`, JSON Schema and reference all
// walk the same shapes. Never stops at the first problem.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <variant>
#include <vector>

#include "policies/diagnostic.h"
#include "scenarios/document.h"
#include "scenarios/text.h"
#include "scenarios/units.h"

namespace gatewright::scenarios {

/// Collects what is wrong with the nodes of a document.
class Problems {
 public:
  void error(const Mark& mark, std::string path, std::string message) {
    found_.push_back({.severity = Severity::error,
                      .path = std::move(path),
                      .message = std::move(message),
                      .file = mark.file,
                      .line = mark.line,
                      .column = mark.column});
  }
  void error(const Node& node, std::string path, std::string message) {
    error(node.mark, std::move(path), std::move(message));
  }
  [[nodiscard]] std::size_t size() const noexcept { return found_.size(); }
  [[nodiscard]] Diagnostics take() && { return std::move(found_); }

 private:
  Diagnostics found_;
};

// Nodes that are made rather than read: for write() and schema().
[[nodiscard]] Node plain_node(std::string text);   ///< 12h, true: as one would type it
[[nodiscard]] Node quoted_node(std::string text);  ///< a text, whatever it looks like
[[nodiscard]] Node list_node(std::vector<Node> items = {});
[[nodiscard]] Node map_node(std::vector<std::pair<std::string, Node>> fields = {});
/// Appends a field.
void put(Node& map, std::string key, Node value);

[[nodiscard]] inline bool is_empty_text(const Node& node) noexcept {
  return node.kind == Node::Kind::scalar && node.scalar.empty();
}

/// What stands at a node, for messages: `10`, "10" (quoted), a list, a map, nothing.
[[nodiscard]] std::string describe(const Node& node);
[[nodiscard]] std::string expected(std::string_view what, const Node& node);
/// The text of a scalar that is meant as a number or quantity, or nothing, with its problem reported.
[[nodiscard]] std::optional<std::string_view> scalar_text(const Node& node, const std::string& path,
                                                          std::string_view what, bool bare,
                                                          Problems& problems);

template <class T>
class Shape {
 public:
  Shape() = default;
  Shape(const Shape&) = delete;
  Shape& operator=(const Shape&) = delete;
  virtual ~Shape() = default;
  /// Overwrites `value` by what `node` says; what is wrong goes to `problems`, and the value is then
  /// of no use.
  virtual void read(const Node& node, const std::string& path, Problems& problems,
                    T& value) const = 0;
  [[nodiscard]] virtual Node write(const T& value) const = 0;
  /// JSON Schema (draft-07).
  [[nodiscard]] virtual Node schema() const = 0;
};

template <class T>
using ShapeOf = std::shared_ptr<const Shape<T>>;

// ---------------------------------------------------------------------------------------- scalars

template <class T>
struct Range {
  std::optional<T> least, most;
  bool open_below = false, open_above = false;  ///< the limit itself is refused
};

template <class T>
class UnitShape final : public Shape<T> {
 public:
  UnitShape(const Unit<T>& unit, Range<T> range) : unit_(unit), range_(range) {}

  void read(const Node& node, const std::string& path, Problems& problems,
            T& value) const override {
    const std::string what = std::string(unit_.noun) + " such as " + std::string(unit_.example);
    const auto text = scalar_text(node, path, what, unit_.bare, problems);
    if (!text) return;
    const std::optional<T> parsed = unit_.parse(*text);
    if (!parsed) {
      problems.error(node, path, expected(what, node));
    } else if (!within(*parsed)) {
      problems.error(node, path, expected(std::string(unit_.noun) + limits(), node));
    } else {
      value = *parsed;
    }
  }

  [[nodiscard]] Node write(const T& value) const override {
    return plain_node(unit_.format(value));
  }

  [[nodiscard]] Node schema() const override {
    Node schema = map_node();
    if (unit_.json_type == "number or string") {
      put(schema, "type", list_node({quoted_node("number"), quoted_node("string")}));
    } else {
      put(schema, "type", quoted_node(std::string(unit_.json_type)));
    }
    if (!unit_.pattern.empty()) put(schema, "pattern", quoted_node(std::string(unit_.pattern)));
    if (unit_.bare && range_.least)
      put(schema, range_.open_below ? "exclusiveMinimum" : "minimum",
          plain_node(unit_.format(*range_.least)));
    if (unit_.bare && range_.most)
      put(schema, range_.open_above ? "exclusiveMaximum" : "maximum",
          plain_node(unit_.format(*range_.most)));
    put(schema, "description",
        quoted_node(std::string(unit_.noun) + limits() + ", such as " +
                    std::string(unit_.example)));
    return schema;
  }

 private:
  [[nodiscard]] bool within(const T& value) const {
    if (range_.least && (range_.open_below ? !(value > *range_.least) : !(value >= *range_.least)))
      return false;
    return !range_.most || (range_.open_above ? value < *range_.most : value <= *range_.most);
  }
  [[nodiscard]] std::string limits() const {
    std::string text;
    if (range_.least)
      text += (range_.open_below ? " above " : " of at least ") + unit_.format(*range_.least);
    if (range_.least && range_.most) text += " and";
    if (range_.most)
      text += (range_.open_above ? " below " : " at most ") + unit_.format(*range_.most);
    return text;
  }

  Unit<T> unit_;
  Range<T> range_;
};

template <class T>
[[nodiscard]] ShapeOf<T> quantity(const Unit<T>& unit, Range<T> range = {}) {
  return std::make_shared<UnitShape<T>>(unit, range);
}

/// A number of another type, stored as U.
template <class U>
class CountShape final : public Shape<U> {
 public:
  explicit CountShape(Range<std::uint64_t> range) : inner_(kCount, range) {}
  void read(const Node& node, const std::string& path, Problems& problems,
            U& value) const override {
    std::uint64_t wide = value;
    inner_.read(node, path, problems, wide);
    value = static_cast<U>(wide);
  }
  [[nodiscard]] Node write(const U& value) const override { return inner_.write(value); }
  [[nodiscard]] Node schema() const override { return inner_.schema(); }

 private:
  UnitShape<std::uint64_t> inner_;
};

/// Free text; `least` non-blank characters.
[[nodiscard]] ShapeOf<std::string> text(bool may_be_empty = true);

/// One of a list of names.
[[nodiscard]] ShapeOf<std::string> name_of(std::string noun, std::vector<std::string> known);

template <class E>
class ChoiceShape final : public Shape<E> {
 public:
  ChoiceShape(std::string noun, std::vector<std::pair<std::string, E>> choices)
      : choices_(std::move(choices)), names_(name_of(std::move(noun), names(choices_))) {}
  void read(const Node& node, const std::string& path, Problems& problems,
            E& value) const override {
    std::string name;
    names_->read(node, path, problems, name);
    for (const auto& [known, choice] : choices_)
      if (known == name) value = choice;
  }
  [[nodiscard]] Node write(const E& value) const override {
    for (const auto& [name, choice] : choices_)
      if (choice == value) return plain_node(name);
    return plain_node({});
  }
  [[nodiscard]] Node schema() const override { return names_->schema(); }

 private:
  [[nodiscard]] static std::vector<std::string> names(
      const std::vector<std::pair<std::string, E>>& choices) {
    std::vector<std::string> result;
    result.reserve(choices.size());
    for (const auto& [name, choice] : choices) result.push_back(name);
    return result;
  }
  std::vector<std::pair<std::string, E>> choices_;
  ShapeOf<std::string> names_;
};

template <class E>
[[nodiscard]] ShapeOf<E> choice(std::string noun, std::vector<std::pair<std::string, E>> choices) {
  return std::make_shared<ChoiceShape<E>>(std::move(noun), std::move(choices));
}

// ------------------------------------------------------------------------------------------- maps

/// One key of a map that fills a T.
template <class T>
struct Field {
  std::string key;
  std::string about;
  bool required = false;
  std::function<void(const Node&, const std::string& path, Problems&, T&)> read;
  std::function<std::optional<Node>(const T&)> write;  ///< nothing: the key is left out
  std::function<Node()> schema;
};

/// The keys of a map, as far as all maps treat them alike: unknown ones are reported, with the place
/// of the key.
void report_unknown_keys(const Node& node, const std::string& path,
                         const std::vector<std::string>& known, Problems& problems);
/// Describes the keys of a map for a schema.
[[nodiscard]] Node object_schema(std::vector<std::pair<std::string, Node>> properties,
                                 const std::vector<std::string>& required);
/// Puts the description in front of the one that the value's shape gave.
[[nodiscard]] Node described(Node schema, const std::string& about);

template <class T>
class ObjectShape final : public Shape<T> {
 public:
  using Check = std::function<void(const Node&, const std::string&, Problems&, T&)>;
  ObjectShape(std::vector<Field<T>> fields, Check check)
      : fields_(std::move(fields)), check_(std::move(check)) {}

  /// In the order of the table, so that a later key's shape may depend on an earlier key's value.
  void read(const Node& node, const std::string& path, Problems& problems,
            T& value) const override {
    if (node.kind != Node::Kind::map) {
      problems.error(node, path, expected("a map with keys such as " + sample_keys(), node));
      return;
    }
    report_unknown_keys(node, path, keys(), problems);
    const std::size_t before = problems.size();
    for (const Field<T>& field : fields_) {
      if (const Node* child = node.find(field.key)) {
        field.read(*child, join(path, field.key), problems, value);
      } else if (field.required) {
        problems.error(node, path, "the key `" + field.key + "` is missing");
      }
    }
    if (check_ && problems.size() == before) check_(node, path, problems, value);
  }

  [[nodiscard]] Node write(const T& value) const override {
    Node node = map_node();
    for (const Field<T>& field : fields_)
      if (std::optional<Node> child = field.write(value); child && !is_empty_text(*child))
        put(node, field.key, std::move(*child));
    return node;
  }

  [[nodiscard]] Node schema() const override {
    std::vector<std::pair<std::string, Node>> properties;
    std::vector<std::string> required;
    const T defaults{};
    for (const Field<T>& field : fields_) {
      Node schema = described(field.schema(), field.about);
      const std::optional<Node> usual = field.required ? std::nullopt : field.write(defaults);
      if (usual && usual->kind == Node::Kind::scalar && !is_empty_text(*usual) &&
          schema.find("default") == nullptr)
        put(schema, "default", *usual);
      properties.emplace_back(field.key, std::move(schema));
      if (field.required) required.push_back(field.key);
    }
    return object_schema(std::move(properties), required);
  }

  [[nodiscard]] std::vector<std::string> keys() const {
    std::vector<std::string> result;
    for (const Field<T>& field : fields_) result.push_back(field.key);
    return result;
  }

 private:
  [[nodiscard]] std::string sample_keys() const {
    std::vector<std::string> sample = keys();
    if (sample.size() > 3) sample.resize(3);
    return alternatives(sample);
  }
  std::vector<Field<T>> fields_;
  Check check_;
};

/// A map whose keys are `fields`; `check` looks at the whole when every key was right by itself.
template <class T>
[[nodiscard]] ShapeOf<T> object(std::vector<Field<T>> fields,
                                typename ObjectShape<T>::Check check = {}) {
  return std::make_shared<ObjectShape<T>>(std::move(fields), std::move(check));
}

/// A map with exactly one of the keys: the variants of a law.
template <class T>
class OneOfShape final : public Shape<T> {
 public:
  explicit OneOfShape(std::vector<Field<T>> alternatives)
      : alternatives_(std::move(alternatives)) {}

  void read(const Node& node, const std::string& path, Problems& problems,
            T& value) const override {
    const std::string what = "a map with one of the keys " + alternatives(keys());
    if (node.kind != Node::Kind::map) {
      problems.error(node, path, expected(what, node));
      return;
    }
    report_unknown_keys(node, path, keys(), problems);
    if (node.fields.size() != 1) {
      problems.error(node, path,
                     "expected " + what + ", got " + std::to_string(node.fields.size()) + " keys");
      return;
    }
    for (const Field<T>& alternative : alternatives_)
      if (const Node* child = node.find(alternative.key))
        alternative.read(*child, join(path, alternative.key), problems, value);
  }

  [[nodiscard]] Node write(const T& value) const override {
    Node node = map_node();
    for (const Field<T>& alternative : alternatives_)
      if (std::optional<Node> child = alternative.write(value)) {
        put(node, alternative.key, std::move(*child));
        break;
      }
    return node;
  }

  [[nodiscard]] Node schema() const override {
    std::vector<std::pair<std::string, Node>> properties;
    for (const Field<T>& alternative : alternatives_)
      properties.emplace_back(alternative.key, described(alternative.schema(), alternative.about));
    Node schema = object_schema(std::move(properties), {});
    put(schema, "minProperties", plain_node("1"));
    put(schema, "maxProperties", plain_node("1"));
    return schema;
  }

 private:
  [[nodiscard]] std::vector<std::string> keys() const {
    std::vector<std::string> result;
    for (const Field<T>& alternative : alternatives_) result.push_back(alternative.key);
    return result;
  }
  std::vector<Field<T>> alternatives_;
};

template <class T>
[[nodiscard]] ShapeOf<T> one_of(std::vector<Field<T>> alternatives) {
  return std::make_shared<OneOfShape<T>>(std::move(alternatives));
}

// ------------------------------------------------------------------------------------------ fields

template <class T, class M>
[[nodiscard]] Field<T> field(std::string key, M T::*member, ShapeOf<M> shape, std::string about) {
  return {.key = std::move(key),
          .about = std::move(about),
          .required = false,
          .read = [member, shape](const Node& node, const std::string& path, Problems& problems,
                                  T& value) { shape->read(node, path, problems, value.*member); },
          .write = [member, shape](const T& value) -> std::optional<Node> {
            return shape->write(value.*member);
          },
          .schema = [shape] { return shape->schema(); }};
}

/// A member that may be absent; absent, its key is not written.
template <class T, class M>
[[nodiscard]] Field<T> field(std::string key, std::optional<M> T::*member, ShapeOf<M> shape,
                             std::string about) {
  return {
      .key = std::move(key),
      .about = std::move(about),
      .required = false,
      .read =
          [member, shape](const Node& node, const std::string& path, Problems& problems, T& value) {
            M read{};
            shape->read(node, path, problems, read);
            value.*member = std::move(read);
          },
      .write = [member, shape](const T& value) -> std::optional<Node> {
        if (!(value.*member)) return std::nullopt;
        return shape->write(*(value.*member));
      },
      .schema = [shape] { return shape->schema(); }};
}

template <class T>
[[nodiscard]] Field<T> required(Field<T> field) {
  field.required = true;
  return field;
}

/// Left out of what is written while it has the value that stands for "not said".
template <class T, class M>
[[nodiscard]] Field<T> unless(M unsaid, M T::*member, Field<T> field) {
  field.write = [unsaid, member, write = std::move(field.write)](const T& value) {
    return value.*member == unsaid ? std::nullopt : write(value);
  };
  return field;
}

/// A field of a member, as a field of the whole.
template <class T, class M>
[[nodiscard]] Field<T> within(M T::*member, Field<M> inner) {
  return {.key = inner.key,
          .about = inner.about,
          .required = inner.required,
          .read = [member, read = inner.read](
                      const Node& node, const std::string& path, Problems& problems,
                      T& value) { read(node, path, problems, value.*member); },
          .write = [member, write = inner.write](const T& value) { return write(value.*member); },
          .schema = inner.schema};
}

/// Keys that stand one level deeper than the members they fill.
template <class T>
[[nodiscard]] Field<T> group(std::string key, ShapeOf<T> shape, std::string about) {
  return {.key = std::move(key),
          .about = std::move(about),
          .required = false,
          .read = [shape](const Node& node, const std::string& path, Problems& problems,
                          T& value) { shape->read(node, path, problems, value); },
          .write = [shape](const T& value) -> std::optional<Node> { return shape->write(value); },
          .schema = [shape] { return shape->schema(); }};
}

/// A member whose shape depends on members read before it; null: those were wrong, so it is skipped.
template <class T, class M>
[[nodiscard]] Field<T> dependent(std::string key, M T::*member,
                                 std::function<ShapeOf<M>(const T&)> shape_for,
                                 std::function<Node()> schema, std::string about) {
  return {.key = std::move(key),
          .about = std::move(about),
          .required = false,
          .read =
              [member, shape_for](const Node& node, const std::string& path, Problems& problems,
                                  T& value) {
                if (const ShapeOf<M> shape = shape_for(value))
                  shape->read(node, path, problems, value.*member);
              },
          .write = [member, shape_for](const T& value) -> std::optional<Node> {
            const ShapeOf<M> shape = shape_for(value);
            if (!shape) return std::nullopt;
            return shape->write(value.*member);
          },
          .schema = std::move(schema)};
}

/// A key whose value can only be one of `choices`, the first by default, and fills nothing.
template <class T>
[[nodiscard]] Field<T> fixed(std::string key, std::string noun, std::vector<std::string> choices,
                             std::string about) {
  const ShapeOf<std::string> shape = name_of(std::move(noun), choices);
  return {.key = std::move(key),
          .about = std::move(about),
          .required = false,
          .read =
              [shape](const Node& node, const std::string& path, Problems& problems, T&) {
                std::string ignored;
                shape->read(node, path, problems, ignored);
              },
          .write = [first = choices.front()](const T&) -> std::optional<Node> {
            return plain_node(first);
          },
          .schema = [shape] { return shape->schema(); }};
}

/// An alternative that stores U in T: `put` makes the T, `take` finds the U in it.
template <class T, class U>
[[nodiscard]] Field<T> alternative(std::string key, ShapeOf<U> shape, std::function<T(U)> make,
                                   std::function<std::optional<U>(const T&)> take,
                                   std::string about) {
  return {
      .key = std::move(key),
      .about = std::move(about),
      .required = false,
      .read =
          [shape, make](const Node& node, const std::string& path, Problems& problems, T& value) {
            U read{};
            shape->read(node, path, problems, read);
            value = make(std::move(read));
          },
      .write = [shape, take](const T& value) -> std::optional<Node> {
        const std::optional<U> held = take(value);
        if (!held) return std::nullopt;
        return shape->write(*held);
      },
      .schema = [shape] { return shape->schema(); }};
}

/// An alternative of a std::variant.
template <class U, class... Options>
[[nodiscard]] Field<std::variant<Options...>> variant_of(std::string key, ShapeOf<U> shape,
                                                         std::string about) {
  using T = std::variant<Options...>;
  return alternative<T, U>(
      std::move(key), std::move(shape), [](U held) -> T { return held; },
      [](const T& value) -> std::optional<U> {
        const U* held = std::get_if<U>(&value);
        return held ? std::optional<U>(*held) : std::nullopt;
      },
      std::move(about));
}

// ------------------------------------------------------------------------------------------- lists

template <class T>
class ListShape final : public Shape<std::vector<T>> {
 public:
  ListShape(ShapeOf<T> item, std::size_t least) : item_(std::move(item)), least_(least) {}

  void read(const Node& node, const std::string& path, Problems& problems,
            std::vector<T>& value) const override {
    if (node.kind != Node::Kind::list) {
      problems.error(node, path, expected("a list", node));
      return;
    }
    if (node.items.size() < least_)
      problems.error(node, path, "expected at least one item, got none");
    value.assign(node.items.size(), T{});
    const std::vector<std::string> names = item_names(node);
    for (std::size_t i = 0; i < node.items.size(); ++i)
      item_->read(node.items[i], join(path, names[i]), problems, value[i]);
  }
  [[nodiscard]] Node write(const std::vector<T>& value) const override {
    Node node = list_node();
    for (const T& item : value) node.items.push_back(item_->write(item));
    return node;
  }
  [[nodiscard]] Node schema() const override {
    Node schema = map_node({{"type", quoted_node("array")}, {"items", item_->schema()}});
    if (least_ > 0) put(schema, "minItems", plain_node(std::to_string(least_)));
    return schema;
  }

 private:
  ShapeOf<T> item_;
  std::size_t least_;
};

/// A list whose items are told apart by their name: `name` or what item_names() derives.
template <class T>
class NamedListShape final : public Shape<std::vector<T>> {
 public:
  NamedListShape(ShapeOf<T> item, std::size_t least) : list_(std::move(item), least) {}

  void read(const Node& node, const std::string& path, Problems& problems,
            std::vector<T>& value) const override {
    list_.read(node, path, problems, value);
    if (node.kind != Node::Kind::list) return;
    const std::vector<std::string> names = item_names(node);
    for (std::size_t i = 0; i < names.size(); ++i) {
      value[i].name = names[i];
      for (std::size_t j = 0; j < i; ++j)
        if (names[j] == names[i]) {
          const Node* name = node.items[i].find("name");
          problems.error(name ? *name : node.items[i], join(path, names[i]),
                         "the name is taken; it first stands in line " +
                             std::to_string(node.items[j].mark.line));
          break;
        }
    }
  }
  [[nodiscard]] Node write(const std::vector<T>& value) const override {
    return list_.write(value);
  }
  [[nodiscard]] Node schema() const override { return list_.schema(); }

 private:
  ListShape<T> list_;
};

template <class T>
[[nodiscard]] ShapeOf<std::vector<T>> named_list(ShapeOf<T> item, std::size_t least = 0) {
  return std::make_shared<NamedListShape<T>>(std::move(item), least);
}

template <class T>
[[nodiscard]] ShapeOf<std::vector<T>> list(ShapeOf<T> item, std::size_t least = 0) {
  return std::make_shared<ListShape<T>>(std::move(item), least);
}

}  // namespace gatewright::scenarios
