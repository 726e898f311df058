#!/bin/sh
# Pages and open streams over many calls. Fills a data directory once and keeps it; 10 million calls of a month unless said.
#
#   bench/page/run.sh [calls [directory]]
#
# Promised: each page can be used within 1 s, no request takes the server over 200 ms, 50 open pages cost at most 5 % of a core.
set -eu
calls=${1:-10000000}
dir=${2:-target/bench-page}
cd "$(dirname "$0")/../.."
binary=${FLOWGAUGE_BIN:-}
if [ -z "$binary" ]; then
  cargo build --release -p flowgauge
  binary=${CARGO_TARGET_DIR:-target}/release/flowgauge
fi
[ -d "$dir" ] || cargo run --release -p flowgauge-store --example panel -- "$calls" "$dir" 31
log=$(mktemp)
port=${PORT:-4390}
# The month is long past: nothing of it is to age meanwhile.
"$binary" serve --data-dir "$dir" --listen "127.0.0.1:$port" --set=retention.raw=100000d --set=retention.minutes=100000d \
  --set=retention.hours=100000d 2>"$log" &
server=$!
trap 'kill "$server" 2>/dev/null; wait "$server" 2>/dev/null; rm -f "$log"' EXIT
base=http://127.0.0.1:$port
curl -sf --retry 60 --retry-connrefused --retry-delay 1 -o /dev/null "$base/-/ready" || { cat "$log"; exit 1; }
failed=0
# The last day of the filled month, then all of it.
node bench/page/pages.mjs "$base" 2023-12-30T12:00:00Z 2023-12-31T12:00:00Z || failed=1
node bench/page/pages.mjs "$base" 2023-12-01T00:00:00Z 2023-12-31T12:00:00Z || failed=1
node bench/page/streams.mjs "$server" "$base" 50 "${SECONDS_EACH:-30}" || failed=1
exit "$failed"
