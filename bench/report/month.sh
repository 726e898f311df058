#!/bin/sh
# How long `report monthly --all` takes over a month of many calls, and how much memory: at most 5 s and 300 MB RSS
# are promised over 30 million. Fills a data directory once and keeps it.
#
#   bench/report/month.sh [calls [directory]]
set -eu
calls=${1:-30000000}
dir=${2:-target/bench-report}
cargo build --release -p flowgauge
[ -d "$dir" ] || cargo run --release -p flowgauge-store --example panel -- "$calls" "$dir" 31
out=$(mktemp -d)
trap 'rm -rf "$out"' EXIT
binary=${CARGO_TARGET_DIR:-target}/release/flowgauge
for round in 1 2 3; do
  /usr/bin/time -f "round $round: %e s, %M kB" \
    "$binary" --data-dir "$dir" report monthly --all --month 2023-12 --output-dir "$out" >/dev/null
done
ls -l "$out"
