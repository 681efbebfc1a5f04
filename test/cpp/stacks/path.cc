#include "stacks/path.hpp"

#include <doctest/doctest.h>

#include <string>

namespace test_of_stacks_path {

using namespace shm_liveness::addon::stacks;

namespace {

std::string file_path(std::string_view name) {
  char buffer[kMostPathBytes];
  return std::string(file_path_of(name, buffer));
}
std::string joined(std::string_view directory, std::string_view relative) {
  char buffer[kMostPathBytes];
  return std::string(join_path(directory, relative, buffer));
}

}  // namespace

TEST_CASE("the path of a script") {
  CHECK(file_path("/app/main.js") == "/app/main.js");
  CHECK(file_path("file:///app/main.js") == "/app/main.js");
  CHECK(file_path("file:///my%20app/%C3%A9.js?v=1#x") == "/my app/\xc3\xa9.js");
  CHECK(file_path("file:///100%/x.js") == "/100%/x.js");
  for (const char* other :
       {"node:fs", "evalmachine.<anonymous>", "wasm://wasm/1234", "https://x/y.js", "", "main.js"}) {
    CHECK(file_path(other) == "");
  }
  CHECK(file_path("file:///" + std::string(2000, 'x')) == "");
}

TEST_CASE("paths are joined without their dots") {
  CHECK(joined("/app/dist", "../src/a.ts") == "/app/src/a.ts");
  CHECK(joined("/app/dist", "./a.ts") == "/app/dist/a.ts");
  CHECK(joined("/app", "/src/a.ts") == "/src/a.ts");
  CHECK(joined("/app", "../../../a.ts") == "/a.ts");
  CHECK(joined("", "a//b/./c/..") == "/a/b");
  CHECK(joined("/" + std::string(1000, 'x'), std::string(1000, 'y')).size() <= kMostPathBytes);
}

TEST_CASE("a person reads a path from the working directory on, or from the package on") {
  CHECK(shown_path("/app/src/a.ts", "/app") == "src/a.ts");
  CHECK(shown_path("/application/src/a.ts", "/app") == "/application/src/a.ts");
  CHECK(shown_path("/app/src/a.ts", "/") == "/app/src/a.ts");
  CHECK(shown_path("/app/node_modules/x/node_modules/@y/z/lib/a.js", "/app") == "@y/z/lib/a.js");
}

TEST_CASE("of a long path the last parts that fit are shown") {
  CHECK(shown_path("/srv/services/video/pipeline/stages/decode/frames.ts", "/app") ==
        "video/pipeline/stages/decode/frames.ts");
  const std::string long_name = std::string(60, 'x') + ".ts";
  CHECK(shown_path("/app/" + long_name, "/app") == long_name.substr(long_name.size() - kShownPathBytes));
}

}  // namespace test_of_stacks_path
