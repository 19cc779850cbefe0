# Copyright (c) 2026 lockstep founders
# SPDX-License-Identifier: GPL-3.0-or-later
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Start a registered kernel as an unprivileged user, execute a line in it, and see where it runs.

This module util is private to the collection.
"""

from __future__ import annotations

import contextlib
import json
import os
import pwd
import shutil
import signal
import subprocess
import tempfile
import typing as t

from ansible_collections.lockstep.gpufleet.plugins.module_utils._plan import Problem

# Runs under the environment's own Python with its own jupyter_client (a dependency of ipykernel).
# Only ``folder`` is searched, so that no kernel of the same name elsewhere is started instead.
_PROGRAM = """
import json, sys
from jupyter_client.kernelspec import KernelSpecManager
from jupyter_client.manager import KernelManager
folder, name, limit = sys.argv[1], sys.argv[2], float(sys.argv[3])
specs = KernelSpecManager(kernel_dirs=[folder], ensure_native_kernel=False)
manager = KernelManager(kernel_name=name, kernel_spec_manager=specs)
manager.start_kernel()
said = []
try:
    client = manager.client()
    client.start_channels()
    client.wait_for_ready(timeout=limit)
    def hear(message):
        if message["msg_type"] == "stream":
            said.append(message["content"]["text"])
    code = "import json, sys; print(json.dumps([sys.prefix, sys.version.split()[0]]))"
    reply = client.execute_interactive(code, timeout=limit, output_hook=hear, stop_on_error=True)
    status = reply["content"]["status"]
    client.stop_channels()
finally:
    manager.shutdown_kernel(now=True)
print(json.dumps({"status": status, "said": "".join(said)}))
"""


def verify(name: str, folder: str, prefix: str, user: str | None, seconds: float) -> dict[str, t.Any]:
    """Return the kernel's ``prefix`` and ``python`` version as the kernel itself states them.

    ``folder``: the directory of kernels that holds ``name``. ``prefix``: where the kernel has to run. ``user``: whose
    kernel it is; None means the account nobody. ``seconds``: time limit. Raises Problem with the kernel's last words.
    """
    account = pwd.getpwnam(user or "nobody") if os.geteuid() == 0 else pwd.getpwuid(os.geteuid())
    home = tempfile.mkdtemp(prefix="lockstep-verify-")
    try:
        identity: dict[str, t.Any] = {}
        if os.geteuid() == 0:
            os.chown(home, account.pw_uid, account.pw_gid)
            identity = {"user": account.pw_uid, "group": account.pw_gid, "extra_groups": []}
        python = os.path.join(prefix, "bin", "python")
        try:
            process = subprocess.Popen(  # pylint: disable=consider-using-with
                [python, "-I", "-c", _PROGRAM, folder, name, str(seconds)],
                stdin=subprocess.DEVNULL,
                stdout=subprocess.PIPE,
                stderr=subprocess.PIPE,
                cwd=home,
                env={"HOME": home, "USER": account.pw_name, "PATH": "/usr/bin:/bin", "LANG": "C.UTF-8"},
                start_new_session=True,
                **identity,
            )
        except OSError as error:
            raise Problem(f"Kernel {name!r}: {account.pw_name} cannot start {python}: {error.strerror}.") from None
        try:
            output, errors = process.communicate(timeout=seconds)
        except subprocess.TimeoutExpired:
            raise Problem(f"Kernel {name!r} did not answer within {seconds:g} seconds.") from None
        finally:
            # The kernel is in the session of its starter; nothing of it outlives the check.
            with contextlib.suppress(ProcessLookupError):
                os.killpg(process.pid, signal.SIGKILL)
            process.wait()
        return _read_answer(name, prefix, process.returncode, output, errors)
    finally:
        shutil.rmtree(home, ignore_errors=True)


def _read_answer(name: str, prefix: str, code: int, output: bytes, errors: bytes) -> dict[str, t.Any]:
    try:
        answer = json.loads(output.decode("utf-8").splitlines()[-1])
        said_prefix, python = json.loads(answer["said"])
    except (ValueError, KeyError, IndexError, TypeError):
        words = errors.decode("utf-8", "replace").strip().splitlines()[-1:] or [f"exit status {code}, no message"]
        raise Problem(f"Kernel {name!r} does not run: {words[0]}") from None
    if said_prefix != prefix:
        raise Problem(f"Kernel {name!r} runs in {said_prefix} and not in {prefix}.")
    return {"prefix": said_prefix, "python": python}
