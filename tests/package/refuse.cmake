# SPDX-License-Identifier: BSL-1.0
# What find_package(catena) does where something is missing. Nothing is built here.
cmake_minimum_required(VERSION 3.25)

# ask(<variable for the output> <CMake argument>...): configures the consumer; sets status.
function(ask output)
  file(REMOVE_RECURSE "${SCRATCH}/refuse")
  execute_process(COMMAND ${CMAKE_COMMAND} -G "${GENERATOR}" -S "${SOURCE}/tests/package/consumer" -B "${SCRATCH}/refuse"
                          -D "CMAKE_PREFIX_PATH=${PREFIX}" -D "CMAKE_CXX_COMPILER=${COMPILER}" ${ARGN}
                  RESULT_VARIABLE result OUTPUT_VARIABLE text ERROR_VARIABLE text)
  set(status ${result} PARENT_SCOPE)
  string(REGEX REPLACE "[ \n]+" " " text "${text}") # CMake breaks lines where it likes
  set(${output} "${text}" PARENT_SCOPE)
endfunction()

# The core of a machine without Torch: a find_package(Torch) would find nothing here, and with REQUIRED fail.
ask(text -D CMAKE_DISABLE_FIND_PACKAGE_Torch=ON)
if(NOT status EQUAL 0)
  message(SEND_ERROR "the core alone is not found: ${text}")
elseif(text MATCHES "Caffe2|Found Torch")
  message(SEND_ERROR "the core alone looks for Torch: ${text}")
endif()

ask(text -D CMAKE_DISABLE_FIND_PACKAGE_Torch=ON -D COMPONENTS=torch)
if(status EQUAL 0 OR NOT text MATCHES "torch")
  message(SEND_ERROR "the component torch without LibTorch: ${text}")
endif()

# The same without OpenSSL.
ask(text -D CMAKE_DISABLE_FIND_PACKAGE_OpenSSL=ON -D COMPONENTS=llm)
if(status EQUAL 0 OR NOT text MATCHES "llm needs OpenSSL")
  message(SEND_ERROR "the component llm without OpenSSL: ${text}")
endif()

ask(text -D COMPONENTS=nonesuch)
if(status EQUAL 0 OR NOT text MATCHES "without the component nonesuch")
  message(SEND_ERROR "a component that does not exist: ${text}")
endif()

ask(text -D CMAKE_DISABLE_FIND_PACKAGE_nlohmann_json=ON)
if(status EQUAL 0 OR NOT text MATCHES "nlohmann_json")
  message(SEND_ERROR "without nlohmann_json: ${text}")
endif()
