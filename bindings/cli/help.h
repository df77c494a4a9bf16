// The layout of --help: 80 columns, one flag a paragraph, no types that only a programmer knows.
// Used by main, once; says nothing itself.
#pragma once

#include <memory>
#include <string>

#include <CLI/App.hpp>
#include <CLI/Formatter.hpp>

namespace gatewright::cli {

class Help final : public CLI::Formatter {
 public:
  [[nodiscard]] std::string make_option(const CLI::Option* option,
                                        bool is_positional) const override;
  [[nodiscard]] std::string make_option_opts(const CLI::Option* option) const override;
  [[nodiscard]] std::string make_subcommand(const CLI::App* verb) const override;
};

}  // namespace gatewright::cli
