// One HTTP/1.x request as text (RFC 9112), as far as a probe or a scraper sends one. No operating system.
#pragma once

#include "../../native/shm_liveness/text.hpp"

namespace shm_liveness::guard {

enum class Parsed : std::uint8_t { incomplete, whole, bad };

struct Request {
  std::string_view target{};  // without the query
  bool is_get = false;
  bool is_head = false;
  bool is_1_1 = false;  // or later
  bool keeps_alive = false;
  bool has_body = false;  // its end is not looked for: answered, and then the connection is closed
  bool wants_json = false;
  bool has_length = false;
  std::uint64_t length = 0;  // Content-Length
  unsigned hosts = 0;        // Host fields
  std::size_t bytes = 0;     // of the request in the buffer
};

namespace detail {

constexpr char lower(char c) { return c >= 'A' && c <= 'Z' ? static_cast<char>(c | 0x20) : c; }

inline bool is_same(std::string_view text, std::string_view lower_case) {
  if (text.size() != lower_case.size()) return false;
  for (std::size_t i = 0; i < text.size(); ++i) {
    if (lower(text[i]) != lower_case[i]) return false;
  }
  return true;
}
inline bool has_token(std::string_view text, std::string_view lower_case) {
  for (std::size_t i = 0; i + lower_case.size() <= text.size(); ++i) {
    if (is_same(head(tail(text, i), lower_case.size()), lower_case)) return true;
  }
  return false;
}
inline std::string_view trimmed(std::string_view text) {
  while (!text.empty() && (text[0] == ' ' || text[0] == '\t')) text.remove_prefix(1);
  while (!text.empty() && (text.back() == ' ' || text.back() == '\t')) text.remove_suffix(1);
  return text;
}

// A line without its end, and what follows it. Ends in CRLF; a bare LF is tolerated, as RFC 9112 allows.
inline std::string_view take_line(std::string_view& text) {
  const std::size_t end = text.find('\n');
  std::string_view line = head(text, end);
  text = tail(text, end + 1);
  if (!line.empty() && line.back() == '\r') line.remove_suffix(1);
  return line;
}

// Whether an empty line is there, behind whatever kind of line end.
inline bool has_end(std::string_view text) {
  for (std::size_t at; (at = text.find('\n')) != std::string_view::npos;) {
    text = tail(text, at + 1);
    if (text.starts_with("\n") || text.starts_with("\r\n")) return true;
  }
  return false;
}

// "HTTP/1.1", or another minor version of HTTP/1: a later one is read as the latest that is known (RFC 9110, 2.5).
inline bool parse_version(std::string_view text, bool& is_1_1) {
  if (!text.starts_with("HTTP/1.") || text.size() != 8) return false;
  const char minor = text.back();
  is_1_1 = minor != '0';
  return minor >= '0' && minor <= '9';
}

inline bool has_pair(std::string_view query, std::string_view pair) {
  while (!query.empty()) {
    const std::string_view first = head(query, query.find('&'));
    if (first == pair) return true;
    query = tail(query, first.size() + 1);
  }
  return false;
}

inline bool parse_request_line(std::string_view line, Request& out) {
  const std::size_t first = line.find(' ');
  const std::size_t last = line.rfind(' ');
  if (first == std::string_view::npos || first == 0 || last <= first + 1) return false;
  if (!parse_version(tail(line, last + 1), out.is_1_1)) return false;
  std::string_view target = head(tail(line, first + 1), last - first - 1);
  for (const char c : line) {
    if (static_cast<unsigned char>(c) < 0x20 || c == 0x7f) return false;
  }
  if (target.starts_with("http://")) {  // as a proxy sends it; the authority is no matter here
    const std::size_t slash = target.find('/', 7);
    target = slash == std::string_view::npos ? std::string_view("/") : tail(target, slash);
  }
  if (target.find(' ') != std::string_view::npos || target[0] != '/') return false;
  out.is_get = head(line, first) == "GET";
  out.is_head = head(line, first) == "HEAD";
  out.keeps_alive = out.is_1_1;
  out.target = head(target, target.find('?'));
  out.wants_json = has_pair(tail(target, out.target.size() + 1), "format=json");
  return true;
}

// A token of RFC 9110, 5.6.2: so no white space before the colon and no folded line, which is how requests are
// smuggled.
inline bool is_token(std::string_view text) {
  constexpr std::string_view kMarks = "!#$%&'*+-.^_`|~";
  for (const char c : text) {
    const bool is_alphanumeric = (c >= '0' && c <= '9') || (lower(c) >= 'a' && lower(c) <= 'z');
    if (!is_alphanumeric && kMarks.find(c) == std::string_view::npos) return false;
  }
  return !text.empty();
}

inline bool parse_field(std::string_view line, Request& out) {
  const std::size_t colon = line.find(':');
  if (colon == std::string_view::npos || !is_token(head(line, colon))) return false;
  for (const char c : line) {
    if ((static_cast<unsigned char>(c) < 0x20 && c != '\t') || c == 0x7f) return false;
  }
  const std::string_view name = head(line, colon);
  const std::string_view value = trimmed(tail(line, colon + 1));
  if (is_same(name, "host")) {
    ++out.hosts;
  } else if (is_same(name, "connection")) {
    if (has_token(value, "close"))
      out.keeps_alive = false;
    else if (has_token(value, "keep-alive"))
      out.keeps_alive = true;
  } else if (is_same(name, "content-length")) {
    std::uint64_t length = 0;
    if (!parse_number(value, ~std::uint64_t(0), length)) return false;
    if (out.has_length && length != out.length) return false;  // RFC 9112, 6.3
    out.has_length = true;
    out.length = length;
    out.has_body = out.has_body || length != 0;
  } else if (is_same(name, "transfer-encoding")) {
    out.has_body = true;
  } else if (is_same(name, "accept")) {
    out.wants_json = out.wants_json || has_token(value, "application/json");
  }
  return true;
}

}  // namespace detail

inline Parsed parse_request(std::string_view text, Request& out) {
  out = {};
  std::string_view rest = text;
  while (!rest.empty() && (rest[0] == '\r' || rest[0] == '\n')) rest.remove_prefix(1);  // RFC 9112, 2.2
  if (!detail::has_end(rest)) return Parsed::incomplete;
  if (!detail::parse_request_line(detail::take_line(rest), out)) return Parsed::bad;
  for (;;) {
    const std::string_view line = detail::take_line(rest);
    if (line.empty()) break;
    if (!detail::parse_field(line, out)) return Parsed::bad;
  }
  if (out.hosts > 1 || (out.is_1_1 && out.hosts == 0)) return Parsed::bad;  // RFC 9112, 3.2
  if (out.has_body) out.keeps_alive = false;
  out.bytes = text.size() - rest.size();
  return Parsed::whole;
}

}  // namespace shm_liveness::guard
