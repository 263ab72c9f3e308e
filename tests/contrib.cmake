# What contrib/ has for those who install Belfry.
find_package(Python3 REQUIRED COMPONENTS Interpreter)

set(contrib ${PROJECT_SOURCE_DIR}/tests/contrib)
add_test(NAME contrib.systemd
         COMMAND ${Python3_EXECUTABLE} ${contrib}/unit_test.py
                 ${CMAKE_BINARY_DIR}/contrib/systemd/belfryd.service
                 $<TARGET_FILE:belfryd>)
add_test(NAME contrib.container
         COMMAND ${Python3_EXECUTABLE} ${contrib}/container_test.py
                 ${CMAKE_BINARY_DIR})
add_test(NAME contrib.container-chroot
         COMMAND ${Python3_EXECUTABLE} ${contrib}/container_test.py
                 ${CMAKE_BINARY_DIR} --slow)
set_tests_properties(contrib.container-chroot PROPERTIES
                     LABELS "slow;plain" TIMEOUT 900 SKIP_RETURN_CODE 77)
set_tests_properties(contrib.container contrib.container-chroot PROPERTIES
  ENVIRONMENT "BELFRY_BIN=${CMAKE_RUNTIME_OUTPUT_DIRECTORY};PYTHONDONTWRITEBYTECODE=1")
# belfry_contrib_test(name script arguments...)
function(belfry_contrib_test name script)
  add_test(NAME contrib.${name}
           COMMAND ${Python3_EXECUTABLE} ${contrib}/${script} ${ARGN})
  set_tests_properties(contrib.${name} PROPERTIES
    LABELS e2e TIMEOUT 600 COST 10 SKIP_RETURN_CODE 77
    ENVIRONMENT "BELFRY_BIN=${CMAKE_RUNTIME_OUTPUT_DIRECTORY};PYTHONDONTWRITEBYTECODE=1")
endfunction()

belfry_contrib_test(certbot certbot_test.py)
belfry_contrib_test(logrotate logrotate_test.py)
belfry_contrib_test(nginx nginx_test.py)
belfry_contrib_test(postfix postfix_test.py Milter Apply)
belfry_contrib_test(postfix-change postfix_test.py Change)
set_tests_properties(contrib.postfix-change PROPERTIES COST 60)
belfry_contrib_test(prometheus prometheus_test.py)
add_test(NAME contrib.systemd-milter
         COMMAND ${Python3_EXECUTABLE} ${contrib}/milter_unit_test.py
                 ${CMAKE_BINARY_DIR}/contrib/systemd/belfry-milter.service
                 $<TARGET_FILE:belfry-milter>)
