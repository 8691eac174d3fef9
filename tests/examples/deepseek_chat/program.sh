#!/usr/bin/env bash
# SPDX-License-Identifier: BSL-1.0
# program.sh CHAT SERVER: talks through the example with a server that says the same to everybody.
set -euo pipefail
chat=$1
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
complain() { printf '%s\n' "$*" "$(cat "$folder"/* 2>/dev/null)" >&2; exit 1; }

status=0
env -u DEEPSEEK_API_KEY "$chat" < /dev/null > "$folder/out" 2> "$folder/err" || status=$?
[ "$status" = 2 ] || complain "without a key it exits with $status"
grep -q 'DEEPSEEK_API_KEY' "$folder/err" || complain 'without a key it does not say what to set'
"$chat" --help > "$folder/out"
grep -q -- '--provider' "$folder/out" || complain 'it does not help'

mkfifo "$folder/close"
"$2" 'Hello, whoever you are.' < "$folder/close" > "$folder/url" &
server=$!
exec 3> "$folder/close"
while ! grep -q . "$folder/url"; do kill -0 "$server" || complain 'the server is gone'; sleep 0.05; done
printf 'who am I?\n/cost\n/undo\n/undo\n/nonsense\nand now?\n/quit\nnever asked\n' |
  "$chat" --provider generic --url "$(cat "$folder/url")" > "$folder/out" 2> "$folder/err" || complain "it fails with $?"
exec 3>&-
wait "$server"
cat > "$folder/expected" <<'END'
> Hello, whoever you are.
> 1 answers; read 5 tokens, of which the server knew 0 %; wrote 10; cost 0
> taken back
> there is nothing to take back
> /undo, /cost and /quit are known
> Hello, whoever you are.
END
diff "$folder/expected" <(head -n 6 "$folder/out") || complain 'it says something else'
