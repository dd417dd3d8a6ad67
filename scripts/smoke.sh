#!/usr/bin/env bash
# Starts the server of an installation, in an empty environment and another folder, asks it for the
# responses of the shipped model to the shipped picture, and stops it with SIGTERM.
# Usage: smoke.sh PREFIX
set -euo pipefail
prefix=$(cd "${1:?usage: smoke.sh PREFIX}" && pwd)
work=$(mktemp -d)
server=
trap '[ -z "$server" ] || kill "$server"; rm -rf "$work"' EXIT

cd /
env -i "$prefix/bin/striate" serve --listen 127.0.0.1:0 >"$work/out" 2>"$work/log" &
server=$!
for _ in $(seq 100); do
    url=$(sed -n 's/^striate answers on \(http:[^ ]*\).*/\1/p' "$work/out")
    [ -n "$url" ] && break
    kill -0 "$server" 2>/dev/null || { cat "$work/out" "$work/log" >&2; exit 1; }
    sleep 0.1
done
[ -n "$url" ] || { echo "smoke: the server did not start in 10 s" >&2; exit 1; }

check() { # name, wanted text, command
    local got
    got=$("${@:3}") || { echo "smoke: $1 failed" >&2; exit 1; }
    case $got in
    *"$2"*) echo "smoke: $1 ok" ;;
    *) echo "smoke: $1 gave ${got:0:300}, not $2" >&2; exit 1 ;;
    esac
}
check healthz alive curl -fsS "$url/healthz"
check readyz '"ready"' curl -fsS "$url/readyz"
check models voneblock curl -fsS "$url/api/v1/models"
check openapi.yaml openapi: curl -fsS "$url/openapi.yaml"
check docs swagger-ui curl -fsS "$url/docs/"
check metrics striate_sessions curl -fsS "$url/metrics"
# The command that the server prints.
check activations '' bash -c "cd '$work' && $(sed -n 's/^try: //p' "$work/out") -sS --fail"
check 'array of the V1 layer' "(1, 512, 56, 56)" bash -c "head -c 128 '$work/v1.npy' | tr -d '\\000'"

kill -TERM "$server"
wait "$server" || { echo "smoke: the server ended with status $?" >&2; cat "$work/log" >&2; exit 1; }
server=
echo "smoke: stopped cleanly"
