belfry_unit_test(alert belfry_alert)
belfry_unit_test(alert_record belfry_alert)
belfry_unit_test(alert_secrets belfry_alert)
target_sources(test_alert_secrets PRIVATE unit/conf_kit.c)
belfry_unit_test(expression belfry_alert)
belfry_unit_test(id_index belfry_alert)
belfry_unit_test(labels belfry_alert)
belfry_unit_test(link belfry_alert)
belfry_unit_test(mail_intake belfry_alert)
belfry_unit_test(mail_subject belfry_alert)
belfry_unit_test(matcher belfry_alert)
belfry_unit_test(mustache belfry_alert)
belfry_unit_test(deadman belfry_alert)
belfry_unit_test(rota belfry_alert)
belfry_unit_test(severity belfry_alert)
belfry_unit_test(time_interval belfry_alert)
belfry_unit_test(zone belfry_alert)
set_tests_properties(unit.zone PROPERTIES LABELS threads)
belfry_unit_test(intake belfry_alert)
target_compile_definitions(test_intake PRIVATE
  BELFRY_INTAKE="${CMAKE_CURRENT_SOURCE_DIR}/alert/intake"
  BELFRY_CONFORMANCE="${PROJECT_SOURCE_DIR}/../shared/conformance")

# An engine on a queue of its own, with a clock that is moved by hand.
add_library(belfry_engine_rig STATIC unit/engine_rig.c unit/engine_rig_alerts.c
  unit/rules_kit.c)
target_link_libraries(belfry_engine_rig PUBLIC belfry_queue_rig belfry_alert)

belfry_unit_test(engine_take belfry_engine_rig)
belfry_unit_test(engine_acked belfry_engine_rig)
belfry_unit_test(engine_many belfry_engine_rig)
belfry_unit_test(engine_crash belfry_engine_rig)
# Sizes of memory.
set_tests_properties(unit.engine_many PROPERTIES LABELS plain)
add_test(NAME unit.engine_many_100000 COMMAND test_engine_many)
set_tests_properties(unit.engine_many_100000 PROPERTIES LABELS "slow;plain"
                     TIMEOUT 600 ENVIRONMENT ENGINE_MANY=100000)
# The same at every point.
foreach(story one two acknowledged refused quiet mute moved)
  add_test(NAME unit.engine_crash_all.${story} COMMAND test_engine_crash)
  set_tests_properties(unit.engine_crash_all.${story} PROPERTIES LABELS slow
                       TIMEOUT 1800
                       ENVIRONMENT "STORY=${story};STORY_POINTS=600")
endforeach()
belfry_unit_test(engine_start belfry_engine_rig)
belfry_unit_test(engine_quiet belfry_engine_rig)
belfry_unit_test(engine_mute belfry_engine_rig)
belfry_unit_test(engine_fail belfry_engine_rig)
belfry_unit_test(engine_own belfry_engine_rig)
belfry_unit_test(engine_tell belfry_engine_rig)
belfry_unit_test(engine_view belfry_engine_rig)
belfry_unit_test(engine_corners belfry_engine_rig)
belfry_unit_test(engine_anew belfry_engine_rig)
belfry_unit_test(engine_routes belfry_engine_rig)
belfry_unit_test(engine_moved belfry_engine_rig)
belfry_unit_test(engine_between belfry_engine_rig)
belfry_unit_test(engine_random belfry_engine_rig)
target_sources(test_engine_random PRIVATE unit/engine_random_check.c
	unit/engine_random_do.c unit/engine_random_rules.c unit/engine_turns.c)
# More seeds.
add_test(NAME unit.engine_random_many COMMAND test_engine_random)
set_tests_properties(unit.engine_random_many PROPERTIES LABELS slow
                     TIMEOUT 600 ENVIRONMENT ENGINE_RANDOM=500)
belfry_unit_test(engine_doubt belfry_engine_rig)
belfry_unit_test(engine_undone belfry_engine_rig)
belfry_unit_test(engine_rate belfry_engine_rig)
belfry_unit_test(engine_time belfry_engine_rig)
belfry_unit_test(engine_rest belfry_engine_rig)
belfry_unit_test(engine_lost belfry_engine_rig)
belfry_unit_test(report belfry_engine_rig)
foreach(name render render_body render_endpoint render_offers)
  belfry_unit_test(${name} belfry_alert)
  target_sources(test_${name} PRIVATE unit/render_kit.c)
  target_compile_definitions(test_${name} PRIVATE
    RENDER_FILES="${CMAKE_CURRENT_SOURCE_DIR}/alert")
endforeach()
file(GLOB mails CONFIGURE_DEPENDS ${CMAKE_CURRENT_SOURCE_DIR}/alert/*.eml)
add_test(NAME unit.read_alert_mail
         COMMAND python3 ${CMAKE_CURRENT_SOURCE_DIR}/unit/read_alert_mail.py
                 ${mails})
set_tests_properties(unit.read_alert_mail PROPERTIES TIMEOUT 60)
foreach(name alert_endpoints rules rules_conf)
  belfry_unit_test(${name} belfry_alert)
  target_sources(test_${name} PRIVATE unit/rules_kit.c)
endforeach()
target_sources(test_alert_endpoints PRIVATE unit/conf_kit.c)
belfry_unit_test(render_names belfry_alert)
target_sources(test_render_names PRIVATE unit/render_kit.c)
target_compile_definitions(test_render_names PRIVATE
  RENDER_FILES="${CMAKE_CURRENT_SOURCE_DIR}/alert"
  MAIL_PAGE="${PROJECT_SOURCE_DIR}/docs/alerts-mail.md"
  FIRING_MAIL="${CMAKE_CURRENT_SOURCE_DIR}/alert/firing.eml")
belfry_unit_test(channels belfry_alert)
target_sources(test_channels PRIVATE unit/render_kit.c unit/rules_kit.c)
target_compile_definitions(test_channels PRIVATE
  CHANNELS_PAGE="${PROJECT_SOURCE_DIR}/docs/channels.md"
  RENDER_FILES="${CMAKE_CURRENT_SOURCE_DIR}/alert")
