// Paths of scripts and sources: from what V8 and source maps call them to what a person reads. Pure text.
#pragma once

#include <cstdint>
#include <string_view>

#include "shm_liveness/text.hpp"

namespace shm_liveness::addon::stacks {

inline constexpr std::size_t kMostPathBytes = 1024;
// Of a file's path in a frame: about ten frames shall find room in the region.
inline constexpr std::size_t kShownPathBytes = 40;

// The path of a file: URL or of a plain absolute path; empty for anything else (node:, evalmachine.<anonymous>, wasm:).
inline std::string_view file_path_of(std::string_view name, char (&buffer)[kMostPathBytes]) {
  const auto hex = [](char c) {
    return c >= '0' && c <= '9' ? c - '0' : (c | 0x20) >= 'a' && (c | 0x20) <= 'f' ? (c | 0x20) - 'a' + 10 : -1;
  };
  if (name.starts_with("/")) return name;
  constexpr std::string_view kScheme = "file://";
  if (!name.starts_with(kScheme)) return {};
  name = tail(name, kScheme.size());
  name = head(name, name.find_first_of("?#"));
  Text out(buffer);
  for (std::size_t i = 0; i < name.size(); ++i) {
    const bool is_escape = name[i] == '%' && i + 2 < name.size() && hex(name[i + 1]) >= 0 && hex(name[i + 2]) >= 0;
    out << (is_escape ? static_cast<char>(hex(name[i + 1]) * 16 + hex(name[i + 2])) : name[i]);
    if (is_escape) i += 2;
  }
  return out.overflowed() ? std::string_view() : out.view();
}

inline std::string_view directory_of(std::string_view path) {
  const std::size_t slash = path.rfind('/');
  return slash == std::string_view::npos ? std::string_view() : head(path, slash);
}

// `relative` as seen from `directory`, without . and .. parts; an absolute one stays.
inline std::string_view join_path(std::string_view directory, std::string_view relative,
                                  char (&buffer)[kMostPathBytes]) {
  if (relative.starts_with("/")) directory = {};
  std::size_t size = 0;
  const auto add = [&](std::string_view path) {
    while (!path.empty()) {
      const std::string_view part = head(path, path.find('/'));
      path = tail(path, part.size() + 1);
      if (part.empty() || part == ".") continue;
      if (part == "..") {
        const std::size_t parent = std::string_view(buffer, size).rfind('/');
        size = parent == std::string_view::npos ? 0 : parent;
        continue;
      }
      if (size + 1 + part.size() > sizeof buffer) return;
      buffer[size++] = '/';
      for (const char c : part) buffer[size++] = c;
    }
  };
  add(directory);
  add(relative);
  return {buffer, size};
}

// From the working directory on, or from the last node_modules; if that is still long, the last parts that fit.
inline std::string_view shown_path(std::string_view path, std::string_view working_directory) {
  constexpr std::string_view kModules = "/node_modules/";
  if (const std::size_t at = path.rfind(kModules); at != std::string_view::npos) {
    path = tail(path, at + kModules.size());
  } else if (working_directory.size() > 1 && path.starts_with(working_directory) &&
             tail(path, working_directory.size()).starts_with("/")) {
    path = tail(path, working_directory.size() + 1);
  }
  if (path.size() <= kShownPathBytes) return path;
  const std::size_t slash = path.find('/', path.size() - kShownPathBytes);
  return slash == std::string_view::npos ? tail(path, path.size() - kShownPathBytes) : tail(path, slash + 1);
}

}  // namespace shm_liveness::addon::stacks
