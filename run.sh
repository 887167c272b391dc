#!/bin/sh
# Builds svcproxy where the sources are newer than the last build, and runs it: ./run.sh ARGS is svcproxy ARGS, ./run.sh is the demo.
set -eu

# What is built must not be writable by others: the program refuses plugins that are.
umask 022

here=$(CDPATH='' cd -- "$(dirname -- "$0")" && pwd)
program=$here/artifacts/svcproxy/svcproxy
built=$here/artifacts/svcproxy.built

if ! command -v dotnet >/dev/null 2>&1; then
    if [ -x "${HOME:-}/.dotnet/dotnet" ]; then
        PATH=$HOME/.dotnet:$PATH
    else
        echo "run.sh: the .NET 10 SDK is needed and there is no 'dotnet' in PATH; see https://dotnet.microsoft.com/download" >&2
        exit 1
    fi
fi

# The program looks for the runtime in the usual places only; it may be elsewhere.
if [ -z "${DOTNET_ROOT:-}" ]; then
    DOTNET_ROOT=$(dirname -- "$(readlink -f -- "$(command -v dotnet)")")
    export DOTNET_ROOT
fi

export DOTNET_NOLOGO=1 DOTNET_CLI_TELEMETRY_OPTOUT=1

# Folders count as well as files: a file that was deleted leaves its trace there.
is_current() {
    [ -x "$program" ] && [ -e "$built" ] || return 1
    for part in "$here"/Abstractions "$here"/Core "$here"/Netlink "$here"/Host "$here"/Backends.* "$here"/Plugins.* "$here"/Sources.* \
        "$here"/build "$here"/Directory.* "$here"/global.json; do
        [ -e "$part" ] || continue
        [ -z "$(find "$part" -newer "$built" -print -quit)" ] || return 1
    done
}

if ! is_current; then
    if ! (cd "$here" && dotnet --version) >/dev/null 2>&1; then
        echo "run.sh: the .NET SDK that global.json asks for is missing:" >&2
        (cd "$here" && dotnet --version) >&2 || true
        exit 1
    fi
    echo "run.sh: building svcproxy (a minute the first time) ..." >&2
    if ! mkdir -p "$here/artifacts" 2>/dev/null || ! [ -w "$here/artifacts" ]; then
        echo "run.sh: cannot write to $here/artifacts, where the build goes; run it as $(stat -c %U "$here"), or in a copy of your own" >&2
        exit 1
    fi
    touch "$built.started"
    log=$here/artifacts/run.log
    if ! (cd "$here" && dotnet build build/svcproxy.proj -c Release -v minimal -nodeReuse:false) >"$log" 2>&1; then
        cat "$log" >&2
        echo "run.sh: the build failed, see above" >&2
        exit 1
    fi
    # What was edited while the build ran is newer than this, and built next time.
    mv "$built.started" "$built"
fi

[ $# -gt 0 ] || set -- demo

# In a clone, the manifests to edit are the clone's.
if [ "$1" = demo ]; then
    case " $* " in
        *" --manifests"* | *" --help "* | *" -h "* | *" -? "*) ;;
        *)
            shift
            set -- demo --manifests "$here/samples/quickstart" "$@"
            ;;
    esac
fi

exec "$program" "$@"
