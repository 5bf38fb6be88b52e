#!/usr/bin/env bash
# Formats the C++ files that git knows with the clang-format version of requirements/format.txt.
# usage: scripts/format.sh [--check] [FILE...]     --check changes nothing and fails where a file would change
#        scripts/format.sh --available             succeeds where that version is installed
source "$(dirname "$0")/env.sh"

mode=(-i)
if [[ ${1:-} == --check ]]; then
  mode=(--dry-run --Werror)
  shift
fi
version=$(sed -n 's/^clang-format==//p' requirements/format.txt)
formatter=""
for candidate in "$VENV/bin/clang-format" clang-format "clang-format-${version%%.*}"; do
  if [[ $("$candidate" --version 2>/dev/null) == *"version ${version%%.*}."* ]]; then
    formatter=$candidate
    break
  fi
done
if [[ ${1:-} == --available ]]; then
  [[ -n $formatter ]]
  exit
fi
[[ -n $formatter ]] || die "clang-format ${version%%.*} is missing: run scripts/setup.sh format"

if (($#)); then
  files=("$@")
else
  mapfile -t files < <(git ls-files -- '*.h' '*.cpp' ':!:fuzz/corpus')
fi
((${#files[@]} == 0)) || "$formatter" "${mode[@]}" --style=file "${files[@]}"
