// A table of named columns: the form in which every result is handed to Python.
// Used by records and sweeps; read in place by numpy and through the Arrow C data interface, never
// changed once it is shared.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

namespace gatewright::python {

/// Truth values, kept twice: a byte each for numpy, a bit each (lowest first) for Arrow.
class Truths {
 public:
  void add(bool value);
  [[nodiscard]] std::size_t size() const noexcept { return bytes_.size(); }
  [[nodiscard]] const std::vector<std::uint8_t>& bytes() const noexcept { return bytes_; }
  [[nodiscard]] const std::vector<std::uint8_t>& bits() const noexcept { return bits_; }

 private:
  std::vector<std::uint8_t> bytes_, bits_;
};

/// Texts end to end, with the offset at which each begins and the last one ends: Arrow's layout.
class Texts {
 public:
  void add(std::string_view text);
  [[nodiscard]] std::size_t size() const noexcept { return offsets_.size() - 1; }
  [[nodiscard]] std::string_view operator[](std::size_t row) const noexcept;
  [[nodiscard]] const std::vector<std::int32_t>& offsets() const noexcept { return offsets_; }
  [[nodiscard]] const std::string& bytes() const noexcept { return bytes_; }

 private:
  std::vector<std::int32_t> offsets_{0};
  std::string bytes_;
};

/// NaN stands for "no value" in columns of doubles; the other kinds have no gaps.
using Values = std::variant<std::vector<double>, std::vector<std::int64_t>,
                            std::vector<std::uint64_t>, Truths, Texts>;

struct NamedValues {
  std::string name;
  Values values;
};

class Table {
 public:
  explicit Table(std::size_t rows) : rows_(rows) {}
  /// Throws std::logic_error unless `values` has a value for every row.
  void add(std::string name, Values values);
  [[nodiscard]] std::size_t rows() const noexcept { return rows_; }
  [[nodiscard]] const std::vector<NamedValues>& columns() const noexcept { return columns_; }
  /// The column of that name; null if there is none.
  [[nodiscard]] const NamedValues* find(std::string_view name) const noexcept;

 private:
  std::size_t rows_;
  std::vector<NamedValues> columns_;
};

}  // namespace gatewright::python
