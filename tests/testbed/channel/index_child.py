# Copyright (c) 2026 lockstep founders
# SPDX-License-Identifier: GPL-3.0-or-later
"""Indexes a channel with py-rattler. Standard input: ``{"channel": folder}``. Standard output: ``null``."""

from __future__ import annotations

import asyncio
import json
import os
import pathlib
import sys

from rattler.index import index_fs


def main() -> None:
    """Write ``repodata.json`` of every folder of the channel."""
    request = json.load(sys.stdin)
    # Without force a rebuilt file of the same name is not read again.
    asyncio.run(index_fs(pathlib.Path(request["channel"]), force=True, write_shards=False))
    print("null", flush=True)
    os._exit(0)  # py-rattler can crash while it is torn down


if __name__ == "__main__":
    main()
