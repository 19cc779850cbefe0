# Copyright (c) 2026 lockstep founders
# SPDX-License-Identifier: GPL-3.0-or-later
"""Writes a conda package whose ``index.json`` asks for a glibc of the future, and an explicit list that names it.

usage: needy_package.py FOLDER
"""

from __future__ import annotations

import hashlib
import pathlib
import sys

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[2] / "tests"))

from testbed.channel.archive import Member, Package, write  # noqa: E402

folder = pathlib.Path(sys.argv[1])
members = {"share/needy.txt": Member(b"needy\n"), "bin/.needy-pre-link.sh": Member(b"#!/bin/sh\n", executable=True)}
package = Package("needy", "1.0", "h0_0", "linux-64", members, ["__glibc >=2.99", "__linux >=99"])
archive = write(package, folder)
digest = hashlib.sha256(archive.read_bytes()).hexdigest()
text = f"# platform: linux-64\n@EXPLICIT\nfile:///var/tmp/channel/linux-64/{archive.name}#{digest}\n"
(folder / "needy.txt").write_text(text, encoding="utf-8")
