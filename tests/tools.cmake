# The checks that keep the house true, and the tests that see them fail.
find_package(Python3 REQUIRED COMPONENTS Interpreter)

add_test(NAME tools.check-layers
         COMMAND ${PROJECT_SOURCE_DIR}/tools/check-layers)
add_test(NAME tools.check-layers-sees
         COMMAND ${Python3_EXECUTABLE}
                 ${PROJECT_SOURCE_DIR}/tests/tools/check_layers_test.py)
add_test(NAME tools.check-style
         COMMAND ${PROJECT_SOURCE_DIR}/tools/check-style)
add_test(NAME tools.check-style-sees
         COMMAND ${Python3_EXECUTABLE}
                 ${PROJECT_SOURCE_DIR}/tests/tools/check_style_test.py)
set_tests_properties(tools.check-style tools.check-style-sees
                     PROPERTIES SKIP_RETURN_CODE 77)
add_test(NAME tools.packages
         COMMAND ${PROJECT_SOURCE_DIR}/tests/tools/packages_test.sh)
add_test(NAME tools.check-docs-sees
         COMMAND ${Python3_EXECUTABLE}
                 ${PROJECT_SOURCE_DIR}/tests/tools/check_docs_test.py)
add_test(NAME tools.comparison
         COMMAND ${Python3_EXECUTABLE}
                 ${PROJECT_SOURCE_DIR}/tests/tools/comparison_test.py)
add_test(NAME tools.config-docs
         COMMAND ${Python3_EXECUTABLE}
                 ${PROJECT_SOURCE_DIR}/tests/tools/config_docs_test.py
                 $<TARGET_FILE:belfry>)
add_test(NAME tools.completion
         COMMAND ${Python3_EXECUTABLE}
                 ${PROJECT_SOURCE_DIR}/tests/tools/completion_test.py
                 $<TARGET_FILE:belfry>)
set_tests_properties(tools.completion PROPERTIES SKIP_RETURN_CODE 77)
add_test(NAME tools.man
         COMMAND ${Python3_EXECUTABLE}
                 ${PROJECT_SOURCE_DIR}/tests/tools/man_test.py
                 $<TARGET_FILE:belfry> $<TARGET_FILE:belfryd>
                 $<TARGET_FILE:belfry-milter> ${CMAKE_BINARY_DIR}/man)
add_test(NAME tools.check-docs
         COMMAND ${PROJECT_SOURCE_DIR}/tools/check-docs
                 --belfry $<TARGET_FILE:belfry>)
set_tests_properties(tools.check-docs-sees tools.check-layers-sees
                     tools.check-style-sees PROPERTIES
                     ENVIRONMENT PYTHONDONTWRITEBYTECODE=1)
