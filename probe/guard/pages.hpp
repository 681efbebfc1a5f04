// What the guard answers: the verdict by HTTP, as a probe would print it.
#pragma once

#include "../../native/shm_liveness/json.hpp"
#include "http.hpp"
#include "watch.hpp"

namespace shm_liveness::guard {

struct Page {
  int status = 200;
  const char* type = "text/plain; charset=utf-8";
  std::string_view body{};
};

inline const char* reason_of(int status) {
  switch (status) {
    case 200:
      return "OK";
    case 400:
      return "Bad Request";
    case 404:
      return "Not Found";
    case 405:
      return "Method Not Allowed";
    case 408:
      return "Request Timeout";
    case 431:
      return "Request Header Fields Too Large";
    default:
      return "Service Unavailable";
  }
}

// Head and body. Content-Length is -1 for a body that follows in chunks.
inline void say_head(Text& out, const Page& page, bool is_1_1, bool keeps_alive, std::int64_t length) {
  out << (is_1_1 ? "HTTP/1.1 " : "HTTP/1.0 ") << page.status << ' ' << reason_of(page.status)
      << "\r\nContent-Type: " << page.type << "\r\nCache-Control: no-store\r\n";
  if (page.status == 405) out << "Allow: GET, HEAD\r\n";
  if (length >= 0)
    out << "Content-Length: " << static_cast<std::uint64_t>(length) << "\r\n";
  else if (is_1_1)
    out << "Transfer-Encoding: chunked\r\n";
  out << (keeps_alive ? "Connection: keep-alive\r\n\r\n" : "Connection: close\r\n\r\n");
}

// The verdict's line, or a JSON object with it, as a body in `out`.
inline Page verdict_page(Watch& watch, Check check, bool wants_json, Text& out) {
  const Judged& judged = watch.judged(check);
  const Verdict& verdict = judged.verdict;
  const Policy policy = watch.policy_of(check);
  char buffer[512];
  Text line(buffer);
  Diagnosis diagnosis;
  if (verdict.kind == Kind::stalled && !judged.about().empty())
    read_where_of(watch.seen().regions[judged.worker.region], judged.worker, diagnosis.where);
  say_verdict(line, verdict, watch.seen().region_facts(), judged.about(), policy, diagnosis);
  Page page{verdict.passes ? 200 : 503};
  if (wants_json) {
    page.type = "application/json";
    Json json(out);
    json.open('{');
    json_verdict(json, verdict, policy, line.view());
    json.close('}');
  } else {
    out << line.view();
  }
  out << '\n';
  page.body = out.view();
  return page;
}

// The page of a target, but for /metrics.
inline Page page_of(Watch& watch, const Request& request, Text& out) {
  if (!request.is_get && !request.is_head) return {405, Page{}.type, "only GET and HEAD\n"};
  struct Target {
    std::string_view path;
    Check check;
  };
  constexpr Target kTargets[] = {
      {"/livez", Check::liveness}, {"/readyz", Check::readiness}, {"/startupz", Check::startup}};
  for (const Target& target : kTargets) {
    if (request.target == target.path) return verdict_page(watch, target.check, request.wants_json, out);
  }
  return {404, Page{}.type, "there are /livez, /readyz, /startupz and /metrics\n"};
}

}  // namespace shm_liveness::guard
