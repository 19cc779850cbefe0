# Copyright (c) 2026 lockstep founders
# SPDX-License-Identifier: GPL-3.0-or-later
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""One call of uv, which sees nothing of the user's own configuration, and whose words hold no secret.

This plugin util is private to the collection.
"""

from __future__ import annotations

import base64
import contextlib
import fcntl
import glob
import os
import re
import shutil
import subprocess
import tempfile
import typing as t
from urllib.parse import quote, urlsplit

from ansible_collections.lockstep.gpufleet.plugins.module_utils._conda import children
from ansible_collections.lockstep.gpufleet.plugins.module_utils._conda.download import redact
from ansible_collections.lockstep.gpufleet.plugins.module_utils._conda.network import Network
from ansible_collections.lockstep.gpufleet.plugins.module_utils._conda.urls import hidden, public_url
from ansible_collections.lockstep.gpufleet.plugins.module_utils._plan import Problem
from ansible_collections.lockstep.gpufleet.plugins.plugin_utils._solving import environment
from ansible_collections.lockstep.gpufleet.plugins.plugin_utils._solving.model import Settings
from ansible_collections.lockstep.gpufleet.plugins.plugin_utils._specification.model import PipOptions

#: What pip and uv ask if nobody names another index.
PYPI = "https://pypi.org/simple"

#: File in a directory of a question, locked as long as the question is asked.
_IN_USE = "in-use"

#: How many times as long as a server may stay silent uv may take in all; what takes longer hangs.
_PATIENCE = 60

_REMEDY = "It resolves the pip part; pip install --upgrade uv brings it, and the option uv names another one."

#: How programs answer to arguments that they do not have.
_MISUNDERSTOOD = re.compile(r"\btry '.*--help'", re.IGNORECASE)

#: Servers that uv sends a token to without encryption.
_LOCAL = frozenset(["localhost", "127.0.0.1", "::1"])


class NoAnswer(Problem):
    """Nothing is said of the requirements: uv could not do its work, or not reach what it needs for it."""


class Answer(t.NamedTuple):
    """How a call ended. ``words``: uv's errors and warnings without secrets. ``status`` 1: there is no solution.

    ``text``: what uv has written.
    """

    status: int
    words: str
    text: str = ""


@contextlib.contextmanager
def workplace(cache: str) -> t.Iterator[str]:
    """Make a private directory below ``cache`` for one question, and remove it; what the disk refuses is a Problem.

    Those that killed runs have left are removed too, since credentials lie in them.
    """
    try:
        os.makedirs(cache, exist_ok=True)
        with contextlib.ExitStack() as stack:
            with open(f"{cache}/pip.lock", "w", encoding="ascii") as guard:  # nobody takes a new one for one that was left
                fcntl.flock(guard, fcntl.LOCK_EX)
                for left in glob.glob(f"{glob.escape(cache)}/pip-*/{_IN_USE}"):
                    _remove_unused(left)
                work = stack.enter_context(tempfile.TemporaryDirectory(prefix="pip-", dir=cache))
                used = stack.enter_context(open(f"{work}/{_IN_USE}", "w", encoding="ascii"))
                fcntl.flock(used, fcntl.LOCK_EX)
            yield work
    except OSError as error:
        raise NoAnswer(
            f"{error.filename or cache} cannot be used on the controller: {error.strerror}. What indexes say is kept there; "
            "XDG_CACHE_HOME names another place."
        ) from None


def _remove_unused(mark: str) -> None:
    """Remove the directory of ``mark`` unless a run holds it."""
    with contextlib.suppress(OSError), open(mark, "w", encoding="ascii") as file:
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        shutil.rmtree(os.path.dirname(mark))


def call(arguments: t.Sequence[str], settings: Settings, options: PipOptions, work: str, output: str) -> Answer:
    """Run ``uv pip compile`` with ``arguments``; nothing secret is among them.

    ``work``: a private directory, of this call alone; credentials lie there as long as uv runs. ``output``: name of the file
    in it that uv is to write. Raises Problem if uv cannot be run, is killed, hangs, or is none that can do what is asked.
    """
    variables, secrets = _environment(settings, options, work)
    argv = [
        *(settings.tools.uv, "pip", "compile", *arguments, "--output-file", f"{work}/{output}"),
        *("--python", settings.tools.python, "--no-python-downloads", "--cache-dir", f"{settings.cache}/uv"),
        *("--config-file", f"{work}/uv.toml", "--system-certs", "--no-progress", "--color", "never"),
    ]
    limit = _PATIENCE * max(settings.network.timeout, 1)
    try:
        process = children.run(argv, variables, errors=subprocess.STDOUT, limit=limit)
    except OSError as error:
        raise NoAnswer(f"uv: {settings.tools.uv} cannot be run: {error.strerror}. {_REMEDY}") from None
    except subprocess.TimeoutExpired:
        raise NoAnswer(
            f"uv: {settings.tools.uv} had not resolved the pip part after {limit:g} seconds and was stopped. If the indexes are that "
            f"slow, give it longer: {_PATIENCE} times timeout is what it has."
        ) from None
    words = process.stdout.decode("utf-8", "replace")
    for secret in sorted(secrets, key=len, reverse=True):
        words = words.replace(secret, "***")
    words = redact(words).strip()
    if process.returncode not in (0, 1, 2):
        ended = f"was ended by signal {-process.returncode}" if process.returncode < 0 else f"ended with {process.returncode}"
        raise NoAnswer(f"uv: {settings.tools.uv} {ended} while it resolved the pip part. {words[-2000:]}".rstrip())
    if process.returncode:
        if _MISUNDERSTOOD.search(words):
            why = words.splitlines()[0].removeprefix("error: ")
            raise NoAnswer(f"uv: {settings.tools.uv} does not understand what it is asked ({why}): it is too old, or no uv. {_REMEDY}")
        if not words:
            raise NoAnswer(f"uv: {settings.tools.uv} ended with {process.returncode} and says nothing. {_REMEDY}")
        return Answer(process.returncode, words)
    try:
        with open(f"{work}/{output}", encoding="utf-8") as file:
            return Answer(0, words, file.read())
    except (FileNotFoundError, UnicodeDecodeError):
        raise not_written(settings) from None


def not_written(settings: Settings) -> NoAnswer:
    """Return what there is to say if uv ends well, but what it should have written is not there."""
    return NoAnswer(f"uv: {settings.tools.uv} ended as if all were well, but has not written what it was asked for. {_REMEDY}")


def with_credentials(url: str, network: Network) -> str:
    """Return ``url`` with the user and the password that its server is told; a token does not fit into it."""
    parts = urlsplit(url)
    if parts.scheme not in ("http", "https"):
        return url
    kind, _blank, value = (network.authorization(url) or "").partition(" ")
    if kind != "Basic":
        return url
    user, _colon, password = base64.b64decode(value).decode().partition(":")
    server = parts.netloc.rpartition("@")[2]
    return parts._replace(netloc=f"{quote(user, safe='')}:{quote(password, safe='')}@{server}").geturl()


def places(options: PipOptions) -> list[str]:
    """Return where wheels are looked for, fit to be shown."""
    return [public_url(one) if "://" in one else one for one in (*indexes(options), *options.find_links)]


def of_an_index(url: str, options: PipOptions, network: Network) -> str:
    """Return ``url``, with the credentials that an index on the same server has in its own address."""
    place = urlsplit(url)
    for address in (*indexes(options), *options.find_links):
        parts = urlsplit(with_credentials(address, network))
        user, _at, server = parts.netloc.rpartition("@")
        if user and (parts.scheme, server) == (place.scheme, place.netloc):
            return place._replace(netloc=parts.netloc).geturl()
    return url


def _environment(settings: Settings, options: PipOptions, work: str) -> tuple[dict[str, str], set[str]]:
    """Return all of uv's environment and what of it must not be shown; writes files with credentials into ``work``."""
    network = settings.network
    variables = {
        **environment.clean(work, network),
        "UV_HTTP_TIMEOUT": str(max(1, round(network.timeout))),
        "UV_HTTP_RETRIES": str(network.retries),
        "UV_CREDENTIALS_DIR": work,
        "NETRC": f"{work}/netrc",
    }
    addresses = [*indexes(options), *options.find_links]
    secrets = _write_credentials(network, addresses, work)
    write_private(f"{work}/uv.toml", _configuration(options, network))
    for url in (network.proxy or "", *(with_credentials(url, network) for url in addresses)):
        secrets |= hidden(url)
    return variables, secrets


def indexes(options: PipOptions) -> list[str]:
    """Return the URLs of the indexes that are asked, in the order of their priority; they may hold credentials."""
    return [] if options.no_index else [*options.extra_index_urls, options.index_url or PYPI]


def _configuration(options: PipOptions, network: Network) -> str:
    """Return ``uv.toml``: where wheels are looked for."""
    asked = indexes(options)
    lines = [f"find-links = [{', '.join(_toml(with_credentials(link, network)) for link in options.find_links)}]\n"]
    for url in asked:
        last = "true" if url is asked[-1] else "false"
        address = _toml(with_credentials(url, network))
        lines.append(f"[[index]]\nurl = {address}\ndefault = {last}\n")
    return "".join(lines)


def _write_credentials(network: Network, addresses: t.Sequence[str], work: str) -> set[str]:
    """Write ``netrc`` (users and passwords) and ``credentials.toml`` (tokens), for uv alone; return the secrets in them."""
    secrets = set()
    machines = network.netrc_entries()
    tokens = {}
    for server, one in network.credentials.items():
        if one.token:
            tokens[f"https://{server}"] = one.token
        elif ":" not in server:
            machines[server] = (one.username, one.password)
        secrets |= {text for text in (one.token, one.password) if text}
    for url in addresses:
        parts = urlsplit(url)
        kind, _blank, value = (network.authorization(parts.geturl()) or "").partition(" ")
        if kind != "Bearer":
            continue
        if parts.scheme != "https" and parts.hostname not in _LOCAL:
            raise Problem(
                f"credentials: {parts.netloc}: a token is sent by https only, but the index is {public_url(url)}."
            )
        tokens[f"{parts.scheme}://{parts.netloc.rpartition('@')[2]}"] = value
    lines = []
    for server, (user, password) in sorted(machines.items()):
        secrets.add(password)
        if re.search(r"[\s\"\\#]", user + password):
            continue  # netrc has no way to write it that every reader agrees on; it is in the index's own URL
        lines.append(f"machine {server} login {user} password {password}\n")
    write_private(f"{work}/netrc", "".join(lines))
    entries = [
        f'[[credential]]\nservice = "{service}"\nscheme = "bearer"\ntoken = {_toml(token)}\n'
        for service, token in sorted(tokens.items())
    ]
    write_private(f"{work}/credentials.toml", "".join(entries))
    return secrets - {""}


def _toml(text: str) -> str:
    """Return a TOML string; ``text`` is on one line."""
    return '"' + text.replace("\\", "\\\\").replace('"', '\\"') + '"'


def write_private(path: str, text: str) -> None:
    """Write a file that nobody else can read."""
    with open(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "w", encoding="utf-8") as file:
        file.write(text)
