#!/usr/bin/env bash
# Plants each fault of faults.tsv and sees whether its test catches it: `run.sh [AREA|KIND …]`, all unless named.
#
# First every test must pass as things stand, so that none counts as a catch that fails anyway. A fault that does not
# compile is no fault. Files are put back whatever happens. `page` needs what tests/conformance/setup.sh makes, and the
# programs of a build; CARGO is the cargo to call.
set -uo pipefail
cd "$(dirname "$0")/../.."
: "${CARGO:=cargo}" "${FLOWGAUGE_CACHE:=$HOME/.cache/flowgauge}"
built="${CARGO_TARGET_DIR:-$PWD/target}/debug"
export FLOWGAUGE_BIN="${FLOWGAUGE_BIN:-$built/flowgauge}" SCRIPTED_UPSTREAM_BIN="${SCRIPTED_UPSTREAM_BIN:-$built/scripted-upstream}"
saved=$(mktemp) said=$(mktemp) planted=
restore() { [ -z "$planted" ] || cp -- "$saved" "$planted"; planted=; }
trap 'restore; rm -f "$saved" "$said"' EXIT

check() { # KIND TEST
    # shellcheck disable=SC2086 # a filter of several words is several words
    case $1 in
        logic) $CARGO test -q -p flowgauge-logic --lib $2 ;;
        names) $CARGO test -q -p flowgauge-logic --test guide_names $2 ;;
        it) $CARGO test -q -p flowgauge -p flowgauge-testkit -p flowgauge-store -p flowgauge-sql -p flowgauge-pdf --test it $2 ;;
        unit) $CARGO test -q -p flowgauge -p flowgauge-testkit -p flowgauge-store -p flowgauge-sql -p flowgauge-pdf --lib $2 ;;
        xtask) $CARGO run -q -p xtask -- test $2 && echo '1 passed' ;;
        node) node --test "$2" ;;
        python) python3 -m unittest discover "$2" 2>&1 ;;
        page) (cd tests/conformance && "$FLOWGAUGE_CACHE/conformance/main/bin/python" -m pytest -q -p no:cacheprovider $2) ;;
        *) echo "no kind $1"; return 2 ;;
    esac > "$said" 2>&1
}
ran() { grep -qE '[1-9][0-9]* passed|pass [1-9]|^Ran [1-9]' "$said"; }

wanted() { # AREA KIND
    [ ${#only[@]} -eq 0 ] && return 0
    local one
    for one in "${only[@]}"; do [ "$one" = "$1" ] || [ "$one" = "$2" ] && return 0; done
    return 1
}

only=("$@") faults=() failed=0 caught=0
while IFS=$'\t' read -r area file from to kind test; do
    case $area in '#'*|'') continue ;; esac
    wanted "$area" "$kind" && faults+=("$area"$'\t'"$file"$'\t'"$from"$'\t'"$to"$'\t'"$kind"$'\t'"$test")
done < tests/mutations/faults.tsv

for fault in "${faults[@]}"; do
    IFS=$'\t' read -r area file from to kind test <<< "$fault"
    if ! check "$kind" "$test" || ! ran; then
        echo "not usable  $area: $test does not pass as things stand"; tail -n 20 "$said"; exit 2
    fi
done
for fault in "${faults[@]}"; do
    IFS=$'\t' read -r area file from to kind test <<< "$fault"
    [ "$to" = @ ] && to=
    cp -- "$file" "$saved" && planted=$file
    FROM=$from TO=$to perl -0pi -e 's/\Q$ENV{FROM}\E/$ENV{TO}/' "$file"
    if cmp -s "$file" "$saved"; then
        echo "no place    $area: $file does not have it"; failed=1
    elif check "$kind" "$test"; then
        echo "MISSED      $area: $test"; failed=1
    elif grep -q 'could not compile' "$said"; then
        echo "no program  $area: it does not compile"; failed=1
    else
        echo "caught      $area: $test"; caught=$((caught + 1))
    fi
    restore
done
echo "$caught of ${#faults[@]} faults caught"
exit "$failed"
