"""A machine that forbids namespaces, made by a user namespace in which no further one may be."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from ocinterp.errors import SandboxError, UsageError
from ocinterp.sandboxes import probe
from ocinterp.sandboxes.limits import Resources
from ocinterp.sandboxes.ns import landlock

FORBIDDEN = 'echo 0 > /proc/sys/user/max_user_namespaces && exec "$0" "$@"'
COMMAND = "import sys; sys.argv[0] = 'ocinterp'; from ocinterp.cli.main import main; main()"


def where_forbidden(tmp_path: Path, *arguments: str, stdin: str = "") -> subprocess.CompletedProcess[str]:
    """Run a command of ours where namespaces are refused."""
    unshare = shutil.which("unshare")
    if unshare is None:
        pytest.skip("no unshare(1) here to make such a machine with")
    environ = {**os.environ, "OCINTERP_DATA": str(tmp_path), "PYTHONPATH": os.pathsep.join(filter(None, sys.path))}
    line = [unshare, "--user", "--map-root-user", "sh", "-c", FORBIDDEN, sys.executable, "-c", COMMAND, *arguments]
    done = subprocess.run(line, env=environ, input=stdin, capture_output=True, text=True, timeout=60, check=False)
    if "max_user_namespaces" in done.stderr and "ermission" in done.stderr:
        pytest.skip(f"such a machine cannot be made here: {done.stderr}")
    return done


def test_doctor_says_why_there_are_no_namespaces_and_what_would_help(tmp_path: Path) -> None:
    done = where_forbidden(tmp_path, "doctor")
    lines = [line for line in done.stdout.splitlines() if line.lstrip().startswith("sandbox")]
    assert [line.split(":")[0].split()[-1] for line in lines] == list(probe.ISOLATING)
    assert "sysctl user.max_user_namespaces" in lines[0]
    assert done.returncode == (0 if "→" in done.stdout.partition("limits")[0] else 1)


def test_a_tier_that_is_forbidden_does_not_run_in_another(tmp_path: Path) -> None:
    refused = where_forbidden(tmp_path, "exec", "-", "--sandbox", "ns", stdin="print('ran')")
    assert (refused.returncode, refused.stdout) == (3, "")
    assert refused.stderr.count("\n") == 1
    assert "ocinterp doctor" in refused.stderr
    assert where_forbidden(tmp_path, "exec", "-", "--sandbox", "unsafe", stdin="print('ran')").stdout == "ran\n"


def test_where_namespaces_are_forbidden_the_next_tier_isolates_and_a_line_says_so(tmp_path: Path) -> None:
    if not landlock.abi():
        pytest.skip("this kernel has no Landlock")
    source = "import os\nprint('ran', os.path.isdir('/etc') and os.listdir('/etc'))"
    done = where_forbidden(tmp_path, "exec", "-", stdin=source)
    assert done.returncode == 1
    assert "PermissionError" in done.stderr
    assert done.stderr.splitlines()[0].startswith("ocinterp: namespaces are refused here")
    assert "landlock sandbox" in done.stderr


async def test_the_probe_runs_a_real_cell() -> None:
    finding = await probe.probe()
    if not finding.works:
        pytest.skip(finding.why)
    assert finding.tier == "ns"


def test_an_unknown_tier_is_refused_by_name() -> None:
    with pytest.raises(UsageError, match="no sandbox 'docker'"):
        probe.sandbox_named("docker", Resources())


def test_a_system_without_a_tier_is_refused_in_a_sentence(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(probe.platform, "system", lambda: "Plan9")
    with pytest.raises(SandboxError, match="no isolation is available on Plan9"):
        probe.sandbox_named("auto", Resources())
    assert probe.sandbox_named("unsafe", Resources()).name == "unsafe"
