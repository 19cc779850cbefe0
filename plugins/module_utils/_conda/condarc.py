# Copyright (c) 2026 lockstep founders
# SPDX-License-Identifier: GPL-3.0-or-later
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""The two system files that make a base known to conda and to login shells.

This module util is private to the collection. Everything here is pure.
"""

from __future__ import annotations

import json
import shlex
import typing as t

MARK = "# Written by lockstep.gpufleet.miniconda: changes here are overwritten.\n"
"""First line of our files; a file without it is somebody else's."""

CONDARC = "/etc/conda/condarc"
"""Read by conda, mamba and micromamba for every user, before the base's and the user's own."""

HOOK = "/etc/profile.d/lockstep-conda.sh"
"""Read by /etc/profile in login shells."""


def render_condarc(settings: t.Mapping[str, t.Any]) -> str:
    """Return a condarc with ``settings``; lists stand one item a line, all else as JSON, which is YAML too."""
    lines = [MARK]
    for name, value in settings.items():
        if isinstance(value, (list, tuple)) and value:
            lines.append("%s:\n" % name)
            lines.extend("  - %s\n" % _scalar(item) for item in value)
        else:
            lines.append("%s: %s\n" % (name, _scalar(value)))
    return "".join(lines)


def _scalar(value: t.Any) -> str:
    """Return ``value`` in YAML's flow style."""
    return json.dumps(value, ensure_ascii=False, sort_keys=True)


def render_hook(prefix: str) -> str:
    """Return the profile snippet that makes ``conda activate`` work through the link ``prefix``."""
    script = shlex.quote(prefix + "/etc/profile.d/conda.sh")
    return "%sif [ -r %s ]; then\n    . %s\nfi\n" % (MARK, script, script)


def is_ours(text: str | None) -> bool:
    """Say whether a file's text was written by us."""
    return text is not None and text.startswith(MARK)
