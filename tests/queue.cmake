# A store in a folder of its own, and a raw look at one that is closed.
add_library(belfry_store_kit STATIC
  unit/crash_kit.c
  unit/store_check.c
  unit/store_fail.c
  unit/store_kit.c
  unit/store_work.c)
target_link_libraries(belfry_store_kit PUBLIC belfry_queue)
# Its calls are made before a sanitizer of threads has begun.
set_source_files_properties(unit/store_fail.c PROPERTIES
                            COMPILE_OPTIONS -fno-sanitize=thread)

belfry_unit_test(store belfry_store_kit)
belfry_unit_test(store_backup belfry_store_kit)
belfry_unit_test(store_batch belfry_store_kit)
belfry_unit_test(store_crash belfry_store_kit)
belfry_unit_test(store_full belfry_store_kit)
belfry_unit_test(store_record belfry_queue)
belfry_unit_test(store_trace belfry_store_kit)
set_tests_properties(unit.store
                     unit.store_backup
                     unit.store_batch
                     unit.store_crash
                     unit.store_full
                     PROPERTIES LABELS threads)
# A child for each of its points.
set_tests_properties(unit.store_crash PROPERTIES TIMEOUT 600)
set_tests_properties(unit.store_trace PROPERTIES LABELS plain)

# A queue with a clock that stands still and an agent that the test answers.
add_library(belfry_queue_rig STATIC unit/queue_rig.c)
target_link_libraries(belfry_queue_rig PUBLIC belfry_store_kit)

belfry_unit_test(body belfry_queue)
belfry_unit_test(filter belfry_queue)
belfry_unit_test(message belfry_queue)
belfry_unit_test(queue belfry_queue_rig)
belfry_unit_test(queue_clock belfry_queue_rig)
belfry_unit_test(queue_doubt belfry_queue_rig)
belfry_unit_test(queue_draft belfry_queue_rig)
belfry_unit_test(queue_fate belfry_queue_rig)
belfry_unit_test(queue_keep belfry_queue_rig)
belfry_unit_test(queue_operator belfry_queue_rig)
belfry_unit_test(queue_record belfry_queue_rig)
belfry_unit_test(queue_serial belfry_queue_rig)
belfry_unit_test(queue_story belfry_queue_rig)
belfry_unit_test(queue_stuck belfry_queue_rig)
belfry_unit_test(queue_throttle belfry_queue_rig)
belfry_unit_test(queue_turn belfry_queue_rig)
belfry_unit_test(store_salvage belfry_queue_rig)
belfry_unit_test(queue_walk belfry_queue_rig)
belfry_unit_test(queue_wish belfry_queue_rig)
set_tests_properties(unit.queue
                     unit.queue_clock
                     unit.queue_doubt
                     unit.queue_draft
                     unit.queue_fate
                     unit.queue_keep
                     unit.queue_operator
                     unit.queue_record
                     unit.queue_story
                     unit.queue_stuck
                     unit.queue_throttle
                     unit.queue_turn
                     unit.queue_walk
                     unit.queue_wish
                     PROPERTIES LABELS threads)
set_tests_properties(unit.queue_story PROPERTIES TIMEOUT 600 COST 15)

# The same with a backlog of 100,000, and every point of the stories.
add_test(NAME unit.queue_turn_100000 COMMAND test_queue_turn)
set_tests_properties(unit.queue_turn_100000 PROPERTIES LABELS slow
                     TIMEOUT 600 ENVIRONMENT QUEUE_BACKLOG=100000)
foreach(story "accept" "three recipients" "dead for a day" "round a dead host"
              "success is told" "late is told" "paused"
              "fifty megabytes cut off" "a bell")
  string(REPLACE " " "_" name "unit.queue_story_all.${story}")
  add_test(NAME ${name} COMMAND test_queue_story)
  set_tests_properties(${name} PROPERTIES LABELS slow TIMEOUT 1800
                       ENVIRONMENT "STORY=${story};STORY_POINTS=600")
endforeach()
# Each point writes fifty megabytes.
set_tests_properties(unit.queue_story_all.fifty_megabytes_cut_off PROPERTIES
                     ENVIRONMENT
                     "STORY=fifty megabytes cut off;STORY_POINTS=150")
