#!/usr/bin/env bash
# The page in a real browser against the demo. Needs FLOWGAUGE_BIN; `cargo xtask test browser` sets it.
set -euo pipefail
cd "$(dirname "$0")"
: "${FLOWGAUGE_BIN:?the flowgauge binary under test}"
export FLOWGAUGE_CACHE="${FLOWGAUGE_CACHE:-$HOME/.cache/flowgauge}"
modules="$FLOWGAUGE_CACHE/browser-$(sha256sum package-lock.json | cut -c1-12)"
if [ ! -d "$modules/node_modules" ]; then
  mkdir -p "$modules"
  cp package.json package-lock.json "$modules/"
  (cd "$modules" && npm ci --silent --no-audit --no-fund)
fi
ln -sfn "$modules/node_modules" node_modules
node --test unit/*.test.mjs

log=$(mktemp)
"$FLOWGAUGE_BIN" demo --listen 127.0.0.1:0 --speed 10 2> "$log" &
demo=$!
trap 'kill "$demo" 2> /dev/null; wait "$demo" 2> /dev/null; rm -f "$log"' EXIT
until FLOWGAUGE_URL=$(sed -n 's/^flowgauge demo on //p' "$log") && [ -n "$FLOWGAUGE_URL" ]; do
  kill -0 "$demo" 2> /dev/null || { cat "$log"; exit 1; }
  read -rt 0.1 <> <(:) || true
done
export FLOWGAUGE_URL
node run.mjs
