// Lines of a text file, plain or gzip, one at a time in bounded memory.
// Used by the trace reader; never hands out a line that an error cut short, nor one that is not text.
#pragma once

#include <zlib.h>

#include <algorithm>
#include <cerrno>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace gatewright::sim {

class LineReader {
 public:
  explicit LineReader(const std::string& path) : file_(gzopen(path.c_str(), "rb")) {}

  [[nodiscard]] bool is_open() const noexcept { return file_ != nullptr; }

  /// The next line without its end; valid until the next call. Nothing at the end of the file and
  /// after an error.
  std::optional<std::string_view> next() {
    spill_.clear();
    while (error_.empty()) {
      if (at_ == filled_ && !refill()) break;
      const char* const begin = buffer_.data() + at_;
      const auto* const end = static_cast<const char*>(std::memchr(begin, '\n', filled_ - at_));
      const std::size_t size =
          end != nullptr ? static_cast<std::size_t>(end - begin) : filled_ - at_;
      if (spill_.size() + size > kLongestLine) {
        ++line_;
        error_ = "expected lines of at most 1 MiB: this is no trace";
        break;
      }
      at_ += size + (end != nullptr ? 1 : 0);
      if (end != nullptr && spill_.empty()) return finished({begin, size});
      spill_.append(begin, size);
      if (end != nullptr) return finished(spill_);
    }
    // What an error cut off is no line.
    if (error_.empty() && !spill_.empty()) return finished(spill_);
    return std::nullopt;
  }

  [[nodiscard]] std::uint64_t line() const noexcept { return line_; }
  [[nodiscard]] const std::string& error() const noexcept { return error_; }

 private:
  static constexpr std::size_t kLongestLine = std::size_t{1} << 20;

  struct Close {
    void operator()(gzFile_s* file) const noexcept { gzclose_r(file); }
  };

  bool refill() {
    const int got = gzread(file_.get(), buffer_.data(), static_cast<unsigned>(buffer_.size()));
    at_ = 0;
    filled_ = got > 0 ? static_cast<std::size_t>(got) : 0;
    if (got > 0) return true;
    int code = Z_OK;
    const char* const text = gzerror(file_.get(), &code);
    if (code == Z_BUF_ERROR)
      error_ = "the gzip data end too early: the file is truncated";
    else if (code != Z_OK && code != Z_STREAM_END)
      error_ = "cannot be read: " + std::string(code == Z_ERRNO ? std::strerror(errno) : text);
    return false;
  }

  std::optional<std::string_view> finished(std::string_view line) {
    ++line_;
    constexpr std::string_view kByteOrderMark = "\xEF\xBB\xBF";
    if (line_ == 1 && line.starts_with(kByteOrderMark)) line.remove_prefix(kByteOrderMark.size());
    if (line.ends_with('\r')) line.remove_suffix(1);
    const bool text = std::none_of(line.begin(), line.end(), [](char c) {
      return (static_cast<unsigned char>(c) < 0x20 && c != '\t') || c == 0x7F;
    });
    if (text) return line;
    error_ = "expected text, found control characters: is this a recorded trace?";
    return std::nullopt;
  }

  std::unique_ptr<gzFile_s, Close> file_;
  std::vector<char> buffer_ = std::vector<char>(std::size_t{1} << 16);
  std::size_t at_ = 0;
  std::size_t filled_ = 0;
  std::string spill_;  ///< a line that crosses buffers
  std::uint64_t line_ = 0;
  std::string error_;
};

}  // namespace gatewright::sim
