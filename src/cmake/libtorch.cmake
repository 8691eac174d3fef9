# SPDX-License-Identifier: BSL-1.0
# Defines catena::libtorch where LibTorch is found. In a function: Torch's package sets dozens of variables.
function(catena_find_libtorch)
  if(TARGET catena::libtorch)
    return()
  endif()
  set(CMAKE_FIND_PACKAGE_TARGETS_GLOBAL ON)
  find_package(Torch 1.13 QUIET)
  if(NOT Torch_FOUND)
    return()
  endif()
  add_library(catena::libtorch INTERFACE IMPORTED GLOBAL)
  # TORCH_LIBRARIES holds each library twice, as a file and as a target; the target knows its own needs.
  target_link_libraries(catena::libtorch INTERFACE torch)
endfunction()
catena_find_libtorch()
