# Copyright (c) 2026 lockstep founders
# SPDX-License-Identifier: GPL-3.0-or-later
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""What makes shells and Pythons stay in the generation in which they start, though they come by the link.

This module util is private to the collection.
"""

from __future__ import annotations

import inspect
import os
import shlex

from ansible_collections.lockstep.gpufleet.plugins.module_utils._conda import startup_program
from ansible_collections.lockstep.gpufleet.plugins.module_utils._conda.prefix_files import python_libraries, write_new

#: conda runs the scripts of a folder sorted by name, backwards when it deactivates: ours comes first and goes last, so that
#: packages' scripts find the generation in CONDA_PREFIX.
SCRIPT = "00-lockstep-generation.sh"

#: The module in site-packages, and the files that make Python call it before and after all others of their kind: what
#: those add to sys.path and import in between still has the name by which Python was reached.
MODULE = "_lockstep_generation"
LINES = ("00-lockstep-generation.pth", "~lockstep-generation.pth")

# POSIX shell, run by the user's own: bash, zsh, dash. Only variables of ours are left behind, and no option may be assumed
# (set -eu, zsh's). conda has exported PATH, CONDA_PREFIX and CONDA_SHLVL before.
_ACTIVATE = """\
# Made by Ansible (lockstep.gpufleet.conda_env). What is activated stays in this generation when the link is switched.
_lockstep_link={link}
_lockstep_prefix={prefix}
_lockstep_level=${{CONDA_SHLVL:-1}}
if [ "${{CONDA_PREFIX-}}" = "$_lockstep_link" ] || [ "${{CONDA_PREFIX-}}" -ef "$_lockstep_prefix" ]; then
    _lockstep_head=:${{PATH}}:
    _lockstep_tail=${{_lockstep_head#*":$CONDA_PREFIX/bin:"}}
    # Once more, after a switch: conda took it for another environment on top. It takes the place of the one below.
    eval "_lockstep_below=\\${{CONDA_PREFIX_$((_lockstep_level - 1))-}}"
    case $_lockstep_below in
        {generations}/*/envs/{name})
            eval "_lockstep_stacked=\\${{CONDA_STACKED_$_lockstep_level-}}"
            if [ -n "$_lockstep_stacked" ]; then
                unset "CONDA_STACKED_$_lockstep_level"
                case :${{_lockstep_tail}} in
                    *":$_lockstep_below/bin:"*)
                        _lockstep_tail=:${{_lockstep_tail}}
                        _lockstep_tail=${{_lockstep_tail%%":$_lockstep_below/bin:"*}}:${{_lockstep_tail#*":$_lockstep_below/bin:"}}
                        _lockstep_tail=${{_lockstep_tail#:}} ;;
                esac
            fi
            _lockstep_level=$((_lockstep_level - 1))
            export CONDA_SHLVL="$_lockstep_level"
            unset "CONDA_PREFIX_$_lockstep_level" _lockstep_stacked ;;
    esac
    case $_lockstep_head in
        *":$CONDA_PREFIX/bin:"*)
            _lockstep_head=${{_lockstep_head%%":$CONDA_PREFIX/bin:"*}}:$_lockstep_prefix/bin:$_lockstep_tail
            _lockstep_head=${{_lockstep_head#:}}
            export PATH="${{_lockstep_head%:}}" ;;
    esac
    export CONDA_PREFIX="$_lockstep_prefix"
fi
{isolate}unset _lockstep_link _lockstep_prefix _lockstep_level _lockstep_head _lockstep_tail _lockstep_below
"""

# Kept by level, as activations can be stacked; a level that comes back from under another one is activated once more.
_ISOLATE = """\
# ~/.local stays out.
eval "_lockstep_kept=\\${_LOCKSTEP_USER_SITE_$_lockstep_level-}"
if [ -z "$_lockstep_kept" ]; then
    if [ -n "${PYTHONNOUSERSITE+x}" ]; then
        export "_LOCKSTEP_USER_SITE_$_lockstep_level=was $PYTHONNOUSERSITE"
    else
        export "_LOCKSTEP_USER_SITE_$_lockstep_level=unset"
    fi
fi
export PYTHONNOUSERSITE=1
unset _lockstep_kept
"""

_DEACTIVATE = """\
# Made by Ansible (lockstep.gpufleet.conda_env). conda restores PATH; this restores PYTHONNOUSERSITE.
_lockstep_level=${CONDA_SHLVL:-1}
eval "_lockstep_kept=\\${_LOCKSTEP_USER_SITE_$_lockstep_level-}"
case $_lockstep_kept in
    unset) unset PYTHONNOUSERSITE ;;
    "was "*) export PYTHONNOUSERSITE="${_lockstep_kept#was }" ;;
esac
unset "_LOCKSTEP_USER_SITE_$_lockstep_level" _lockstep_level _lockstep_kept
"""


def add(prefix: str, link: str, user_site: bool) -> set[str]:
    """Write the scripts of the shells and, if the environment has a Python, its start-up module.

    ``prefix``: ``ROOT/generations/ID/envs/NAME``, under which it is built. ``link``: ``ROOT/envs/NAME``, by which users know
    it. ``user_site``: whether activated shells let ``~/.local`` in.
    Returns the paths written, relative to ``prefix``.
    """
    files = {
        f"etc/conda/activate.d/{SCRIPT}": activate_script(prefix, link, user_site),
        f"etc/conda/deactivate.d/{SCRIPT}": _DEACTIVATE,
    }
    if os.path.exists(f"{prefix}/bin/python"):
        for library in python_libraries(prefix):
            folder = f"{os.path.relpath(library, prefix)}/site-packages"
            files[f"{folder}/{MODULE}.py"] = inspect.getsource(startup_program)
            for name in LINES:
                files[f"{folder}/{name}"] = f"import {MODULE}; {MODULE}.stay()\n"
    return write_new(prefix, files)


def activate_script(prefix: str, link: str, user_site: bool) -> str:
    """Return the script that conda has a shell run when the environment is activated."""
    generations = os.path.dirname(os.path.dirname(os.path.dirname(prefix)))
    return _ACTIVATE.format(
        link=_unlike_a_prefix(link),
        prefix=_unlike_a_prefix(prefix),
        generations=shlex.quote(generations),
        name=shlex.quote(os.path.basename(prefix)),
        isolate="" if user_site else _ISOLATE,
    )


def _unlike_a_prefix(path: str) -> str:
    """Return ``path`` quoted for a shell, in two pieces.

    ``conda create --clone`` copies files of no package and writes the copy's prefix over the original's. In one piece the
    script of a copy would take the copy for the link, and lead its users into the shared generation.
    """
    return shlex.quote(os.path.dirname(path)) + "/''" + shlex.quote(os.path.basename(path))
