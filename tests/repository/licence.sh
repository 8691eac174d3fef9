#!/usr/bin/env bash
# SPDX-License-Identifier: BSL-1.0
set -euo pipefail
cd "$1"
read -r sum _ < <(tr -s '[:space:]' ' ' <LICENSE | sha256sum)
[ "$sum" = 16b5cbad500d0dcc91d9351d9fd8c0d0913197074ade1b5186cb0dc318228792 ] || { echo 'LICENSE is not the text of the Boost Software License 1.0'; exit 1; }
faults=0
while read -r file; do
  head -n 3 "$file" | grep -q 'SPDX-License-Identifier: BSL-1.0' || { echo "$file does not name its licence"; faults=1; }
done < <(find include src tests examples benchmarks .ci CMakeLists.txt -type f \
  \( -name '*.?pp' -o -name '*.sh' -o -name '*.cmake' -o -name '*.in' -o -name CMakeLists.txt -o -name run \))
exit "$faults"
