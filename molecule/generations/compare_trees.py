# Copyright (c) 2026 lockstep founders
# SPDX-License-Identifier: GPL-3.0-or-later
"""Runs on a host: compares two trees, path by path, and takes off what may differ.

usage: compare_trees.py OURS THEIRS ALLOWED

ALLOWED: a JSON list of dictionaries with ``path`` (regular expression), ``kind`` (ours: only there; conda: only there;
content, mode, type), ``reason`` and perhaps ``like`` (how contents must be equal all the same). Prints a JSON dictionary:
``paths`` (how many were compared), ``different`` (what is not allowed) and ``used`` (how often each entry of ALLOWED was
needed). Run it by the Python version of the trees: it reads their bytecode.
"""

import hashlib
import json
import marshal
import os
import re
import stat
import sys


def read_tree(root):
    """Return (kind, executable, content) by path; the content of a file is its sha256, of a link its target."""
    found = {}
    for folder, folders, files in os.walk(root):
        for name in folders + files:
            path = os.path.join(folder, name)
            mode = os.lstat(path).st_mode
            if stat.S_ISLNK(mode):
                entry = ("link", False, os.readlink(path))
            elif stat.S_ISDIR(mode):
                entry = ("folder", False, None)
            else:
                with open(path, "rb") as file:
                    entry = ("file", bool(mode & 0o111), hashlib.sha256(file.read()).hexdigest())
            found[os.path.relpath(path, root)] = entry
    return found


def difference(ours, theirs):
    if theirs is None:
        return "ours"
    if ours is None:
        return "conda"
    for kind, one, other in zip(("type", "mode", "content"), ours, theirs):
        if one != other:
            return kind
    return None


def read(root, path):
    with open(os.path.join(root, path), "rb") as file:
        return file.read()


def as_bytecode(content):
    """Return magic number and code; code objects compare equal whatever file name they carry."""
    return content[:4], marshal.loads(content[16:])


LIKE = {"text but for tabs": lambda content: content.replace(b"\t", b"    "), "bytecode": as_bytecode}


def is_allowed(entry, kind, path, roots):
    if entry["kind"] != kind or not re.fullmatch(entry["path"], path):
        return False
    if "like" not in entry:
        return True
    one, other = (LIKE[entry["like"]](read(root, path)) for root in roots)
    return one == other


def main():
    ours, theirs = read_tree(sys.argv[1]), read_tree(sys.argv[2])
    with open(sys.argv[3], encoding="utf-8") as file:
        allowed = json.load(file)
    different, used = [], [0] * len(allowed)
    for path in sorted(ours.keys() | theirs.keys()):
        kind = difference(ours.get(path), theirs.get(path))
        if kind is None:
            continue
        for number, entry in enumerate(allowed):
            if is_allowed(entry, kind, path, sys.argv[1:3]):
                used[number] += 1
                break
        else:
            different.append([kind, path])
    print(json.dumps({"paths": len(ours.keys() | theirs.keys()), "different": different, "used": used}))


if __name__ == "__main__":
    main()
