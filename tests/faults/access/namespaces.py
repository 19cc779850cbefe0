# Copyright (c) 2026 lockstep founders
# SPDX-License-Identifier: GPL-3.0-or-later
"""Network namespaces that end with the process that holds them, whatever happens to a test.

Each has a resident: this file, run inside it, which answers one line of JSON for each line that it is told.
"""

from __future__ import annotations

import contextlib
import errno
import json
import os
import select
import socket
import struct
import subprocess
import sys
import time
import typing as t


class Namespace:
    """A network namespace and its resident. ``target``: the namespace of that process instead of a new one."""

    def __init__(self, target: int | None = None) -> None:
        enter = ["unshare", "--net"] if target is None else ["nsenter", "--net", f"--target={target}"]
        self._process = subprocess.Popen(
            [*enter, sys.executable, "-I", __file__], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
        )
        self.pid = self.ask(do="pid")
        if target is None:
            self.run("ip", "link", "set", "lo", "up")

    def close(self) -> None:
        """End the resident; the namespace goes with it."""
        assert self._process.stdin is not None and self._process.stdout is not None
        self._process.stdin.close()
        self._process.stdout.close()
        self._process.wait(timeout=10)

    def ask(self, **request: t.Any) -> t.Any:
        """Have the resident do something, and return what it says."""
        assert self._process.stdin is not None and self._process.stdout is not None
        self._process.stdin.write(json.dumps(request) + "\n")
        self._process.stdin.flush()
        return json.loads(self._process.stdout.readline())

    def run(self, *command: str, stdin: str = "") -> str:
        """Run a command in there; it has to succeed."""
        done = subprocess.run(
            ["nsenter", "--net", f"--target={self.pid}", *command],
            input=stdin, capture_output=True, text=True, timeout=60, check=False,
        )
        assert done.returncode == 0, f"{command}: {done.stderr}"
        return done.stdout

    def connects(self, attempts: t.Sequence[tuple[str, str, int]], surely: t.Sequence[int] = (), seconds: float = 0.25) -> list[bool]:
        """Try TCP connections (from, to, port), all at once; return which of them are accepted.

        Waits for ``surely`` (their numbers) up to two seconds, which is more than one SYN, and for all ``seconds``.
        """
        return self.ask(do="connect", attempts=attempts, surely=list(surely), seconds=seconds)

    def scan(self, source: str, target: str, ports: t.Sequence[int]) -> dict[int, str]:
        """Return of each TCP port whether it is open or closed; those from which no answer comes are left out."""
        return {int(port): state for port, state in self.ask(do="scan", source=source, target=target, ports=ports).items()}

    def listen(self, *ports: int) -> None:
        """Accept TCP connections to these ports, IPv4 and IPv6."""
        assert self.ask(do="listen", ports=ports)


@contextlib.contextmanager
def within(pid: int) -> t.Iterator[Namespace]:
    """Yield the namespace of a process that others have started."""
    one = Namespace(pid)
    try:
        yield one
    finally:
        one.close()


@contextlib.contextmanager
def namespaces(number: int) -> t.Iterator[list[Namespace]]:
    """Yield new namespaces; they are gone afterwards."""
    with contextlib.ExitStack() as stack:
        made = []
        for _number in range(number):
            one = Namespace()
            stack.callback(one.close)
            made.append(one)
        yield made


def join(one: Namespace, name: str, other: Namespace, peer: str) -> None:
    """Make a cable between two namespaces."""
    one.run("ip", "link", "add", name, "type", "veth", "peer", "name", peer, "netns", str(other.pid))
    one.run("ip", "link", "set", name, "up")
    other.run("ip", "link", "set", peer, "up")


def give(one: Namespace, device: str, *addresses: str) -> None:
    """Give an interface addresses (CIDR) that are used at once."""
    for address in addresses:
        one.run("ip", "address", "add", address, "dev", device, *(["nodad"] if ":" in address else []))


class _Resident:
    """What runs inside."""

    def __init__(self) -> None:
        self.listeners: list[socket.socket] = []

    def listen(self, ports: list[int]) -> bool:
        for port in ports:
            self.listeners.append(socket.create_server(("::", port), family=socket.AF_INET6, backlog=4096, dualstack_ipv6=True))
            self.listeners[-1].setblocking(False)
        return True

    def drain(self) -> bool:
        for listener in self.listeners:
            with contextlib.suppress(BlockingIOError):
                while True:
                    listener.accept()[0].close()
        return True

    def scan(self, source: str, target: str, ports: list[int]) -> dict[int, str]:
        found = {}
        for start in range(0, len(ports), 400):
            some = ports[start:start + 400]
            codes = self._try([(source, target, port) for port in some], [], 0.4)
            for port, code in zip(some, codes):
                if code in (0, errno.ECONNREFUSED):
                    found[port] = "closed" if code else "open"
        return found

    def connect(self, attempts: list[tuple[str, str, int]], surely: list[int], seconds: float) -> list[bool]:
        return [code == 0 for code in self._try(attempts, surely, seconds)]

    @staticmethod
    def _try(attempts: list[tuple[str, str, int]], surely: list[int], seconds: float) -> list[int | None]:
        """Return for each attempt 0, the error, or None: no answer."""
        results: list[int | None] = [None] * len(attempts)
        waiting: dict[int, tuple[int, socket.socket]] = {}
        poll = select.poll()
        for number, (source, target, port) in enumerate(attempts):
            one = socket.socket(socket.AF_INET6 if ":" in target else socket.AF_INET, socket.SOCK_STREAM)
            # Closed by a reset, so that nothing is left of it on either side.
            one.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
            one.setblocking(False)
            one.bind((source, 0))
            code = one.connect_ex((target, port))
            if code in (0, errno.EINPROGRESS):
                waiting[one.fileno()] = (number, one)
                poll.register(one, select.POLLOUT)
            else:
                results[number] = code
                one.close()
        began = time.monotonic()
        while waiting:
            late = time.monotonic() - began
            answers = poll.poll(20)
            for descriptor, _event in answers:
                number, one = waiting.pop(descriptor)
                poll.unregister(descriptor)
                results[number] = one.getsockopt(socket.SOL_SOCKET, socket.SO_ERROR)
                one.close()
            expected = {number for number, _one in waiting.values()} & set(surely)
            # A machine that was busy elsewhere has answers that nobody has looked at yet.
            if not answers and late > (2 if expected else seconds):
                break
        for _number, one in waiting.values():
            one.close()
        return results


def _serve() -> None:
    resident = _Resident()
    for line in sys.stdin:
        request = json.loads(line)
        verb = request.pop("do")
        answer = os.getpid() if verb == "pid" else getattr(resident, verb)(**request)
        print(json.dumps(answer), flush=True)


if __name__ == "__main__":
    _serve()
