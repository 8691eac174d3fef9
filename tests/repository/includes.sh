#!/usr/bin/env bash
# SPDX-License-Identifier: BSL-1.0
# A header that pulls in Torch, Beast, OpenSSL or all of nlohmann_json costs every user seconds for every file.
set -euo pipefail
cd "$1"
torch='^ *# *include *[<"](torch|ATen|c10|caffe2)/'
faults=0
# complain_if_any WORDS: prints what comes in, as faults.
complain_if_any() {
  local found
  found=$(cat)
  [ -z "$found" ] || { printf '%s:\n%s\n' "$1" "$found"; faults=1; }
}
complain_if_any 'includes Torch outside its folder' < <(grep -rnE "$torch" include src --include='*.?pp' | grep -vE '^(include/catena|src)/torch/')
complain_if_any 'includes the whole of nlohmann_json' < <(grep -rnE '# *include *[<"]nlohmann/json.hpp' include)
complain_if_any 'a header includes Beast or OpenSSL' < <(grep -rnE '# *include *[<"](boost/beast|boost/asio/ssl|openssl)' include)
complain_if_any 'includes Beast or OpenSSL outside the folder http' < <(grep -rnE '# *include *[<"](boost/beast|boost/asio/ssl|openssl)' src --include='*.?pp' |
  grep -vE '^src/http/')
complain_if_any 'the core includes an adapter' < <(grep -rnE '# *include *[<"]catena/(torch|http|llm|testing)/' include src --include='*.?pp' |
  grep -vE '^(include/catena|src)/(torch|http|llm|testing)/')
complain_if_any 'an adapter includes another one' < <(grep -rnE '# *include *[<"]catena/(torch|llm|testing)/' include/catena/http src/http --include='*.?pp')
# Each file costs 12 seconds and a gigabyte, where it is not compiled as one with others that include it.
complain_if_any 'includes Torch, and is no test of what does' < <(grep -rlE "$torch" tests examples --include='*.?pp' |
  grep -vE '^tests/(torch/|support/saved_modules.hpp|examples/legal_document/summariser_test.cpp)' || true)
exit "$faults"
