# Without a sanitizer the tests take a third of a minute, optimized or not, and to optimize them takes as long again as
# to compile them. With one they would take minutes.
if(SHM_LIVENESS_SANITIZE)
  set(test_options -O1 -g1)
else()
  set(test_options -O0)
endif()
# g++ 12 warns of what a designated initializer leaves out, which is what they are for, and at -O3 of "w" + a string
# (GCC bug 105651).
list(APPEND test_options -Wno-missing-field-initializers $<$<CXX_COMPILER_ID:GNU>:-Wno-restrict>)

# The program `target` of the files <name>.cc, and a test for each of them, <prefix><name> (PREFIX, if it is set).
#
# Some files are compiled as one: each would else compile the core anew, which is all in headers and takes longer than
# its tests. So each file has a namespace of its own.
function(add_test_program target)
  cmake_parse_arguments(PARSE_ARGV 1 arg "" "PREFIX" "")
  list(TRANSFORM arg_UNPARSED_ARGUMENTS APPEND .cc OUTPUT_VARIABLE files)
  add_executable(${target} ${files} $<TARGET_OBJECTS:test_main>)
  target_link_libraries(${target} PRIVATE shm_liveness shm_liveness_strict doctest::doctest)
  target_include_directories(${target} PRIVATE ${PROJECT_BINARY_DIR}/test/cpp)
  target_compile_options(${target} PRIVATE ${test_options})
  set_target_properties(${target} PROPERTIES UNITY_BUILD ON UNITY_BUILD_BATCH_SIZE 7)
  foreach(name ${arg_UNPARSED_ARGUMENTS})
    add_test(NAME ${arg_PREFIX}${name} COMMAND ${target} --source-file=*/${name}.cc)
    # A filter that matches no file would pass.
    set_tests_properties(${arg_PREFIX}${name} PROPERTIES TIMEOUT 300 FAIL_REGULAR_EXPRESSION "test cases: +0 ")
  endforeach()
endfunction()

# Each header in `directory`/`folder` can be included alone. The compiler only parses it: nothing is made of it.
function(check_headers_alone target directory folder)
  file(GLOB headers CONFIGURE_DEPENDS ${directory}/${folder}/*.hpp)
  file(GLOB_RECURSE all CONFIGURE_DEPENDS ${PROJECT_SOURCE_DIR}/native/shm_liveness/*.hpp ${directory}/*.hpp)
  foreach(header ${headers})
    get_filename_component(name ${header} NAME_WE)
    set(stamp ${CMAKE_CURRENT_BINARY_DIR}/alone/${name}.checked)
    file(CONFIGURE OUTPUT alone/${name}.cc CONTENT "#include <${folder}/${name}.hpp>\n" @ONLY)
    add_custom_command(OUTPUT ${stamp} DEPENDS ${all} VERBATIM
      COMMAND ${CMAKE_CXX_COMPILER} -std=c++20 -fsyntax-only -Wall -Wextra -Wconversion -Werror
        -I ${PROJECT_SOURCE_DIR}/native -I ${directory} ${CMAKE_CURRENT_BINARY_DIR}/alone/${name}.cc
      COMMAND ${CMAKE_COMMAND} -E touch ${stamp})
    list(APPEND stamps ${stamp})
  endforeach()
  add_custom_target(${target} ALL DEPENDS ${stamps})
endfunction()
