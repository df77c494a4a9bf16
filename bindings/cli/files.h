// Files as whole texts: read at once, written beside and renamed, so that none is ever half there.
// Used by the verbs for journals, reports and first files.
#pragma once

#include <stdexcept>
#include <string>
#include <string_view>

namespace gatewright::cli {

/// A file that cannot be read or written; its text names it and says why.
struct FileError : std::runtime_error {
  using std::runtime_error::runtime_error;
};

[[nodiscard]] std::string read_file(const std::string& path);
void write_file(const std::string& path, std::string_view text);
/// The same, but never over a file that is there already.
void create_file(const std::string& path, std::string_view text);

}  // namespace gatewright::cli
