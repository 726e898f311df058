#!/usr/bin/env bash
# Real SDKs and instrumentations against the real binary. Needs FLOWGAUGE_BIN, SCRIPTED_UPSTREAM_BIN and PROMETHEUS_STATES_BIN; `cargo xtask test conformance` sets them.
set -euo pipefail
cd "$(dirname "$0")"
: "${FLOWGAUGE_BIN:?the flowgauge binary under test}" "${SCRIPTED_UPSTREAM_BIN:?the scripted upstream}" "${PROMETHEUS_STATES_BIN:?the example prometheus_states}"
export FLOWGAUGE_CACHE="${FLOWGAUGE_CACHE:-$HOME/.cache/flowgauge}"
venv=$(sh ./setup.sh)
exec "$venv/bin/python" -m pytest -q -p no:cacheprovider .
