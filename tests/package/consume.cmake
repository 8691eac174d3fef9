# SPDX-License-Identifier: BSL-1.0
# Configures, builds and runs the consumer. Its build folder is kept, so that a second run only looks for changes. ONLY_COMPILE: no
# library is built for it, so its own source is compiled, and what linking it would take is looked at.
cmake_minimum_required(VERSION 3.25)
string(REPLACE "," ";" COMPONENTS "${COMPONENTS}")
set(build "${SCRATCH}/${NAME}")
set(how -D "CMAKE_PREFIX_PATH=${PREFIX}")
if(AS_FOLDER)
  set(how -D "CATENA_SOURCE_DIR=${SOURCE}")
  foreach(pair IN ITEMS TORCH=torch HTTP=llm)
    string(REPLACE "=" ";" pair ${pair})
    list(POP_FRONT pair option component)
    if(component IN_LIST COMPONENTS)
      list(APPEND how -D CATENA_${option}=ON)
    else()
      list(APPEND how -D CATENA_${option}=OFF)
    endif()
  endforeach()
endif()
execute_process(COMMAND ${CMAKE_COMMAND} -G "${GENERATOR}" -S "${SOURCE}/tests/package/consumer" -B "${build}" ${how}
                        -D "COMPONENTS=${COMPONENTS}" -D CMAKE_BUILD_TYPE=Debug -D CMAKE_CXX_FLAGS_DEBUG=-O0
                        -D "CMAKE_CXX_COMPILER=${COMPILER}" -D "CMAKE_CXX_COMPILER_LAUNCHER=${LAUNCHER}"
                COMMAND_ERROR_IS_FATAL ANY)
if(ONLY_COMPILE AND GENERATOR STREQUAL "Ninja")
  execute_process(COMMAND ${CMAKE_COMMAND} --build "${build}" --target program/CMakeFiles/consumer.dir/main.cpp.o
                  COMMAND_ERROR_IS_FATAL ANY)
  file(READ "${build}/build.ninja" text)
  foreach(component IN LISTS COMPONENTS)
    if(NOT text MATCHES "build program/consumer:[^\n]*/libcatena_${component}[.]a")
      message(FATAL_ERROR "the consumer would not be linked with catena::${component}")
    endif()
  endforeach()
else()
  execute_process(COMMAND ${CMAKE_COMMAND} --build "${build}" --parallel 2 COMMAND_ERROR_IS_FATAL ANY)
  execute_process(COMMAND "${build}/program/consumer" COMMAND_ERROR_IS_FATAL ANY)
endif()

if(GENERATOR STREQUAL "Ninja")
  file(READ "${build}/build.ninja" text)
  if(text MATCHES "-Werror|-Wall")
    message(FATAL_ERROR "catena brought warning options to its user: ${CMAKE_MATCH_0}")
  endif()
endif()
