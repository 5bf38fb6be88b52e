// What a command says: lines of text or one JSON document on stdout, progress on a terminal's stderr.
#pragma once

#include <cstdint>
#include <nlohmann/json_fwd.hpp>
#include <string>
#include <vector>

#include "base/format.h"

namespace oriel::shell {

/// Lines of text, or a document; never both. A command that fails has printed nothing.
class Report {
 public:
  explicit Report(bool json) : json_(json) {}

  /// A line of text; nothing with --json.
  void line(const std::string& text = "");
  /// The document; nothing without --json.
  void document(const nlohmann::ordered_json& document);
  /// Prints all of it. Throws Error(kFail) where stdout does not take it.
  void finish();

 private:
  bool json_;
  std::string text_;
};

/// Columns under headings, as wide as their widest cell; numbers stand to the right.
class Table {
 public:
  struct Column {
    std::string heading;
    bool right = false;
  };
  explicit Table(std::vector<Column> columns) : columns_(std::move(columns)) {}
  void row(std::vector<std::string> cells) { rows_.push_back(std::move(cells)); }
  void print(Report& report) const;

 private:
  std::vector<Column> columns_;
  std::vector<std::vector<std::string>> rows_;
};

/// One line on stderr that is rewritten while something long goes on and erased at its end. Silent where stderr is no
/// terminal.
class Progress {
 public:
  explicit Progress(const std::string& what) { show(what); }
  ~Progress() { show(""); }
  Progress(const Progress&) = delete;
  Progress& operator=(const Progress&) = delete;
  void show(const std::string& what);

 private:
  std::int64_t shown_ns_ = 0;
};

/// "1.5 MiB"
std::string bytes_text(double bytes);
/// "12.3 G": with the prefix that leaves one to three digits before the point.
std::string count_text(double count);
/// "0.0123 ms" in four significant digits.
std::string milliseconds_text(double milliseconds);
std::string joined(const std::vector<std::string>& parts, const std::string& between);
/// A monotonic clock in nanoseconds.
std::int64_t now_ns();

}  // namespace oriel::shell
