// Parsed once for all test files. Each of them includes what it needs all the same.
#include <doctest/doctest.h>

#include <algorithm>
#include <atomic>
#include <string>
#include <thread>
#include <vector>

#include "facts.hpp"
#include "real.hpp"
