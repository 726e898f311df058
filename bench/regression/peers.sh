#!/bin/sh
# Makes the Python environment of the peers in bench/regression/.venv.
# apache-otava comes without its dependencies: its analysis needs numpy and scipy only.
set -eu
cd "$(dirname "$0")"
python3 -m venv .venv
grep -v otava requirements.txt > .venv/plain.txt
grep otava requirements.txt > .venv/alone.txt
.venv/bin/pip install --quiet -r .venv/plain.txt
.venv/bin/pip install --quiet --no-deps -r .venv/alone.txt
