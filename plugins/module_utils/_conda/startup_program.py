# Copyright (c) 2026 lockstep founders
# SPDX-License-Identifier: GPL-3.0-or-later
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Keeps this Python in the generation that its program lies in, whatever link it was reached by.

Made by Ansible (lockstep.gpufleet.conda_env), which switches environments by changing a link: without this, a program
that was started through the link would find what it imports later in another generation. A line in ``.pth`` files calls
``stay`` first of all and last of all; so it costs microseconds, needs nothing but ``os`` and never raises.
"""

# No import from __future__: it would read another file at every start.
import os
import sys

_reached_as = []


def stay():
    """Make Python's paths those of the generation; nothing if the program lies in none, or Python's home is elsewhere."""
    try:
        program = os.readlink("/proc/self/exe")
        _stay(program)
    except Exception:  # pylint: disable=broad-except  # whatever it is, Python works without this
        pass


def _stay(program):
    own = _split(program)
    if own is None:
        return
    if not _reached_as:
        _reached_as.append(sys.base_prefix)
    spelled = _reached_as[0]
    if _split(spelled + "/") is None:
        prefix = _real_name(spelled, own)
        if prefix is not None:
            _move(spelled, prefix, program)


def _split(path):
    """Return (root, id, name) of the generation of ours that ``path`` lies in, or None."""
    parts = path.split("/")
    for number in range(len(parts) - 4):
        if parts[number] == "generations" and parts[number + 2] == "envs" and _is_id(parts[number + 1]):
            return "/".join(parts[:number]), parts[number + 1], parts[number + 3]
    return None


def _is_id(text):
    return len(text) >= 16 and not text[:16].strip("0123456789abcdef") and (text[16:] + "-")[0] == "-"


def _real_name(spelled, own):
    """Return the prefix of the generation ``own``, as it was built; None if ``spelled`` is no way to that environment."""
    target = os.path.realpath(spelled)
    try:
        link = os.readlink(spelled)
        if _split(link + "/"):
            target = link  # as the environment's own files spell it, even if the store's root is a link itself
    except OSError:
        pass
    at = _split(target + "/")
    if at is None or at[2] != own[2]:
        return None
    # The link may have been switched since the program was started: the program decides.
    return "/".join((at[0], "generations", own[1], "envs", own[2]))


def _move(spelled, prefix, program):
    """Replace ``spelled`` by ``prefix`` in all that Python looks at; what belongs to a virtual environment stays.

    A virtual environment that is made from here names the generation: its processes, too, must not be switched.
    """

    def moved(path):
        if isinstance(path, str) and (path == spelled or path.startswith(spelled + "/")):
            return prefix + path[len(spelled) :]
        return path

    alone = sys.prefix == sys.base_prefix
    for name in (
        *("prefix", "exec_prefix", "base_prefix", "base_exec_prefix", "executable", "_base_executable"),
        *("_home", "_stdlib_dir"),
    ):
        if hasattr(sys, name):
            setattr(sys, name, moved(getattr(sys, name)))
    if alone and sys.executable and not sys.executable.startswith(prefix + "/"):
        if os.path.realpath(sys.executable) == program:  # reached by a link to the program
            sys.executable = prefix + "/bin/" + os.path.basename(program)
    sys.path[:] = dict.fromkeys(map(moved, sys.path))
    site = sys.modules.get("site")
    if site is not None:
        site.PREFIXES[:] = map(moved, site.PREFIXES)
    for module in list(sys.modules.values()):
        names = getattr(module, "__dict__", {})
        if "__file__" in names:
            names["__file__"] = moved(names["__file__"])
        if isinstance(names.get("__path__"), list):  # such as encodings, which looks for its parts later
            names["__path__"][:] = map(moved, names["__path__"])
