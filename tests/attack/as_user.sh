#!/usr/bin/env bash
# The attacks once more as an ordinary user, when root runs the tests: user namespaces, identity maps and the ways to
# bound memory differ. Says why, and succeeds, where that cannot be done.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/../.."

skip() {
    echo "the attacks are not run as another user: $1"
    exit 0
}

[ "$(id -u)" = 0 ] || skip "this is an ordinary user already"
command -v setpriv >/dev/null || skip "there is no setpriv"
as_user=(setpriv --reuid=65534 --regid=65534 --clear-groups)

version="$(.venv/bin/python -c 'import sys; print("{}.{}".format(*sys.version_info))')"
for python in "$(realpath .venv/bin/python)" "/usr/bin/python$version" "/usr/local/bin/python$version" ""; do
    [ -n "$python" ] || skip "no Python $version that other users may run"
    # It must start itself: a first start may still use what setpriv has left of root's rights.
    "${as_user[@]}" "$python" -c 'import os, sys; os.execv(sys.executable, [sys.executable, "-c", ""])' 2>/dev/null && break
done
"${as_user[@]}" test -r src/ocinterp/types.py || skip "other users may not read this folder"

home="$(mktemp -d)"
trap 'rm -rf "$home"' EXIT
chown 65534:65534 "$home"
PYTHONPATH="$PWD/src:$PWD/.venv/lib/python$version/site-packages" HOME="$home" TMPDIR="$home" PYTHONDONTWRITEBYTECODE=1 \
    "${as_user[@]}" "$python" -m pytest -q -p no:cacheprovider tests/attack tests/sandboxes/test_totals.py tests/sandboxes/test_pool.py "$@"
