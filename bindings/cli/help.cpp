#include "bindings/cli/help.h"

#include "analysis/layout.h"

namespace gatewright::cli {
namespace {

constexpr std::size_t kNames = 24;

/// A name and, beside it, what it means; below it where the name is long.
[[nodiscard]] std::string paragraph(const std::string& name, const std::string& about) {
  std::string text = analysis::left("  " + name, kNames);
  if (analysis::width(text) > kNames) text += "\n" + std::string(kNames, ' ');
  bool is_first = true;
  for (const std::string& line : analysis::wrapped(about, analysis::kPageWidth - kNames)) {
    text += (is_first ? std::string() : std::string(kNames, ' ')) + line + '\n';
    is_first = false;
  }
  return text;
}

}  // namespace

std::string Help::make_option(const CLI::Option* option, bool is_positional) const {
  return paragraph(make_option_name(option, is_positional) + make_option_opts(option),
                   option->get_description());
}

/// The name of the value, without its C++ type and its range.
std::string Help::make_option_opts(const CLI::Option* option) const {
  if (option->get_positional() || option->get_items_expected_max() == 0) return {};
  const std::string type = option->get_type_name();
  return " " + type.substr(0, type.find(':'));
}

std::string Help::make_subcommand(const CLI::App* verb) const {
  return paragraph(verb->get_name(), verb->get_description());
}

}  // namespace gatewright::cli
