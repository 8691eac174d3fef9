# SPDX-License-Identifier: BSL-1.0
# Defines catena::xxhash where xxHash is found. Debian ships neither a CMake package nor a find module for it.
if(TARGET catena::xxhash)
  return()
endif()
find_path(XXHASH_INCLUDE_DIR xxhash.h)
find_library(XXHASH_LIBRARY xxhash)
mark_as_advanced(XXHASH_INCLUDE_DIR XXHASH_LIBRARY)
if(XXHASH_INCLUDE_DIR AND XXHASH_LIBRARY)
  add_library(catena::xxhash UNKNOWN IMPORTED GLOBAL)
  set_target_properties(catena::xxhash PROPERTIES IMPORTED_LOCATION "${XXHASH_LIBRARY}"
                                                  INTERFACE_INCLUDE_DIRECTORIES "${XXHASH_INCLUDE_DIR}")
endif()
