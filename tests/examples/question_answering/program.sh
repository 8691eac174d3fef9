#!/usr/bin/env bash
# SPDX-License-Identifier: BSL-1.0
# program.sh PROGRAM DATA CHECK [SERVER]: asks question_answering as its users do. Each CHECK is one promise; SERVER says the same to everybody.
set -euo pipefail
program=$1 data=$2 check=$3 server=${4:-}
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
cd "$folder"
unset DEEPSEEK_API_KEY OPENAI_API_KEY
text=$data/gpl-3.0.txt

die() { echo "$check: $*" >&2; cat out err >&2 2>/dev/null; exit 1; }
says() { grep -qF -- "$1" out || die "it does not say '$1'"; }

# refuses WORDS ARGUMENT...: exit status 2, and the message holds the words.
refuses() {
  local words=$1 status=0
  shift
  "$program" "$@" </dev/null >out 2>err || status=$?
  [ "$status" = 2 ] || die "exit status $status instead of 2 for: $*"
  grep -qF -- "$words" err || die "the message does not say '$words'"
}

case $check in
  quotation)
    mkdir -p texts/below
    cp "$text" texts/below/licence.txt
    cp "$text" texts/copy.txt
    printf 'Cats sleep for sixteen hours a day.\n\nDogs sleep for twelve.\n' >texts/animals.md
    printf 'nobody reads this zebra\n' >texts/.hidden.txt
    printf 'caf\xe9 \xff\n' >texts/latin.txt
    printf '%s\n' 'How long do cats sleep?' 'hello there' /sources 'What is a zebra?' 'What does it mean to convey a covered work?' /quit 'never asked' |
      "$program" --llm none texts >out 2>err || die "fails with $?"
    says '“Cats sleep for sixteen hours a day.'
    says '[1] texts/animals.md, '
    says 'Hello. Ask me about the texts.'
    says 'texts/below/licence.txt'
    says 'The texts say nothing about that.'
    says '“A "covered work" means either the unmodified Program or a work based on the Program.” ['
    says '[1] texts/below/licence.txt, § 0: '
    [ "$(grep -c '“A "covered work" means' out)" = 1 ] || die 'it says the same twice, where there are copies'
    grep -qF "left out: 'texts/latin.txt' is not UTF-8" err || die 'what was left out is not told'
    [ "$(grep -c '^> ' out)" = 6 ] || die 'it asks on behind /quit'
    "$program" --llm none --question 'Who may convey verbatim copies?' "$text" >out 2>err || die "fails with $?"
    says "$text, § 4: "
    ;;
  refusals)
    refuses FOLDER_OR_FILE --llm none
    refuses 'does not exist' --llm none no/such/file
    refuses 'there is no text' --llm none "$folder"
    refuses --no-such-option --no-such-option "$text"
    refuses --question "$text" --question
    "$program" --help >out 2>err || die 'does not help'
    says --llm
    ;;
  key)
    refuses DEEPSEEK_API_KEY "$text"
    refuses '--llm none' "$text"
    refuses OPENAI_API_KEY --provider openai "$text"
    refuses nonsense --provider nonsense "$text"
    ;;
  citations)
    mkfifo close
    "$server" 'You may convey verbatim copies [1, 9]. Nobody else may [9]. See [sic].' <close >url &
    pid=$!
    exec 3>close
    while ! grep -q . url; do kill -0 "$pid" || die 'the server is gone'; sleep 0.05; done
    "$program" --llm "$(cat url)" --model m --question 'Who may convey verbatim copies?' "$text" >out 2>err || die "fails with $?"
    exec 3>&-
    wait "$pid"
    [ "$(head -n 1 out)" = 'You may convey verbatim copies [1]. Nobody else may. See [sic].' ] || die 'the answer is another one'
    says '(Taken out, as no such passage was given: [9].)'
    says "[1] $text, § 4: "
    ! grep -q '^\[2\]' out || die 'it lists what was not cited'
    "$program" --llm "$(cat url)" --question 'Who may convey verbatim copies?' "$text" >out 2>err || die "fails with $? when nobody listens"
    grep -q 'ask: model: cannot connect' err || die 'why is not told'
    says '(The model is away: these are the passages that fit best, in their own words.)'
    says "[1] $text, § 4: "
    ;;
  *) die 'no such check' ;;
esac
