# Copyright (c) 2026 lockstep founders
# SPDX-License-Identifier: GPL-3.0-or-later
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""The program that compiles an environment's Python sources: it runs alone, by the environment's own Python.

Its source is handed to ``python -S -s -B -c``; one JSON request on standard input, one JSON answer on standard output.
Compiled files name their source relative to the environment (Python puts the real path in when it loads them), and
carry the hash of the source, unchecked: so they depend on nothing but source, relative path and Python's magic number,
and generations can share them.

This module util is private to the collection.
"""

from __future__ import annotations

import sys

sys.path = [entry for entry in sys.path if entry]

import ctypes  # noqa: E402
import hashlib  # noqa: E402
import importlib.util  # noqa: E402
import json  # noqa: E402
import marshal  # noqa: E402
import os  # noqa: E402
import signal  # noqa: E402
import types  # noqa: E402
import warnings  # noqa: E402

MAGIC = importlib.util.MAGIC_NUMBER
UNCHECKED = (1).to_bytes(4, "little")
CHUNK = 64

prefix = ""
cache = ""
known = {}


def main() -> None:
    """Compile what ``request["sources"]`` lists; answer with the sha256 of every file written.

    A source comes with its sha256 where it is as its package has it, else with None, and with whether it is to be compiled.
    If not, only a compiled file goes that its package brought and that is not of this source.
    """
    import concurrent.futures.process  # not above: the collection imports this file for its text alone
    import multiprocessing

    global prefix, cache
    request = json.load(sys.stdin)
    prefix = request["prefix"]
    cache = os.path.join(request["cache"], "%s-%s" % (sys.implementation.cache_tag, MAGIC.hex()))
    os.makedirs(cache, mode=0o755, exist_ok=True)
    for directory in os.listdir(cache):
        for name in os.listdir(os.path.join(cache, directory)):
            key, dot, digest = name.partition(".")
            if len(digest) == 64:
                known[key] = digest
    sources = request["sources"]
    chunks = [sources[start : start + CHUNK] for start in range(0, len(sources), CHUNK)]
    written = {}
    failed = []
    workers = max(1, min(request["jobs"], len(chunks)))
    fork = multiprocessing.get_context("fork")
    # Not multiprocessing's own Pool: that one waits for ever when a worker is killed.
    with concurrent.futures.ProcessPoolExecutor(workers, fork, _die_with, (os.getpid(),)) as pool:
        try:
            for some, wrong in pool.map(_compile_some, chunks):
                written.update(some)
                failed.extend(wrong)
        except concurrent.futures.process.BrokenProcessPool:
            json.dump({"error": "one of its processes was killed"}, sys.stdout)
            return
    json.dump({"written": written, "failed": sorted(failed)}, sys.stdout)


def _die_with(parent: int) -> None:
    """Have the kernel kill this worker with its parent: it would wait for work for ever (it holds both ends of the queue)."""
    ctypes.CDLL(None).prctl(1, signal.SIGKILL)  # PR_SET_PDEATHSIG
    if os.getppid() != parent:
        os._exit(1)


def _compile_some(sources: list) -> tuple:
    written, failed = {}, []
    warnings.simplefilter("ignore")
    for path, digest, wanted in sources:
        target = _target(path)
        try:
            if _is_fresh(path, target):
                continue
            if wanted:
                written[target] = _compiled(path, digest, target)
            else:
                _discard(target)
        except (SyntaxError, ValueError, RecursionError, UnicodeError):
            # Some packages ship files that are no Python of this version (templates, tests of parsers).
            failed.append(path)
            _discard(target)
    return written, failed


def _discard(target: str) -> None:
    """Remove what the package brought in this place: it is not of this source, and Python might run it unchecked."""
    try:
        os.unlink(os.path.join(prefix, target))
    except FileNotFoundError:
        pass


def _target(path: str) -> str:
    directory, name = os.path.split(path)
    return "%s/__pycache__/%s.%s.pyc" % (directory, name[:-3], sys.implementation.cache_tag)


def _is_fresh(path: str, target: str) -> bool:
    """Tell whether the compiled file that the package brought is of this very source, as Python itself judges it.

    Then it stays: it comes out of the same verified archive as the source, is the same on every host, and a package has
    its files as it was made. By time and size that is known as exactly as the engine keeps times, which are the archive's;
    a patched file has a new time. Whatever else says, a file that need not be checked has to hold the source's hash.
    """
    try:
        with open(os.path.join(prefix, target), "rb") as file:
            header = file.read(16)
    except OSError:
        return False
    if len(header) != 16 or header[:4] != MAGIC:
        return False
    flags = int.from_bytes(header[4:8], "little")
    if flags == 0:
        status = os.stat(os.path.join(prefix, path))
        return header[8:12] == (int(status.st_mtime) & 0xFFFFFFFF).to_bytes(4, "little") and header[12:16] == (
            status.st_size & 0xFFFFFFFF
        ).to_bytes(4, "little")
    return bool(flags & 1) and header[8:16] == importlib.util.source_hash(_read(path))


def _content(path: str) -> bytes:
    # Unbuffered: most of the time of a build that compiles nothing goes into opening small files.
    with open(path, "rb", buffering=0) as file:
        return file.readall()


def _read(path: str) -> bytes:
    return _content(os.path.join(prefix, path))


def _compiled(path: str, digest: str, target: str) -> str:
    """Put the compiled file of ``path`` in its place and return its sha256.

    ``digest``: the source's, or None for a patched file or one of a wheel, which is read.
    """
    if digest is not None:
        return _shared(path, digest, None, target)
    source = _read(path)
    if os.fsencode(prefix) in source:
        return _alone(path, source, target)
    return _shared(path, hashlib.sha256(source).hexdigest(), source, target)


def _alone(path: str, source: bytes, target: str) -> str:
    """Compile for this environment only: the source holds the environment's own path, so no other could use it."""
    data = _compile(source, path)
    place = os.path.join(prefix, target)
    os.makedirs(os.path.dirname(place), mode=0o755, exist_ok=True)
    _write(place, data)
    return hashlib.sha256(data).hexdigest()


def _shared(path: str, digest: str, source: bytes, target: str) -> str:
    """Link the compiled file out of the cache, where it is verified first or made."""
    key = hashlib.sha256(("%s %s" % (digest, path)).encode("utf-8", "surrogateescape")).hexdigest()
    directory = os.path.join(cache, key[:2])
    place = os.path.join(prefix, target)
    if key in known:
        entry = os.path.join(directory, "%s.%s" % (key, known[key]))
        try:
            if hashlib.sha256(_content(entry)).hexdigest() == known[key]:
                _link(entry, place)
                return known[key]
            os.unlink(entry)
        except FileNotFoundError:
            pass
    data = _compile(_read(path) if source is None else source, path)
    content = hashlib.sha256(data).hexdigest()
    entry = os.path.join(directory, "%s.%s" % (key, content))
    os.makedirs(directory, mode=0o755, exist_ok=True)
    _write(entry, data)
    _link(entry, place)
    return content


def _link(entry: str, place: str) -> None:
    try:
        _link_once(entry, place)
    except FileNotFoundError:
        os.makedirs(os.path.dirname(place), mode=0o755, exist_ok=True)
        _link_once(entry, place)


def _link_once(entry: str, place: str) -> None:
    try:
        os.link(entry, place)
    except FileExistsError:
        os.unlink(place)
        os.link(entry, place)
    except FileNotFoundError:
        raise
    except OSError:  # too many links, or a filesystem without them
        _write(place, _content(entry))


def _write(path: str, data: bytes) -> None:
    directory, name = os.path.split(path)
    temporary = os.path.join(directory, ".%s.%d" % (name, os.getpid()))
    with open(temporary, "wb") as file:
        file.write(data)
        os.fchmod(file.fileno(), 0o644)
    os.rename(temporary, path)


def _compile(source: bytes, path: str) -> bytes:
    """Return the content of the .pyc file, the same whenever source and path are.

    marshal writes an object as one that may be referred to again when its reference count is above one, which varies
    with what else the interpreter holds. So everything in reach is held once more while it is written.
    """
    code = compile(source, path, "exec", dont_inherit=True, optimize=0)
    held = _all_of(code)
    data = marshal.dumps(code)
    del held
    return b"".join((MAGIC, UNCHECKED, importlib.util.source_hash(source), data))


def _all_of(code: types.CodeType) -> list:
    """Return a list that refers to everything that marshal reaches from ``code`` through an attribute or item."""
    held = []
    pending = [code]
    while pending:
        item = pending.pop()
        held.append(item)
        if isinstance(item, types.CodeType):
            names = (item.co_names, item.co_varnames, item.co_freevars, item.co_cellvars)
            held.append((names, item.co_name, item.co_filename, getattr(item, "co_qualname", None)))
            for some in names:
                held.extend(some)
            pending.append(item.co_consts)
        elif isinstance(item, (tuple, frozenset)):
            pending.extend(item)
    return held


if __name__ == "__main__":
    try:
        main()
    except OSError as error:  # of a worker too: the disk is full, for instance
        name = " (%s)" % error.filename if error.filename else ""
        json.dump({"error": "%s%s" % (error.strerror or error, name)}, sys.stdout)
