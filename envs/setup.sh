#!/bin/sh
# Builds the virtual environments of the named toolsets: sh envs/setup.sh workflow detector
#
# What is already there with the right pins is left alone, so this is safe to interrupt and to
# repeat. Python is $PYTHON, or the newest of python3.13 … python3.11, or python3; naming another
# $PYTHON builds again.
set -eu
cd "$(dirname "$0")/.."

folder() { # where a toolset's environment lives
    if [ "$1" = workflow ]; then echo .venv; else echo ".venvs/$1"; fi
}

version() {
    "$1" --version 2>&1
}

finds_library() { # the line by which its Python finds scripts/darkroom
    for path in "$(folder "$1")"/lib/python3*/site-packages/darkroom.pth; do
        [ -f "$path" ] && return
    done
    return 1
}

ready() { # built from the pins as they are, with a Python that is still there and the chosen one
    python=$(folder "$1")/bin/python
    cmp -s "envs/$1.txt" "$(folder "$1")/pins.txt" && [ -x "$python" ] && finds_library "$1" &&
        { [ -z "${PYTHON:-}" ] || [ "$(version "$python")" = "$(version "$PYTHON")" ]; }
}

new_enough() {
    "$1" -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null
}

refuse() {
    echo "darkroom needs Python 3.11 or newer, and $1." >&2
    echo "Install one (Debian, Ubuntu: apt install python3 python3-venv; macOS: brew install python)" >&2
    echo "or name one that is there: make setup PYTHON=/path/to/python3" >&2
    exit 1
}

missing=
for toolset in "$@"; do
    ready "$toolset" || missing="$missing $toolset"
done
[ -n "$missing" ] || exit 0

if [ -n "${PYTHON:-}" ]; then
    command -v "$PYTHON" >/dev/null 2>&1 || refuse "PYTHON=$PYTHON is not a program"
    new_enough "$PYTHON" || refuse "PYTHON=$PYTHON is $(version "$PYTHON")"
    chosen=$PYTHON
else
    chosen=
    found=
    for candidate in python3.13 python3.12 python3.11 python3; do
        command -v "$candidate" >/dev/null 2>&1 || continue
        if new_enough "$candidate"; then
            chosen=$candidate
            break
        fi
        # A version manager's stand-in for a version that is not active answers with an error.
        "$candidate" -c '' 2>/dev/null && found=$(version "$candidate")
    done
    [ -n "$chosen" ] || refuse "${found:+the python3 here is }${found:-there is no python3 here}"
fi
# shellcheck disable=SC2086  # toolsets are words
exec "$chosen" envs/venvs.py $missing
