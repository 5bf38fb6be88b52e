// Printing.
#include "report.h"

#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <chrono>
#include <cmath>
#include <cstdio>
#include <cstring>
#include <nlohmann/json.hpp>

#include "base/error.h"

namespace oriel::shell {
namespace {

// Columns that UTF-8 text takes on a terminal, as far as one a code point goes.
std::size_t width(const std::string& text) {
  return static_cast<std::size_t>(
      std::count_if(text.begin(), text.end(), [](char c) { return (static_cast<unsigned char>(c) & 0xc0) != 0x80; }));
}

}  // namespace

void Report::line(const std::string& text) {
  if (!json_) text_ += text + "\n";
}

void Report::document(const nlohmann::ordered_json& document) {
  if (json_) text_ += document.dump(2, ' ', false, nlohmann::ordered_json::error_handler_t::replace) + "\n";
}

void Report::finish() {
  const std::size_t written = std::fwrite(text_.data(), 1, text_.size(), stdout);
  if (written != text_.size() || std::fflush(stdout) != 0)
    fail(ErrorCode::kFail, "cannot write to standard output: {}", std::strerror(errno));
}

void Table::print(Report& report) const {
  std::vector<std::size_t> widths;
  for (const Column& c : columns_) widths.push_back(width(c.heading));
  for (const auto& row : rows_) {
    for (std::size_t i = 0; i < row.size(); ++i) widths[i] = std::max(widths[i], width(row[i]));
  }
  const auto print_row = [&](const auto& cell_of, std::size_t count) {
    std::string text;
    for (std::size_t i = 0; i < count; ++i) {
      const std::string cell = cell_of(i);
      const std::string blanks(widths[i] - width(cell), ' ');
      if (i > 0) text += "  ";
      text += columns_[i].right ? blanks + cell : cell + blanks;
    }
    text.erase(text.find_last_not_of(' ') + 1);
    report.line(text);
  };
  print_row([&](std::size_t i) { return columns_[i].heading; }, columns_.size());
  for (const auto& row : rows_) print_row([&](std::size_t i) { return row[i]; }, row.size());
}

void Progress::show(const std::string& what) {
  static const bool terminal = isatty(STDERR_FILENO) != 0;
  if (!terminal) return;
  const std::int64_t now = now_ns();
  if (!what.empty() && shown_ns_ != 0 && now - shown_ns_ < 50'000'000) return;
  shown_ns_ = now;
  std::fprintf(stderr, "\r\033[K%s", what.c_str());
  std::fflush(stderr);
}

std::string bytes_text(double bytes) {
  const char* const units[] = {"B", "KiB", "MiB", "GiB", "TiB"};
  std::size_t unit = 0;
  while (std::fabs(bytes) >= 1024 && unit < 4) {
    bytes /= 1024;
    ++unit;
  }
  return unit == 0 ? formatted("{:.0f} B", bytes)
                   : formatted("{:.{}f} {}", bytes,
                               bytes < 10    ? 2
                               : bytes < 100 ? 1
                                             : 0,
                               units[unit]);
}

std::string count_text(double count) {
  const char* const units[] = {"", " k", " M", " G", " T", " P"};
  std::size_t unit = 0;
  while (std::fabs(count) >= 1000 && unit < 5) {
    count /= 1000;
    ++unit;
  }
  return formatted("{:.{}f}{}", count, unit == 0 ? 0 : count < 10 ? 2 : count < 100 ? 1 : 0, units[unit]);
}

std::string milliseconds_text(double milliseconds) { return formatted("{:.4g} ms", milliseconds); }

std::string joined(const std::vector<std::string>& parts, const std::string& between) {
  std::string text;
  for (const std::string& part : parts) text += (text.empty() ? "" : between) + part;
  return text;
}

std::int64_t now_ns() {
  return std::chrono::duration_cast<std::chrono::nanoseconds>(std::chrono::steady_clock::now().time_since_epoch())
      .count();
}

}  // namespace oriel::shell
