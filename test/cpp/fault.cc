#include <doctest/doctest.h>

#include <cctype>
#include <shm_liveness/fault.hpp>
#include <string>

namespace test_of_fault {

using namespace shm_liveness;

TEST_CASE("each fault has a code of its own, in capitals, and a sentence") {
  for (std::size_t i = 0; i < kFaultCount; ++i) {
    const Fault fault = static_cast<Fault>(i);
    const std::string code = code_of(fault);
    CAPTURE(code);
    CHECK(code.size() > 1);
    for (const char c : code) CHECK((std::isupper(static_cast<unsigned char>(c)) || c == '_'));
    CHECK(std::string(sentence_of(fault)).size() > 5);
    for (std::size_t j = 0; j < i; ++j) CHECK(code != code_of(static_cast<Fault>(j)));
  }
}

TEST_CASE("the table is read in step with the list of faults") {
  CHECK(std::string(code_of(Fault::none)) == "OK");
  CHECK(std::string(code_of(Fault::name_taken)) == "NAME_TAKEN");
  CHECK(std::string(sentence_of(Fault::name_taken)) == "a living worker holds this name");
  CHECK(std::string(code_of(Fault::system)) == "SYSTEM");
}

TEST_CASE("a failure is one if there is a fault") {
  CHECK_FALSE(Failure{});
  CHECK_FALSE(Failure{Fault::none, 17});
  CHECK(Failure{Fault::missing, 0});
}

}  // namespace test_of_fault
