#include "bindings/cli/files.h"

#include <cerrno>
#include <cstring>
#include <filesystem>
#include <fstream>
#include <iterator>

#include <unistd.h>

namespace gatewright::cli {
namespace {

[[noreturn]] void fail(const std::string& path, std::string_view what, int error) {
  throw FileError(path + ": " + std::string(what) + ": " + std::strerror(error));
}

/// A finished file beside `path`, removed again if it is not moved there.
class Draft {
 public:
  Draft(const std::string& path, std::string_view text)
      : path_(path), draft_(path + ".partial-" + std::to_string(::getpid())) {
    errno = 0;
    std::ofstream out(draft_, std::ios::binary);
    out.write(text.data(), static_cast<std::streamsize>(text.size()));
    out.close();
    if (!out) fail(path_, "cannot be written", errno != 0 ? errno : EIO);
  }
  Draft(const Draft&) = delete;
  Draft& operator=(const Draft&) = delete;
  ~Draft() { ::unlink(draft_.c_str()); }

  void move() const {
    if (std::rename(draft_.c_str(), path_.c_str()) != 0) fail(path_, "cannot be written", errno);
  }

 private:
  std::string path_, draft_;
};

}  // namespace

std::string read_file(const std::string& path) {
  if (std::filesystem::is_directory(path)) fail(path, "cannot be read", EISDIR);
  errno = 0;
  std::ifstream in(path, std::ios::binary);
  if (!in) fail(path, "cannot be read", errno != 0 ? errno : EIO);
  std::string text{std::istreambuf_iterator<char>(in), std::istreambuf_iterator<char>()};
  if (in.bad()) fail(path, "cannot be read", EIO);
  return text;
}

void write_file(const std::string& path, std::string_view text) { Draft(path, text).move(); }

void create_file(const std::string& path, std::string_view text) {
  if (std::filesystem::exists(path)) fail(path, "is not overwritten", EEXIST);
  write_file(path, text);
}

}  // namespace gatewright::cli
