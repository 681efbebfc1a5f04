#include "guard/http.hpp"

#include <doctest/doctest.h>

#include "random.hpp"

namespace test_of_guard_http {

using namespace shm_liveness::guard;
using namespace std::string_view_literals;

namespace {

Parsed outcome_of(std::string_view text) {
  Request request;
  return parse_request(text, request);
}
Request request_of(std::string_view text) {
  CAPTURE(std::string(text));
  Request request;
  REQUIRE(parse_request(text, request) == Parsed::whole);
  return request;
}
// With these fields behind a request line and a Host.
Request with_fields(std::string_view fields) {
  return request_of("GET /livez HTTP/1.1\r\nHost: 10.0.0.1:9808\r\n" + std::string(fields) + "\r\n");
}
Parsed outcome_with(std::string_view fields) {
  return outcome_of("GET /livez HTTP/1.1\r\nHost: 10.0.0.1:9808\r\n" + std::string(fields) + "\r\n");
}
Parsed outcome_of_line(std::string_view line) { return outcome_of(std::string(line) + "\r\nHost: a\r\n\r\n"); }

constexpr std::string_view kKubelet =
    "GET /livez HTTP/1.1\r\nHost: 10.1.2.3:9808\r\nUser-Agent: kube-probe/1.36\r\nAccept: */*\r\n"
    "Connection: close\r\n\r\n";
constexpr std::string_view kPrometheus =
    "GET /metrics HTTP/1.1\r\nHost: 10.1.2.3:9808\r\nUser-Agent: Prometheus/3.4.0\r\n"
    "Accept: application/openmetrics-text;version=1.0.0;q=0.6,text/plain;version=0.0.4;q=0.5,*/*;q=0.1\r\n"
    "Accept-Encoding: gzip\r\nX-Prometheus-Scrape-Timeout-Seconds: 10\r\n\r\n";

}  // namespace

TEST_CASE("the kubelet's probe is a GET that wants the connection closed") {
  const Request request = request_of(kKubelet);
  CHECK(request.target == "/livez");
  CHECK(request.is_get);
  CHECK_FALSE(request.is_head);
  CHECK(request.is_1_1);
  CHECK_FALSE(request.keeps_alive);
  CHECK_FALSE(request.has_body);
  CHECK_FALSE(request.wants_json);
  CHECK(request.bytes == kKubelet.size());
}

TEST_CASE("Prometheus keeps its connection and does not ask for JSON") {
  const Request request = request_of(kPrometheus);
  CHECK(request.target == "/metrics");
  CHECK(request.keeps_alive);
  CHECK_FALSE(request.wants_json);
}

TEST_CASE("the method is told by its exact word") {
  CHECK(request_of("HEAD / HTTP/1.1\r\nHost: a\r\n\r\n").is_head);
  for (const std::string_view method : {"POST", "get", "GETS", "GE", "OPTIONS", "Head"}) {
    CAPTURE(std::string(method));
    const Request request = request_of(std::string(method) + " / HTTP/1.1\r\nHost: a\r\n\r\n");
    CHECK_FALSE(request.is_get);
    CHECK_FALSE(request.is_head);
  }
}

TEST_CASE("the target ends at the query, and only format=json means something in it") {
  const auto target_of = [](std::string_view target) {
    return std::string(request_of("GET " + std::string(target) + " HTTP/1.1\r\nHost: a\r\n\r\n").target);
  };
  const auto wants_json = [](std::string_view target) {
    return request_of("GET " + std::string(target) + " HTTP/1.1\r\nHost: a\r\n\r\n").wants_json;
  };
  CHECK(target_of("/livez") == "/livez");
  CHECK(target_of("/livez?") == "/livez");
  CHECK(target_of("/livez?format=json") == "/livez");
  CHECK(target_of("/livez?a?b") == "/livez");
  CHECK(target_of("/%6civez") == "/%6civez");
  CHECK(target_of("//livez/../x") == "//livez/../x");
  for (const std::string_view query :
       {"format=json", "format=json&x=1", "x=1&format=json", "a&format=json&", "&format=json"}) {
    CAPTURE(std::string(query));
    CHECK(wants_json("/livez?" + std::string(query)));
    CHECK(target_of("/livez?" + std::string(query)) == "/livez");
  }
  CHECK_FALSE(wants_json("/livez"));
  CHECK_FALSE(wants_json("/livez?format=jsonp"));
  CHECK_FALSE(wants_json("/livez?FORMAT=JSON"));
  CHECK_FALSE(wants_json("/livez?xformat=json"));
  CHECK_FALSE(wants_json("/livez?x=1;format=json"));
  CHECK_FALSE(wants_json("/livez?&&"));
}

TEST_CASE("a later minor version of HTTP/1 is read as 1.1") {
  for (const std::string_view version : {"HTTP/1.2", "HTTP/1.9"}) {
    CAPTURE(std::string(version));
    const Request request = request_of("GET / " + std::string(version) + "\r\nHost: a\r\n\r\n");
    CHECK(request.is_1_1);
    CHECK(request.keeps_alive);
    CHECK(outcome_of("GET / " + std::string(version) + "\r\n\r\n") == Parsed::bad);  // no Host
  }
  CHECK_FALSE(request_of("GET / HTTP/1.0\r\n\r\n").is_1_1);
}

TEST_CASE("a request line that is none is refused") {
  CHECK(outcome_of_line("GET / HTTP/1.1") == Parsed::whole);
  for (const std::string_view line : {"GET /",
                                      "GET",
                                      " GET / HTTP/1.1",
                                      "GET  / HTTP/1.1",
                                      "GET /  HTTP/1.1",
                                      "GET / HTTP/1.1 ",
                                      "GET / HTTP/2.0",
                                      "GET / HTTP/0.9",
                                      "GET / http/1.1",
                                      "GET / HTTP/1.10",
                                      "GET / HTTP/1",
                                      "GET / HTTP/1.",
                                      "GET / HTTP/1.a",
                                      "GET / HTTP/11.",
                                      "GET /a b HTTP/1.1",
                                      "GET livez HTTP/1.1",
                                      "GET HTTP/1.1",
                                      "GET  HTTP/1.1",
                                      "/ HTTP/1.1",
                                      "GET\t/ HTTP/1.1",
                                      "GET /\tHTTP/1.1",
                                      "GET /\x01 HTTP/1.1",
                                      "GET /\x7f HTTP/1.1",
                                      "GET /\rx HTTP/1.1",
                                      "\x16\x03\x01\x02",
                                      "PRI * HTTP/2.0"}) {
    CAPTURE(std::string(line));
    CHECK(outcome_of_line(line) == Parsed::bad);
  }
  CHECK(outcome_of_line("GET /\0 HTTP/1.1"sv) == Parsed::bad);
}

TEST_CASE("bytes beyond ASCII in a target are passed on as they are") {
  CHECK(request_of("GET /\xc3\xa4 HTTP/1.1\r\nHost: a\r\n\r\n").target == "/\xc3\xa4");
}

TEST_CASE("empty lines before the request are skipped, and count as read") {
  const std::string text = "\r\n\r\n\n" + std::string(kKubelet);
  const Request request = request_of(text);
  CHECK(request.target == "/livez");
  CHECK(request.bytes == text.size());
  CHECK(outcome_of("\r\n\r\n") == Parsed::incomplete);
  CHECK(outcome_of("") == Parsed::incomplete);
}

TEST_CASE("a line may end in a bare LF") {
  CHECK(request_of("GET /livez HTTP/1.1\nHost: a\n\n").target == "/livez");
  CHECK(request_of("GET /livez HTTP/1.1\nHost: a\r\n\r\n").target == "/livez");
  CHECK(request_of("GET /livez HTTP/1.1\r\nHost: a\r\n\n").target == "/livez");
  CHECK(request_of("GET /livez HTTP/1.1\nHost: a\n\r\n").target == "/livez");
}

TEST_CASE("only what belongs to the request is taken; the next one waits behind it") {
  const std::string two = std::string(kPrometheus) + std::string(kKubelet);
  const Request first = request_of(two);
  CHECK(first.bytes == kPrometheus.size());
  const Request second = request_of(std::string_view(two).substr(first.bytes));
  CHECK(second.target == "/livez");
  CHECK(second.bytes == kKubelet.size());
}

TEST_CASE("connections stay open by the version's rule, unless a field says otherwise") {
  CHECK(with_fields("").keeps_alive);
  CHECK_FALSE(with_fields("Connection: close\r\n").keeps_alive);
  CHECK_FALSE(with_fields("connection:close\r\n").keeps_alive);
  CHECK_FALSE(with_fields("CONNECTION: \t CLOSE \t\r\n").keeps_alive);
  CHECK_FALSE(with_fields("Connection: keep-alive, close\r\n").keeps_alive);
  CHECK_FALSE(with_fields("Connection: close, TE\r\n").keeps_alive);
  CHECK(with_fields("Connection: keep-alive\r\n").keeps_alive);
  CHECK(with_fields("Connection: upgrade\r\n").keeps_alive);
  CHECK(with_fields("X-Connection: close\r\n").keeps_alive);
  CHECK_FALSE(request_of("GET / HTTP/1.0\r\n\r\n").keeps_alive);
  CHECK_FALSE(request_of("GET / HTTP/1.0\r\n\r\n").is_1_1);
  CHECK(request_of("GET / HTTP/1.0\r\nConnection: Keep-Alive\r\n\r\n").keeps_alive);
}

TEST_CASE("a request with a body closes the connection, so that the body is never taken for a request") {
  for (const std::string_view field :
       {"Content-Length: 5\r\n", "content-length:1\r\n", "Transfer-Encoding: chunked\r\n", "transfer-encoding: x\r\n",
        "Content-Length: 5\r\nContent-Length: 5\r\n", "Content-Length: 5\r\nConnection: keep-alive\r\n",
        "Content-Length: 0\r\nTransfer-Encoding: chunked\r\n"}) {
    CAPTURE(std::string(field));
    CHECK(with_fields(field).has_body);
    CHECK_FALSE(with_fields(field).keeps_alive);
  }
  CHECK_FALSE(with_fields("Content-Length: 0\r\n").has_body);
  CHECK(with_fields("Content-Length: 0\r\n").keeps_alive);
}

TEST_CASE("two lengths that differ are refused") {
  CHECK(outcome_with("Content-Length: 0\r\nContent-Length: 5\r\n") == Parsed::bad);
  CHECK(outcome_with("Content-Length: 5\r\nContent-Length: 0\r\n") == Parsed::bad);
  CHECK(outcome_with("Content-Length: 5\r\nA: b\r\ncontent-length: 5\r\n") == Parsed::whole);
}

TEST_CASE("a length that is no number is refused") {
  for (const std::string_view length :
       {"", "-1", "+1", "1a", "0x10", "1 2", "5, 5", "1.0", "99999999999999999999999"}) {
    CAPTURE(std::string(length));
    CHECK(outcome_with("Content-Length: " + std::string(length) + "\r\n") == Parsed::bad);
  }
}

TEST_CASE("JSON is what somebody accepts") {
  CHECK(with_fields("Accept: application/json\r\n").wants_json);
  CHECK(with_fields("accept: text/html, Application/JSON;q=0.9\r\n").wants_json);
  CHECK(with_fields("Accept: text/html\r\nAccept: application/json\r\n").wants_json);
  CHECK_FALSE(with_fields("Accept: text/plain\r\n").wants_json);
  CHECK_FALSE(with_fields("Accept: */*\r\n").wants_json);
  CHECK_FALSE(with_fields("X-Accept: application/json\r\n").wants_json);
}

TEST_CASE("fields by which requests are smuggled are refused") {
  for (const std::string_view field :
       {"Content-Length : 5\r\n", "Content-Length\t: 5\r\n", " folded: x\r\n", "A: b\r\n continued\r\n",
        "A: b\r\n\tcontinued\r\n", ": empty\r\n", "no colon\r\n", "\r\r\n", " \r\n"}) {
    CAPTURE(std::string(field));
    CHECK(outcome_with(field) == Parsed::bad);
  }
}

TEST_CASE("a field may be empty, and hold colons and bytes beyond ASCII") {
  CHECK(outcome_with("A:\r\n") == Parsed::whole);
  CHECK(outcome_with("A:b:c\r\n") == Parsed::whole);
  CHECK(outcome_with("A: \xff\xfe\r\n") == Parsed::whole);
}

// RFC 9112, 3.2: "A server MUST respond with a 400 (Bad Request) status code to any HTTP/1.1 request message that lacks
// a Host header field and to any request message that contains more than one Host header field line".
TEST_CASE("a request of 1.1 names its host once; one of 1.0 need not") {
  CHECK(outcome_of("GET / HTTP/1.0\r\n\r\n") == Parsed::whole);
  CHECK(outcome_of("GET / HTTP/1.1\r\nhost:\r\n\r\n") == Parsed::whole);
  CHECK(outcome_of("GET / HTTP/1.1\r\n\r\n") == Parsed::bad);
  CHECK(outcome_of("GET / HTTP/1.1\r\nHost: a\r\nHost: a\r\n\r\n") == Parsed::bad);
}

// RFC 9110, 5.5: "Field values containing CR, LF, or NUL characters are invalid and dangerous … a recipient of CR, LF,
// or NUL within a field value MUST either reject the message or replace each of those characters with SP". RFC 9110,
// 5.1: a field's name is a token.
TEST_CASE("a field with a NUL or a bare CR in it, or with a name that is no token, is refused") {
  CHECK(outcome_with("A: b\rc\r\n") == Parsed::bad);
  CHECK(outcome_with("A: b\0c\r\n"sv) == Parsed::bad);
  CHECK(outcome_with("A: b\x7f\r\n") == Parsed::bad);
  CHECK(outcome_with("A: b\tc\r\n") == Parsed::whole);
  CHECK(outcome_with("A b: c\r\n") == Parsed::bad);
  CHECK(outcome_with("A(b): c\r\n") == Parsed::bad);
  CHECK(outcome_with("\xc3\xa4: c\r\n") == Parsed::bad);
  CHECK(outcome_with("!#$%&'*+-.^_`|~09azAZ: c\r\n") == Parsed::whole);
  CHECK(outcome_with("A\0: c\r\n"sv) == Parsed::bad);
}

// RFC 9112, 3.2.2: "a server MUST accept the absolute-form in requests".
TEST_CASE("a target may be absolute") {
  CHECK(request_of("GET http://10.1.2.3 HTTP/1.1\r\nHost: a\r\n\r\n").target == "/");
  CHECK(outcome_of_line("GET https://10.1.2.3/ HTTP/1.1") == Parsed::bad);
  CHECK(outcome_of_line("GET http:/livez HTTP/1.1") == Parsed::bad);
  CHECK(request_of("GET http://10.1.2.3:9808/livez?format=json HTTP/1.1\r\nHost: a\r\n\r\n").target == "/livez");
}

TEST_CASE("no beginning of a request is whole") {
  for (const std::string_view whole : {kKubelet, kPrometheus}) {
    REQUIRE(outcome_of(whole) == Parsed::whole);
    for (std::size_t bytes = 0; bytes < whole.size(); ++bytes) {
      CHECK_MESSAGE(outcome_of(Exact(whole.substr(0, bytes)).view()) == Parsed::incomplete, "bytes ", bytes);
    }
  }
}

TEST_CASE("whatever comes is read within its bounds, and what has been judged once stays so") {
  constexpr std::string_view kSeeds[] = {kKubelet, kPrometheus, "GET / HTTP/1.0\n\n",
                                         "POST /livez HTTP/1.1\r\nHost: a\r\nContent-Length: 3\r\n\r\nabc",
                                         "\r\n\r\nHEAD /a?b HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n"};
  constexpr std::string_view kWords[] = {"\r\n",
                                         "\n",
                                         "\r\n\r\n",
                                         "\r",
                                         ":",
                                         " ",
                                         "?format=json",
                                         "HTTP/1.1",
                                         "Connection: close",
                                         "\0"sv,
                                         "\t",
                                         "Content-Length:",
                                         "18446744073709551616"};
  Random random;
  int wholes = 0;
  int bads = 0;
  constexpr int kRounds = 100'000;
  for (int i = 0; i < kRounds; ++i) {
    const Exact text(random.mutant(kSeeds, kWords));
    Request request;
    const Parsed parsed = parse_request(text.view(), request);
    bads += parsed == Parsed::bad ? 1 : 0;
    if (parsed != Parsed::whole) continue;
    ++wholes;
    CHECK_MESSAGE(request.bytes <= text.view().size(), "round ", i);
    CHECK_MESSAGE(request.bytes >= 14, "round ", i);
    CHECK_MESSAGE((text.holds(request.target) && request.target.starts_with('/')), "round ", i);
    CHECK_MESSAGE(request.target.find_first_of(" ?\r\n") == std::string_view::npos, "round ", i);
    CHECK_MESSAGE(!(request.is_get && request.is_head), "round ", i);
    CHECK_MESSAGE(!(request.has_body && request.keeps_alive), "round ", i);
    // What comes behind it changes nothing, and what it took is all that it needs.
    const Exact taken(text.view().substr(0, request.bytes));
    CHECK_MESSAGE(outcome_of(taken.view()) == Parsed::whole, "round ", i);
    const Exact less(text.view().substr(0, request.bytes - 1));
    CHECK_MESSAGE(outcome_of(less.view()) != Parsed::whole, "round ", i);
  }
  CHECK(wholes > kRounds / 50);
  CHECK(bads > kRounds / 50);
}

}  // namespace test_of_guard_http
