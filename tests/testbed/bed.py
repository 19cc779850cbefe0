# Copyright (c) 2026 lockstep founders
# SPDX-License-Identifier: GPL-3.0-or-later
"""The command line of the test bed; see README.md beside this file."""

from __future__ import annotations

import argparse
import pathlib
import subprocess
import sys
import time

HERE = pathlib.Path(__file__).resolve().parent
sys.path[0] = str(HERE.parent)

from testbed import cache, fleet, identity, images, inventory, published, runtime  # noqa: E402

STATE = HERE.parent.parent / "build" / "bed"
COMMANDS = ("podman", "mmdebstrap", "ssh-keygen", "ssh-keyscan", "netavark", "iptables")
PARTS = ("hosts", "channel", "installer")


def main(argv: list[str]) -> int:
    """Run one command; return the exit status."""
    options = _parser().parse_args(argv)
    try:
        runtime.require(COMMANDS)
        return options.run(options) or 0
    except runtime.BedError as error:
        print(f"bed.py: {error}", file=sys.stderr)
    except subprocess.CalledProcessError as error:
        print(f"bed.py: {' '.join(map(str, error.cmd))} failed", file=sys.stderr)
    except KeyboardInterrupt:
        print("bed.py: interrupted", file=sys.stderr)
    return 1


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="bed.py", description="Real hosts, a web server, a conda channel.")
    commands = parser.add_subparsers(required=True, metavar="COMMAND")

    def command(name: str, run: object, text: str, *arguments: str) -> argparse.ArgumentParser:
        sub = commands.add_parser(name, help=text, description=text)
        sub.set_defaults(run=run)
        if "inventory" in arguments:
            sub.add_argument("inventory", type=pathlib.Path, help="the YAML inventory that defines the fleet")
        if "host" in arguments:
            sub.add_argument("host", help=f"name of the host in the inventory, or {inventory.WEB_NAME}")
        return sub

    sub = command("build", _build, "build or reuse images, channel and installer")
    sub.add_argument("--only", choices=PARTS, action="append", help="this part (and what it needs); may be repeated")
    sub = command("up", _up, "make the fleet of an inventory run", "inventory")
    sub.add_argument("--fresh", action="store_true", help="make every host anew")
    command("down", _down, "remove the fleet of an inventory", "inventory")
    sub = command("exec", _exec, "run a command on a host, out of band", "inventory", "host")
    sub.add_argument("argv", nargs=argparse.REMAINDER, metavar="-- COMMAND")
    command("restart", _restart, "power-cycle a host and wait until it has booted", "inventory", "host")
    command("kill", _kill, "cut the power of a host", "inventory", "host")
    command("ps", _ps, "list what the bed owns")
    sub = command("clean", _clean, "remove every container and network of the bed")
    sub.add_argument("--images", action="store_true", help="and its images, also from the cache")
    return parser


def _say(text: str) -> None:
    print(text, flush=True)


def _fleet(options: argparse.Namespace) -> inventory.Fleet:
    return inventory.read(options.inventory, images.HOST_IMAGES)


def _build(options: argparse.Namespace) -> None:
    parts = set(options.only or PARTS)
    if "hosts" in parts:
        begin = time.monotonic()
        names = images.ensure_all(images.ROOTS, _say)
        _say(f"images {', '.join(names)}: ready after {time.monotonic() - begin:.1f} s")
    identity.login_key(STATE)
    if "installer" in parts:
        parts.add("channel")
    found = published.build([part for part in PARTS[1:] if part in parts], _say)
    if found:
        with cache.locked("state"):
            published.write(STATE, found)


def _up(options: argparse.Namespace) -> None:
    begin = time.monotonic()
    wanted = _fleet(options)
    fleet.up(wanted, STATE, options.fresh, _say)
    _say(f"took {time.monotonic() - begin:.1f} s")


def _down(options: argparse.Namespace) -> None:
    fleet.down(_fleet(options))


def _exec(options: argparse.Namespace) -> int:
    command = options.argv[1:] if options.argv[:1] == ["--"] else options.argv
    interactive = not command and sys.stdin.isatty()
    return fleet.execute(_fleet(options), options.host, command or ["/bin/bash", "-l"], interactive)


def _restart(options: argparse.Namespace) -> None:
    fleet.restart(_fleet(options), options.host)


def _kill(options: argparse.Namespace) -> None:
    fleet.kill(_fleet(options), options.host)


def _ps(options: argparse.Namespace) -> None:
    print(fleet.listing(), end="")


def _clean(options: argparse.Namespace) -> None:
    removed = fleet.clean()
    if options.images:
        removed += images.forget()
    for name in removed:
        _say(f"removed {name}")


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
