#!/bin/sh
# Creates the virtual environments of the conformance tests and prints the one that runs pytest.
#
# Idempotent: an environment is keyed by the hash of its requirement file and made once. They lie in
# $FLOWGAUGE_CACHE, else ~/.cache/flowgauge, outside the repository.
set -eu

here=$(CDPATH='' cd -- "$(dirname -- "$0")" && pwd)
cache=${FLOWGAUGE_CACHE:-$HOME/.cache/flowgauge}/conformance
python=${PYTHON:-python3}
mkdir -p "$cache"

# environment NAME: its directory, made where it is missing.
environment() {
    file="$here/$1.txt"
    hash=$(sha256sum "$file" | cut -c1-12)
    dir="$cache/$1-$hash"
    if [ ! -e "$dir/.complete" ]; then
        rm -rf "$dir"
        "$python" -m venv "$dir" >&2
        "$dir/bin/pip" install --quiet --disable-pip-version-check -r "$file" >&2
        : > "$dir/.complete"
    fi
    echo "$dir"
}

main=$(environment requirements)
for kind in otel openinference traceloop json; do
    dir=$(environment "requirements-$kind")
    ln -sfn "$dir" "$cache/$kind"
done
ln -sfn "$main" "$cache/main"
echo "$cache/main"
