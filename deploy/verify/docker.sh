#!/usr/bin/env bash
# Builds deploy/Dockerfile and runs what comes out, on a machine without a Docker engine: Debian's mmdebstrap makes a
# base image, buildah builds, podman with runc runs it as in production (read-only, no capabilities, not root), and a
# conversation is held before and after a restart. Needs Debian or Ubuntu, root, "npm ci" done, and 3 GB below $TMPDIR.
# Nothing is left behind. The exit code is 0 only if every line says ok.
set -uo pipefail
cd "$(dirname "$(readlink -f "${BASH_SOURCE[0]}")")/../.." || exit 1

suite=bookworm
mirror=${DEBIAN_MIRROR:-http://deb.debian.org/debian}
node=$PWD/node_modules/node/bin/node
name=talon-verify-$$
ready_seconds=60
stop_seconds=20

fail() {
  printf 'FAILED: %s\n' "$*"
  exit 1
}

[ "$(id -u)" -eq 0 ] || fail 'this needs root: buildah and runc make namespaces and mounts'
for program in mmdebstrap buildah podman runc curl npm; do
  command -v "$program" >/dev/null ||
    fail "$program is missing: apt-get install --no-install-recommends mmdebstrap buildah podman runc curl npm"
done
[ -x "$node" ] || fail "$node is missing: npm ci"

work=$(mktemp -d)
# Storage of its own, so that no image or container of this machine is seen or touched.
storage=(--root "$work/storage" --runroot "$work/run" --storage-driver "${STORAGE_DRIVER:-overlay}")
podman=(podman "${storage[@]}" --cgroup-manager cgroupfs --runtime runc)

cleanup() {
  local status=$?
  "${podman[@]}" rm --force --time 5 "$name" >/dev/null 2>&1
  buildah "${storage[@]}" rm --all >/dev/null 2>&1
  umount "$work/storage/overlay" 2>/dev/null
  rm -rf "$work"
  exit "$status"
}
trap cleanup EXIT
trap 'exit 130' INT TERM

step() { printf '\n== %s\n' "$*"; }
ok() { printf 'ok: %s\n' "$*"; }

# expect <what> <command ...>: the command succeeds.
expect() {
  local what=$1 output
  shift
  output=$("$@" 2>&1) || fail "$what: $output"
  ok "$what${output:+: ${output:0:200}}"
}

# refuse <what> <command ...>: the command fails.
refuse() {
  local what=$1
  shift
  if "$@" >/dev/null 2>&1; then fail "$what"; fi
  ok "$what"
}

inside() { "${podman[@]}" exec "$name" "$@"; }

# The base: Debian with Node and npm where the official image has them.
make_base() {
  local npm root=$work/base
  npm=$(dirname "$(dirname "$(readlink -f "$(command -v npm)")")")
  mmdebstrap --quiet --variant=minbase --include=libstdc++6 "$suite" "$root" "$mirror" || fail 'mmdebstrap'
  mkdir -p "$root/usr/local/lib/node_modules"
  install -m 0755 "$node" "$root/usr/local/bin/node" || fail 'Node could not be copied'
  cp -rL "$npm" "$root/usr/local/lib/node_modules/npm" || fail 'npm could not be copied'
  ln -s ../lib/node_modules/npm/bin/npm-cli.js "$root/usr/local/bin/npm"
  local container
  container=$(buildah "${storage[@]}" from scratch) &&
    buildah "${storage[@]}" add --quiet "$container" "$root" / >/dev/null &&
    buildah "${storage[@]}" commit --quiet --rm "$container" "localhost/$name-base" >/dev/null || fail 'the base image'
  rm -rf "$root"
}

# How this machine reaches its registry, for the build alone: npm's own settings, and the authorities that it trusts.
build_image() {
  {
    printf "registry=%s\n" "$(npm config get registry 2>/dev/null)"
    cat "$(npm config get userconfig 2>/dev/null)" 2>/dev/null
    [ -e /etc/ssl/certs/ca-certificates.crt ] && printf 'cafile=/etc/ssl/certs/ca-certificates.crt\n'
  } >"$work/npmrc"
  chmod 0600 "$work/npmrc"
  buildah "${storage[@]}" bud --quiet --isolation chroot --network host --format docker \
    --build-arg "BASE=localhost/$name-base" --secret "id=npmrc,src=$work/npmrc" \
    --volume /etc/ssl/certs:/etc/ssl/certs:ro --ulimit nofile=20000:20000 \
    --file deploy/Dockerfile --tag "localhost/$name" . >"$work/build.log" 2>&1 || fail "$(tail -n 40 "$work/build.log")"
}

# Starts the container and waits until it says where to sign in.
start() {
  "${podman[@]}" run --detach --name "$name" --read-only --tmpfs /tmp:rw,nosuid,nodev,size=64m --cap-drop ALL \
    --security-opt no-new-privileges --network host --ulimit nofile=20000:20000 --ulimit nproc=4096:4096 \
    --no-healthcheck --stop-timeout "$stop_seconds" --volume "$name-data:/data" \
    --volume "$work/token:/run/secrets/talon_token:ro" --env TALON_TOKEN_FILE=/run/secrets/talon_token \
    --env TALON_PORT="$port" "localhost/$name" >/dev/null || fail 'podman run'
  for ((i = 0; i < ready_seconds * 10; i++)); do
    "${podman[@]}" logs "$name" 2>/dev/null | grep -q '/login#code=' && return
    [ "$("${podman[@]}" inspect --format '{{.State.Running}}' "$name")" = true ] || break
    sleep 0.1
  done
  fail "not ready: $("${podman[@]}" logs "$name" 2>&1 | tail -n 20)"
}

# Stops it as an orchestrator does, with SIGTERM; it must end by itself, with 0.
stop() {
  "${podman[@]}" stop --time "$stop_seconds" "$name" >/dev/null || fail 'podman stop'
  local code
  code=$("${podman[@]}" inspect --format '{{.State.ExitCode}}' "$name")
  [ "$code" = 0 ] || fail "SIGTERM ends it with $code: $("${podman[@]}" logs "$name" 2>&1 | tail -n 20)"
  ok 'SIGTERM ends it with exit code 0'
  "${podman[@]}" rm "$name" >/dev/null || fail 'podman rm'
}

free_port() {
  "$node" -e 'const s = require("net").createServer().listen(0, "127.0.0.1", () => { console.log(s.address().port); s.close() })'
}

# The first sign-in link of this start, as a browser uses it: the code for a cookie, and a page with that.
sign_in() {
  local code
  code=$("${podman[@]}" logs "$name" 2>/dev/null | grep -Eo '/login#code=[A-Za-z0-9_-]+' | head -n 1 | cut -d= -f2)
  curl -fsS -c "$work/cookies" -H "Origin: $url" -H 'Content-Type: application/json' \
    -d "{\"code\":\"$code\"}" -o /dev/null "$url/api/v1/auth/exchange" &&
    curl -fsS -b "$work/cookies" "$url/sessions" | grep -qi '<!doctype html>'
}

api() { curl -fsS -H "Authorization: Bearer $(cat "$work/token")" "$url/api/v1/$1"; }
status_field() { inside grep -E "^$1:" /proc/1/status | tr -s '\t ' ' '; }
is() { [ "$1" = "$2" ] && printf '%s' "$1" || { printf 'is "%s", not "%s"' "$1" "$2"; return 1; }; }

step "Base image: Debian $suite, Node $("$node" --version)"
make_base
ok 'made'

step 'Build: deploy/Dockerfile'
build_image
ok "$("${podman[@]}" image inspect --format '{{.Size}}' "localhost/$name" | numfmt --to=si)B with its base of $(
  "${podman[@]}" image inspect --format '{{.Size}}' "localhost/$name-base" | numfmt --to=si)B"
expect 'the account is a number' is "$("${podman[@]}" image inspect --format '{{.User}}' "localhost/$name")" 10001:10001

step 'First start: read-only, no capabilities, not root'
# The account of the container reads it, and nobody else on this machine gets below the folder.
"$node" -p 'require("crypto").randomBytes(32).toString("hex")' >"$work/token"
chmod 0444 "$work/token"
port=$(free_port)
url=http://127.0.0.1:$port
start
ok "ready at $url"
expect 'process 1 is the init' inside cat /proc/1/comm
expect 'it runs as 10001' is "$(status_field Uid)" 'Uid: 10001 10001 10001 10001'
expect 'it has no capabilities' is "$(status_field CapEff)" 'CapEff: 0000000000000000'
expect 'it can gain none' is "$(status_field NoNewPrivs)" 'NoNewPrivs: 1'
refuse 'the root file system cannot be written' inside touch /app/probe
refuse 'no development packages are in it' inside sh -c 'ls -d /app/node_modules/vite /app/node_modules/node'
refuse 'no settings of the build are in it' inside sh -c 'ls -a /root/.npmrc /app/.npmrc'
expect 'the health command' inside node /app/healthcheck.mjs
expect 'GET /readyz' curl -fsS "$url/readyz"
expect 'sign in with the link' sign_in
expect 'talk' inside sh -c 'talon chat -m "Is anybody in this container?" 2>/dev/null'
expect 'its own command line' inside sh -c 'talon status | head -n 1'
session=$(api sessions | grep -Eo '"id":"[^"]+"' | head -n 1 | cut -d'"' -f4)
before=$(api "sessions/$session/messages")
expect 'the answer is stored' grep -q 'offline: Is anybody in this container?' <<<"$before"
stop

step 'Second start: the same volume, a new container'
start
after=$(api "sessions/$session/messages")
[ "$after" = "$before" ] || fail "the conversation is not there: $after"
ok 'the conversation is there, word for word'
expect 'the health command' inside node /app/healthcheck.mjs
stop
printf '\nEverything is ok.\n'
