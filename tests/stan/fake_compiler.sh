#!/bin/sh
# Stands in for g++: notes what it is asked for, takes FAKE_SLEEP_S seconds, and fails as FAKE_FAILURE says.
if [ "$1" = --version ]; then
  echo "fake 1.0"
  exit 0
fi
# Whether it knows a flag: all but those that FAKE_REFUSES names.
case $* in *-fsyntax-only*) [ "$1" != "${FAKE_REFUSES:-}" ]; exit ;; esac
for argument in "$@"; do
  [ "$previous" = -o ] && output=$argument
  case $argument in *.cpp) source=$argument ;; esac
  previous=$argument
done
echo "$$ ${source:-link} $*" >> "$FAKE_LOG"
sleep "${FAKE_SLEEP_S:-0}"
case ${FAKE_FAILURE:-} in
  disk) echo "fatal error: error writing to x.s: No space left on device" >&2; exit 1 ;;
  memory) echo "g++: fatal error: Killed signal terminated program cc1plus" >&2; exit 1 ;;
  # What it says of a program that calls a function whose header is left out.
  rare) case $* in *lean_model_header.hpp*)
    echo "model.cpp:7:3: error: 'ode_rk45' is not a member of 'stan::math'" >&2; exit 1 ;; esac ;;
  code) echo "model.cpp:7:3: error: 'nonsense' was not declared" >&2; exit 1 ;;
esac
echo compiled > "$output"
