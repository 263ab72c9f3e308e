# What Belfry stands on; debian/control's Build-Depends brings all of it.

find_package(PkgConfig REQUIRED)
find_package(Threads REQUIRED)

pkg_check_modules(LIBEVENT REQUIRED IMPORTED_TARGET libevent_core libevent_extra)
pkg_check_modules(LMDB REQUIRED IMPORTED_TARGET lmdb)
pkg_check_modules(YAML REQUIRED IMPORTED_TARGET yaml-0.1)
pkg_check_modules(UNBOUND REQUIRED IMPORTED_TARGET libunbound)
pkg_check_modules(GSASL REQUIRED IMPORTED_TARGET libgsasl)
pkg_check_modules(GMIME REQUIRED IMPORTED_TARGET gmime-3.0)
pkg_check_modules(OPENDKIM REQUIRED IMPORTED_TARGET opendkim)
pkg_check_modules(ICU REQUIRED IMPORTED_TARGET icu-i18n icu-uc)
pkg_check_modules(IDN2 REQUIRED IMPORTED_TARGET libidn2)
pkg_check_modules(PSL REQUIRED IMPORTED_TARGET libpsl)
# libspf2 brings no pkg-config file.
find_library(SPF2_LIBRARY spf2 REQUIRED)
pkg_check_modules(MICROHTTPD REQUIRED IMPORTED_TARGET libmicrohttpd)
pkg_check_modules(JANSSON REQUIRED IMPORTED_TARGET jansson)
pkg_check_modules(PCRE2 REQUIRED IMPORTED_TARGET libpcre2-8)
pkg_check_modules(CRYPTO REQUIRED IMPORTED_TARGET libcrypto)
pkg_check_modules(CRYPT REQUIRED IMPORTED_TARGET libcrypt)
pkg_check_modules(SSL REQUIRED IMPORTED_TARGET libssl)
pkg_check_modules(CURL REQUIRED IMPORTED_TARGET libcurl)
pkg_check_modules(CAP REQUIRED IMPORTED_TARGET libcap)
pkg_check_modules(SECCOMP REQUIRED IMPORTED_TARGET libseccomp)
pkg_check_modules(SYSTEMD REQUIRED IMPORTED_TARGET libsystemd)
pkg_check_modules(CMOCKA REQUIRED IMPORTED_TARGET cmocka)

# It brings nothing that pkg-config knows.
find_library(MILTER_LIBRARY milter REQUIRED)
find_path(MILTER_INCLUDE libmilter/mfapi.h REQUIRED)
add_library(MILTER::MILTER UNKNOWN IMPORTED)
set_target_properties(MILTER::MILTER PROPERTIES
  IMPORTED_LOCATION ${MILTER_LIBRARY}
  INTERFACE_INCLUDE_DIRECTORIES ${MILTER_INCLUDE})

# belfry_library(NAME FOLDERS... LIBS...): the static library of one folder.
# Sources are added by the folder's CMakeLists.txt with target_sources().
function(belfry_library name)
  add_library(belfry_${name} STATIC)
  target_link_libraries(belfry_${name} PUBLIC ${ARGN})
endfunction()
