# cmake -DPROGRAM=... -DPAGE=... -P: fails if PAGE is not what PROGRAM prints.
execute_process(COMMAND ${PROGRAM} OUTPUT_VARIABLE wanted RESULT_VARIABLE status)
if(NOT status EQUAL 0)
  message(FATAL_ERROR "${PROGRAM}: ${status}")
endif()
file(READ ${PAGE} found)
if(NOT found STREQUAL wanted)
  message(FATAL_ERROR "${PAGE} is not what the code says; run tools/dev/gen_docs")
endif()
