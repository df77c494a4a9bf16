#include "bindings/python/table.h"

#include <limits>
#include <stdexcept>
#include <utility>

namespace gatewright::python {

void Truths::add(bool value) {
  const std::size_t bit = bytes_.size() % 8;
  if (bit == 0) bits_.push_back(0);
  if (value) bits_.back() = static_cast<std::uint8_t>(bits_.back() | 1U << bit);
  bytes_.push_back(value ? 1 : 0);
}

void Texts::add(std::string_view text) {
  constexpr std::size_t kBytesMax = std::numeric_limits<std::int32_t>::max();
  if (text.size() > kBytesMax - bytes_.size())
    throw std::length_error("a column of texts holds at most 2 GiB");
  bytes_ += text;
  offsets_.push_back(static_cast<std::int32_t>(bytes_.size()));
}

std::string_view Texts::operator[](std::size_t row) const noexcept {
  const auto begin = static_cast<std::size_t>(offsets_[row]);
  const auto end = static_cast<std::size_t>(offsets_[row + 1]);
  return std::string_view(bytes_).substr(begin, end - begin);
}

void Table::add(std::string name, Values values) {
  const std::size_t size = std::visit([](const auto& column) { return column.size(); }, values);
  if (size != rows_)
    throw std::logic_error("column " + name + " has " + std::to_string(size) + " values for " +
                           std::to_string(rows_) + " rows");
  columns_.push_back({std::move(name), std::move(values)});
}

const NamedValues* Table::find(std::string_view name) const noexcept {
  for (const NamedValues& column : columns_)
    if (column.name == name) return &column;
  return nullptr;
}

}  // namespace gatewright::python
