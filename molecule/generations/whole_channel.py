# Copyright (c) 2026 lockstep founders
# SPDX-License-Identifier: GPL-3.0-or-later
"""Writes locks that together name every archive of the bed's channel that a linux-64 host can have.

usage: whole_channel.py CHANNEL_FOLDER CHANNEL_URL GOAL

As few environments as there are archives of one name; each has explicit.txt (sha256) and explicit-md5.txt (for conda 24.7.1).
Prints their names as JSON.
"""

from __future__ import annotations

import json
import pathlib
import sys


def main() -> None:
    channel, url, goal = pathlib.Path(sys.argv[1]), sys.argv[2], pathlib.Path(sys.argv[3])
    by_name: dict[str, list[dict[str, str]]] = {}
    for subdir in ("linux-64", "noarch"):
        index = json.loads((channel / subdir / "repodata.json").read_text(encoding="utf-8"))
        for file_name, record in sorted((index["packages"] | index["packages.conda"]).items()):
            by_name.setdefault(record["name"], []).append(record | {"url": f"{url}/{subdir}/{file_name}"})
    names = []
    for number in range(max(map(len, by_name.values()))):
        chosen = [records[number] for records in by_name.values() if len(records) > number]
        if number:
            chosen += by_name["python"][:1]
        # Python first: noarch packages are linked into its site-packages.
        chosen.sort(key=lambda record: (record["name"] != "python", record["name"]))
        names.append(f"whole_{number + 1}")
        folder = goal / names[-1]
        folder.mkdir(parents=True, exist_ok=True)
        for name, digest in (("explicit.txt", "sha256"), ("explicit-md5.txt", "md5")):
            lines = [f"{record['url']}#{record[digest]}" for record in chosen]
            (folder / name).write_text("\n".join(["# platform: linux-64", "@EXPLICIT", *lines, ""]), encoding="utf-8")
    print(json.dumps(names))


if __name__ == "__main__":
    main()
