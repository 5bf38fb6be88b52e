#!/usr/bin/env bash
# Installs what is missing: Debian packages, and a virtual environment in .venv. Does nothing where nothing is missing.
# usage: scripts/setup.sh [test] [format] [clang]     what to install beyond the build and the demo
# PYTHON names the interpreter that the virtual environment is made from (default: python3).
source "$(dirname "$0")/env.sh"

groups=("$@")
for group in "${groups[@]}"; do
  case $group in
    test | format | clang) ;;
    *) die "setup.sh: unknown group '$group' (test, format, clang)" ;;
  esac
done
wants() { [[ " ${groups[*]} " == *" $1 "* ]]; }

debian_lists=(requirements/debian.txt requirements/debian-images.txt)
# Packages that the build goes without.
optional=$(sed -n 's/^\([a-z0-9.+-]*\) .*/\1/p' requirements/debian-images.txt | paste -sd ' ')
if wants clang; then debian_lists+=(requirements/debian-clang.txt); fi

# The packages of the lists whose command, header or Python part is not there, one a line.
missing_packages() {
  local package kind what probe=""
  while read -r package kind what; do
    case $kind in
      command) command -v "$what" >/dev/null || echo "$package" ;;
      python)
        if [[ $what == *.h ]]; then
          "$PYTHON" -c "import os, sys, sysconfig
sys.exit(not os.path.exists(os.path.join(sysconfig.get_path('include'), '$what')))" || echo "$package"
        else
          "$PYTHON" -c "import $what" 2>/dev/null || echo "$package"
        fi
        ;;
      header) probe+="#if !__has_include(<$what>)"$'\n'"missing $package"$'\n'"#endif"$'\n' ;;
      *) die "setup.sh: '$package' has no probe" ;;
    esac
  done < <(grep -hv '^#' "${debian_lists[@]}")
  if command -v g++ >/dev/null; then
    g++ -E -P -x c++ - <<<"$probe" | sed -n 's/^missing //p' | tr -d ' '
  else
    sed -n 's/^missing //p' <<<"$probe"
  fi
}

install_packages() {
  local as_root=()
  if [[ $(id -u) -ne 0 ]]; then
    command -v sudo >/dev/null && { [[ -t 0 ]] || sudo -n true 2>/dev/null; } || return 1
    as_root=(sudo)
  fi
  command -v apt-get >/dev/null || return 1
  echo "setup: apt-get install $*"
  local log
  log=$(mktemp)
  if ! { "${as_root[@]}" apt-get update -qq &&
    "${as_root[@]}" env DEBIAN_FRONTEND=noninteractive apt-get install -qq -y --no-install-recommends "$@"; } \
    >"$log" 2>&1 </dev/null; then
    cat "$log" >&2
    rm -f "$log"
    return 1
  fi
  rm -f "$log"
}

command -v "$PYTHON" >/dev/null || die "Oriel needs $PYTHON; as root: apt-get install python3"

cmake_from_pypi=false
mapfile -t missing < <(missing_packages)
if ((${#missing[@]})); then
  needed=()
  extras=()
  for package in "${missing[@]}"; do
    if [[ " $optional " == *" $package "* ]]; then extras+=("$package"); else needed+=("$package"); fi
  done
  if ((${#needed[@]})); then install_packages "${needed[@]}" || true; fi
  if ((${#extras[@]})); then install_packages "${extras[@]}" 2>/dev/null || true; fi
  hash -r
  mapfile -t missing < <(missing_packages)
  # Without Debian's, the build tools alone can come from PyPI.
  others=()
  for package in "${missing[@]}"; do
    case " $optional " in
      *" $package "*) echo "setup: $package is missing, ImageDecoder will have no codecs" ;;
      *) [[ $package == cmake || $package == ninja-build ]] && cmake_from_pypi=true || others+=("$package") ;;
    esac
  done
  if ((${#others[@]})); then
    die "Debian packages are missing; as root: apt-get install ${others[*]}"
  fi
fi

if ! "$VENV/bin/python" -c "import pip" 2>/dev/null; then
  echo "setup: virtual environment in .venv"
  rm -rf "$VENV"
  "$PYTHON" -m venv "$VENV"
fi
version=$("$VENV/bin/python" -c 'import sys; print("%d.%d" % sys.version_info[:2], int(sys.version_info >= (3, 11)))')
[[ $version == *" 1" ]] || die "the pinned requirements need Python 3.11 or newer; .venv has ${version% *} (choose with PYTHON=...)"

# install_group NAME FILE...: installs requirement files unless exactly these were installed before.
install_group() {
  local name=$1 stamp="$VENV/.stamp-$1" key files=()
  shift
  key=$(sha256sum "$@")
  [[ -f $stamp && $(<"$stamp") == "$key" ]] && return
  echo "setup: Python packages of $*"
  for file in "$@"; do files+=(-r "$file"); done
  "$VENV/bin/python" -m pip install --quiet --disable-pip-version-check "${files[@]}"
  printf '%s\n' "$key" >"$stamp"
}

install_group build requirements/build.txt requirements/demo.txt
if $cmake_from_pypi; then install_group cmake requirements/cmake.txt; fi
if wants test; then install_group test requirements/test.txt; fi
if wants format; then install_group format requirements/format.txt; fi
