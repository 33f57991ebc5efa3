#!/usr/bin/env bash
# A Ray cluster of this one machine, on loopback: `ray.sh start FOLDER` prints its address; `ray.sh stop FOLDER`;
set -euo pipefail
# with a token, since anyone who can reach a cluster can run code on it
command=${1:?start or stop} folder=$(realpath -m "${2:?a folder for its state, with a short path}")
export RAY_ENABLE_WINDOWS_OR_OSX_CLUSTER=0  # Ray's switch for loopback, on every system
export RAY_AUTH_MODE=token RAY_AUTH_TOKEN_PATH="$folder/token"

case "$command" in
start)
    mkdir -p "$folder"
    python3 -c 'import secrets; print(secrets.token_hex(32))' > "$RAY_AUTH_TOKEN_PATH"
    nohup ray start --head --block --node-ip-address=127.0.0.1 --port=0 --num-cpus="$(nproc --all)" --temp-dir="$folder" \
        --include-dashboard=false --disable-usage-stats > "$folder/ray.log" 2>&1 < /dev/null &
    echo $! > "$folder/ray.pid"
    for _ in $(seq 1000); do
        grep -q "Ray runtime started" "$folder/ray.log" && break
        sleep 0.2
    done
    cat "$folder/ray_current_cluster"
    ;;
stop)
    kill "$(cat "$folder/ray.pid")"
    while kill -0 "$(cat "$folder/ray.pid")" 2>/dev/null; do sleep 0.2; done
    ;;
esac
