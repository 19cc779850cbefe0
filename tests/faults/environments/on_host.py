# Copyright (c) 2026 lockstep founders
# SPDX-License-Identifier: GPL-3.0-or-later
"""What attacks on environments do on the host itself; read by ``python3 -`` on its console, so standard library only.

It judges a store by its files alone, with nothing of the code under test.

    observe ROOT NAME     say as JSON what is there, what is wrong with it, and what should not be there
    strike ROOT PLAN      wait until a run holds the store's lock, and then for the moment; do the harm; say what was struck
"""

from __future__ import annotations

import contextlib
import hashlib
import json
import os
import pathlib
import signal
import stat
import subprocess
import sys
import time

PATIENCE = 60.0

#: What may lie in /tmp: systemd's and X11's folders, and what Ansible unpacks modules to (it stays when they are killed).
EXPECTED_TEMPORARY = ("systemd-private-", ".X11-unix", ".XIM-unix", ".ICE-unix", ".font-unix", ".Test-unix", "ansible_")

#: Files that are locked, ours and the engine's: that they lie there means nothing.
LOCKS = (".lock", ".cache.lock")


def sha256(path: pathlib.Path) -> str:
    """Return the hash of a file."""
    digest = hashlib.sha256()
    with open(path, "rb") as file:
        for chunk in iter(lambda: file.read(1 << 20), b""):
            digest.update(chunk)
    return digest.hexdigest()


def names(directory: pathlib.Path) -> list[str]:
    """Return the names in a directory, none if there is no such directory."""
    return sorted(os.listdir(directory)) if directory.is_dir() else []


def damage(generation: pathlib.Path, name: str) -> list[str]:
    """Return how a sealed generation differs from its tree.json: every path, every hash, every mode."""
    tree = (generation / "tree.json").read_bytes()
    if hashlib.sha256(tree).hexdigest() != json.loads((generation / "seal.json").read_text())["tree"]:
        return ["tree.json is not the one that was sealed"]
    prefix = generation / "envs" / name
    sealed = {row[0]: row for row in json.loads(tree)}
    found = {str(path.relative_to(prefix)) for path in prefix.rglob("*")}
    wrong = [f"not sealed: {path}" for path in sorted(found - sealed.keys())]
    for path, kind, mode, size, content in sealed.values():
        place = prefix / path
        try:
            status = place.lstat()
        except FileNotFoundError:
            wrong.append(f"missing: {path}")
            continue
        if kind == "l":
            good = stat.S_ISLNK(status.st_mode) and os.readlink(place) == content
        elif kind == "d":
            good = stat.S_ISDIR(status.st_mode) and stat.S_IMODE(status.st_mode) == mode
        else:
            good = stat.S_ISREG(status.st_mode) and (stat.S_IMODE(status.st_mode), status.st_size) == (mode, size)
            good = good and sha256(place) == content
        if not good:
            wrong.append(f"not as sealed: {path}")
    return wrong


def litter(root: pathlib.Path) -> list[str]:
    """Return what no run may leave behind."""
    found = [f"cache/tmp/{name}" for name in names(root / "cache/tmp")]
    for folder in (".", "envs", "holds", "history", "generations", "cache", "cache/packages", "engine"):
        found += [f"{folder}/{name}" for name in names(root / folder) if name.startswith(".") and name not in LOCKS]
    for name in names(root / "generations"):
        if not (root / "generations" / name / "seal.json").is_file():
            found.append(f"generations/{name} without a seal")
        found += [f"generations/{name}/{one}" for one in names(root / "generations" / name) if one.startswith(".")]
    for digest in names(root / "cache/archives"):
        files = names(root / "cache/archives" / digest)
        if len(files) != 1 or sha256(root / "cache/archives" / digest / files[0]) != digest:
            found.append(f"cache/archives/{digest}: {files}")
    for path in (root / "cache/bytecode").rglob("*"):
        if path.name.startswith(".") or (path.is_file() and not path.stat().st_size):
            found.append(str(path.relative_to(root)))
    jobs = pathlib.Path("/run/lockstep-jobs")
    found += [str(jobs / name) for name in names(jobs)]
    temporary = [name for name in names(pathlib.Path("/tmp")) if not name.startswith(EXPECTED_TEMPORARY)]
    return found + [f"/tmp/{name}" for name in temporary]


def verified(archives: pathlib.Path) -> list[str]:
    """Return the sha256 of the archives that are whole."""
    found = []
    for digest in names(archives):
        files = [archives / digest / name for name in names(archives / digest) if not name.startswith(".")]
        if files and sha256(files[0]) == digest:
            found.append(digest)
    return found


def processes() -> set[str]:
    """Return the ids of all processes."""
    return {name for name in os.listdir("/proc") if name.isdigit()}


def holders(root: pathlib.Path, ignore: frozenset[str] = frozenset()) -> list[int]:
    """Return the processes that hold the store's lock, parents first; ``ignore``: those that surely do not."""
    found = []
    for process in (pathlib.Path("/proc") / name for name in processes() - ignore):
        with contextlib.suppress(OSError):
            for descriptor in (process / "fd").iterdir():
                if os.readlink(descriptor) == f"{root}/.lock":
                    if "FLOCK" in (process / "fdinfo" / descriptor.name).read_text():
                        found.append(int(process.name))
                        break
    return sorted(found)


def parent_of(pid: int) -> int:
    """Return the parent of a process, 0 if it is gone."""
    with contextlib.suppress(OSError):
        return int(pathlib.Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[1])
    return 0


def descendants(pid: int) -> list[int]:
    """Return all processes below ``pid``, parents first."""
    parents = {int(name): parent_of(int(name)) for name in processes()}
    found = [pid]
    for one in found:
        found += [child for child, parent in parents.items() if parent == one]
    return found[1:]


def command_of(pid: int) -> str:
    """Return how a process was called, the part that tells programs apart."""
    with contextlib.suppress(OSError):
        return pathlib.Path(f"/proc/{pid}/cmdline").read_bytes().replace(b"\0", b" ").decode("utf-8", "replace")
    return ""


def strangers(root: pathlib.Path) -> list[str]:
    """Return processes that work on the store, apart from the jobs of people."""
    found = []
    for process in map(pathlib.Path("/proc").joinpath, processes()):
        with contextlib.suppress(OSError):
            if "job-of-a-user" in (process / "cgroup").read_text() or int(process.name) == os.getpid():
                continue
            places = [os.readlink(process / link) for link in ("exe", "cwd")]
            places += [os.readlink(path) for path in (process / "fd").iterdir()]
            name = (process / "comm").read_text()
            if name.startswith("lockstep-") or any(place.startswith(f"{root}/") for place in places):
                found.append(f"{process.name} {command_of(int(process.name))[:100]}")
    return found


def observe(root: pathlib.Path, name: str) -> dict:
    """Return what there is."""
    link = root / "envs" / name
    active = os.readlink(link).split("/")[-3] if link.is_symlink() else None
    answer = {"active": active, "litter": litter(root), "strangers": strangers(root), "lock": holders(root)}
    answer["damage"] = damage(root / "generations" / active, name) if active else []
    answer["archives"] = verified(root / "cache/archives")
    answer["trees"] = {}
    for generation in names(root / "generations"):
        with contextlib.suppress(OSError, ValueError):
            seal = json.loads((root / "generations" / generation / "seal.json").read_text())
            answer["trees"][generation] = seal["tree"]
    return answer


def phase(root: pathlib.Path, name: str, holder: int, before: set[str]) -> str:
    """Return what the run does just now, by its children and by what lies there."""
    children = descendants(holder)
    for child in children:
        command = command_of(child)
        if "/uv" in command.split(" ")[0]:
            return "wheels"
        if command.startswith(f"{root}/generations/"):
            return "bytecode" if "compile" in command else "wheels"
        if "rattler" in command:
            return "link"
    new = [one for one in names(root / "generations") if one not in before]
    if not new:
        # Removing what an earlier run left, hashing, unpacking the engine: all of it comes before linking.
        return "fetch"
    if not (root / "generations" / new[-1] / "seal.json").exists():
        return "link" if children else "seal"  # a child that does not bear its program's name yet
    link = root / "envs" / name
    return "after" if link.is_symlink() and f"/{new[-1]}/" in os.readlink(link) else "switch"


def strike(root: pathlib.Path, plan: dict) -> dict:
    """Wait for the moment, do the harm.

    ``plan``: ``name`` of the environment; ``at``: seconds after the lock was taken, or ``phase``: as soon as the run is
    in it; ``harm``: ``kill`` (with ``signal``) of the ``victim`` ``module`` or ``engine`` (a child of it), ``freeze`` (stop all,
    for a power cut), ``command`` (a shell command), or ``nothing`` (measure only); ``linger``: seconds to stand still before.
    """
    before, old = set(names(root / "generations")), frozenset(processes())
    print("ready", flush=True)
    deadline = time.monotonic() + PATIENCE
    found: list[int] = []
    while not found:
        found = holders(root, old)
        found = [pid for pid in found if parent_of(pid) not in found]
        if time.monotonic() > deadline:
            return {"phase": "never"}
        time.sleep(0.002)
    holder, taken = found[0], time.monotonic()
    at, wanted = plan.get("at"), plan.get("phase")
    while at is not None and time.monotonic() < taken + at and alive(holder):
        time.sleep(0.002)
    while wanted is not None and alive(holder) and phase(root, plan["name"], holder, before) != wanted:
        time.sleep(0.002)
    if plan["harm"] == "nothing":
        while alive(holder) and holder in holders(root):
            time.sleep(0.01)
        return {"phase": "ended", "seconds": time.monotonic() - taken}
    victim = holder
    if plan.get("victim") == "engine":
        while alive(holder) and not descendants(holder):
            time.sleep(0.002)
        victim = (descendants(holder) or [holder])[0]
    if not alive(holder):
        return {"phase": "ended", "seconds": time.monotonic() - taken}
    with contextlib.suppress(ProcessLookupError):
        os.kill(holder, signal.SIGSTOP)
    answer = {"seconds": time.monotonic() - taken, "victim": command_of(victim)[:60]}
    answer["phase"] = phase(root, plan["name"], holder, before)
    time.sleep(plan.get("linger", 0))
    if plan["harm"] == "freeze":
        for pid in descendants(holder):
            os.kill(pid, signal.SIGSTOP)
        return answer
    if plan["harm"] == "command":
        done = subprocess.run(["sh", "-c", plan["command"]], capture_output=True, text=True, check=False)
        answer["said"] = (done.stdout + done.stderr)[-500:]
    else:
        with contextlib.suppress(ProcessLookupError):
            os.kill(victim, plan["signal"])
    with contextlib.suppress(ProcessLookupError):
        os.kill(holder, signal.SIGCONT)
    return answer


def alive(pid: int) -> bool:
    """Tell whether a process runs."""
    with contextlib.suppress(OSError):
        return pathlib.Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] not in ("Z", "X")
    return False


if __name__ == "__main__":
    verb, place, argument = sys.argv[1:4]
    if verb == "observe":
        print(json.dumps(observe(pathlib.Path(place), argument)))
    else:
        print(json.dumps(strike(pathlib.Path(place), json.loads(argument))), flush=True)
