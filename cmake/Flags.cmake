# Warnings, hardening and sanitizers, the same for every target.

# Asserts stay on in every build: must() does not look at NDEBUG, and nothing
# defines it.
string(REPLACE "-DNDEBUG" "" CMAKE_C_FLAGS_RELWITHDEBINFO
       "${CMAKE_C_FLAGS_RELWITHDEBINFO}")

add_compile_definitions(_GNU_SOURCE BELFRY_VERSION="${PROJECT_VERSION}")
include_directories(${PROJECT_SOURCE_DIR})

add_compile_options(
  -Wall -Wextra -Werror -Wshadow -Wstrict-prototypes -Wmissing-prototypes
  -Wold-style-definition -Wpointer-arith -Wcast-qual -Wwrite-strings
  -Wswitch-enum -Wformat=2 -Wvla -Wundef
  -fno-strict-aliasing -fno-common)

# gcc takes uthash's comments for an answer, clang does not.
if(CMAKE_C_COMPILER_ID STREQUAL "GNU")
  add_compile_options(-Wimplicit-fallthrough)
endif()

set(CMAKE_POSITION_INDEPENDENT_CODE ON)
add_compile_options(-fstack-protector-strong -fstack-clash-protection)
if(CMAKE_SYSTEM_PROCESSOR MATCHES "x86_64")
  add_compile_options(-fcf-protection=full)
endif()
add_link_options(-pie -Wl,-z,relro -Wl,-z,now -Wl,-z,noexecstack
                 -Wl,--as-needed)

if(BELFRY_SANITIZE)
  add_compile_options(-fsanitize=${BELFRY_SANITIZE}
                      -fno-sanitize-recover=all)
  add_link_options(-fsanitize=${BELFRY_SANITIZE})
  add_compile_definitions(BELFRY_SANITIZED)
elseif(CMAKE_BUILD_TYPE STREQUAL "RelWithDebInfo")
  # The sanitizers have their own checks; FORTIFY needs optimisation.
  add_compile_options(-U_FORTIFY_SOURCE -D_FORTIFY_SOURCE=3)
endif()
if(BELFRY_FUZZ)
  add_compile_options(-fsanitize=fuzzer-no-link)
endif()
