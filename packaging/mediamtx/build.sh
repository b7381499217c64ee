#!/bin/sh
# Builds the pinned MediaMTX from its Go module with the ordinary Go client.
# Used by setup.sh where the official release archive cannot be reached.
# Usage: build.sh OUTPUT   (GOARCH may be set to cross-build)
set -eu

out=$(realpath -m "$1")
here=$(cd "$(dirname "$0")" && pwd)
work=$(dirname "$out")/mediamtx-src
module=github.com/bluenviron/mediamtx
hls_sha256=1f28c6a43deedddbd59aea4c119bd788f5e2347772c19da1f6f92f8d0032d9dc

mkdir -p "$work"
cp "$here/go.mod" "$here/go.sum" "$work/"
cd "$work"
# The vendored tree lacks the files that the release process embeds, which is
# what -e passes over; the three steps below put them in place.
go mod vendor -e 2>vendor.log || { cat vendor.log >&2; exit 1; }
version=$(go list -m -mod=mod -f '{{.Version}}' "$module")
source_dir=$(go list -m -mod=mod -f '{{.Dir}}' "$module")
hls=$(tr -d 'v\n' < "$source_dir/internal/servers/hls/hlsjsdownloader/VERSION")
printf '%s' "$version" > "vendor/$module/internal/core/VERSION"
npm install --prefix "$work/hlsjs" --no-save --ignore-scripts --no-audit --no-fund --silent "hls.js@$hls"
echo "$hls_sha256  hlsjs/node_modules/hls.js/dist/hls.min.js" | sha256sum -c --quiet -
cp hlsjs/node_modules/hls.js/dist/hls.min.js "vendor/$module/internal/servers/hls/"
camera="vendor/$module/internal/staticsources/rpicamera/mtxrpicam_64"
mkdir -p "$camera"
echo 'not bundled' > "$camera/README"
CGO_ENABLED=0 go build -mod=vendor -trimpath -ldflags='-s -w' -o "$out" "$module"
