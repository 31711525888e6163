# Native compiler: clang 19 where there is one (the sanitizers and libFuzzer are tested with it),
# else whatever the system calls clang or cc. CC in the environment wins.
if(NOT CMAKE_C_COMPILER AND NOT DEFINED ENV{CC})
  find_program(SOTTO_CC NAMES clang-19 clang cc gcc PATHS /usr/lib/llvm-19/bin REQUIRED)
  set(CMAKE_C_COMPILER ${SOTTO_CC})
endif()
