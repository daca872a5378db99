#!/bin/sh
# Makes sure that there is a Chromium for the browser tests: the one that $CHROMIUM names, one on PATH, or, as root, Debian's.
# Without one the tests skip themselves and say so at their end; under CI=true this fails.
set -u
if [ -n "${CHROMIUM:-}" ]; then
    [ -x "$CHROMIUM" ] && exit 0
    echo "CHROMIUM=$CHROMIUM is not a program that can be run." >&2
    exit 1
fi
for name in chromium chromium-browser google-chrome; do
    command -v "$name" >/dev/null && exit 0
done
if [ "$(id -u)" = 0 ] && command -v apt-get >/dev/null; then
    echo "Installing Chromium for the browser tests (once; about a minute) ..."
    log=$(mktemp)
    if apt-get update >"$log" 2>&1 &&
        DEBIAN_FRONTEND=noninteractive apt-get install -y --no-install-recommends chromium fonts-dejavu-core >>"$log" 2>&1; then
        rm -f "$log"
        exit 0
    fi
    tail -n 5 "$log" >&2
    rm -f "$log"
fi
case "${CI:-}" in
    true | 1)
        echo "No Chromium: install chromium, or set CHROMIUM to its path. With CI=$CI the browser tests may not be skipped." >&2
        exit 1
        ;;
esac
exit 0
