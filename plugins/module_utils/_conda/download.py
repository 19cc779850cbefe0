# Copyright (c) 2026 lockstep founders
# SPDX-License-Identifier: GPL-3.0-or-later
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""One file from one URL, accepted only with the hash that was asked for.

This module util is private to the collection.
"""

from __future__ import annotations

import contextlib
import hashlib
import http.client
import os
import re
import ssl
import tempfile
import time
import typing as t
import urllib.error
import urllib.parse
import urllib.request

from ansible_collections.lockstep.gpufleet.plugins.module_utils._conda.network import Network
from ansible_collections.lockstep.gpufleet.plugins.module_utils._plan import Problem

CHUNK = 1024 * 1024
"""Bytes read at once: hashing and writing overlap with the network's buffers, memory stays small."""

LIMIT = 16 * 1024**3
"""Bytes that no file may pass (the largest CUDA packages have about 3 GiB); a server cannot fill the disk."""

_USER_INFORMATION = re.compile(r"(?<=://)[^/\s?#]*@")
_TOKEN = re.compile(r"(?<=/t/)[^/\s]+(?=/|\s|$)")
_QUERY = re.compile(r"(://[^\s?#]*\?)[^\s#]+")
_HASHES = {"sha256": re.compile(r"[0-9a-f]{64}"), "md5": re.compile(r"[0-9a-f]{32}")}

_TUNNEL_REFUSED = re.compile(r"Tunnel connection failed: ([0-9]{3})")

_CREDENTIALS = ": it wants credentials, or others than those it was given (credentials, netrc, or user:password@ in its URL)"
_ADVICE = {
    401: _CREDENTIALS,
    403: _CREDENTIALS.replace("it wants", "it may want"),
    407: ": the proxy wants credentials, or others than those it was given (user:password@ in its URL)",
}
"""Status -> what to do, appended to an error's sentence."""


def redact(text: str) -> str:
    """Return ``text`` with the secrets of every URL in it replaced by ``***``.

    Secrets are ``user:password@``, conda's ``/t/TOKEN/`` and query strings (signed URLs carry keys there).
    """
    text = _USER_INFORMATION.sub("***@", text)
    text = _TOKEN.sub("***", text)
    return _QUERY.sub(r"\1***", text)


class _Transient(Exception):
    """A failure that may be gone at the next attempt."""


class _Redirects(urllib.request.HTTPRedirectHandler):
    """Follows redirects, but never from https to http (what was asked to be private stays so), and tells each server
    only what is meant for it.
    """

    def __init__(self, network: Network) -> None:
        self._network = network

    def redirect_request(self, req: t.Any, fp: t.Any, code: t.Any, msg: t.Any, headers: t.Any, newurl: t.Any) -> t.Any:
        if req.type == "https" and urllib.parse.urlsplit(newurl).scheme != "https":
            raise Problem(
                "Cannot fetch %s: the server redirects to %s, which is not encrypted. Name that address itself "
                "if you want it." % (redact(req.full_url), redact(newurl))
            )
        following = super().redirect_request(req, fp, code, msg, headers, newurl)
        if following is not None:
            following.remove_header("Proxy-authorization")  # set again by whatever leads to a proxy
            authorization = self._network.authorization(newurl)
            if authorization:
                following.add_unredirected_header("Authorization", authorization)
        return following


def fetch(
    url: str,
    destination: str,
    sha256: str,
    network: Network | None = None,
    *,
    md5: str = "",
    unverified: bool = False,
    headers: t.Mapping[str, str] | None = None,
    expected_size: int | None = None,
    mode: int = 0o644,
    announced: t.Callable[[int | None], None] = lambda size: None,
    arrived: t.Callable[[int], None] = lambda size: None,
) -> str:
    """Write what lies at ``url`` to the file ``destination``, provided that its hash is the wanted one.

    ``url``: http, https or file. ``sha256``: 64 lower-case hex digits; only where it is empty, ``md5`` (32 digits) counts.
    ``network``: mirrors, proxy, certificates, credentials and patience; where it names no proxy and no certificates, the
    environment does, as Python's urllib reads it (``https_proxy``, ``no_proxy``, ``SSL_CERT_FILE``). After a failure that may
    pass (silence, reset, short body, status 408, 429 and 5xx) further attempts follow, with 1, 2, 4 ... seconds between them.
    ``unverified``: whatever comes is taken, for a file of which no hash is known, and whose hash is what is wanted of it.
    ``headers``: sent to the first host only, not to where it redirects. ``expected_size``: bytes, if known.
    ``announced``: is told at the begin of each attempt how many bytes will come, or None; ``arrived``: how many have come.

    ``destination`` appears by one rename, complete and verified, with permission bits ``mode``; it is not synced.
    Returns its sha256. Raises ``Problem`` that names the URL without its secrets; then ``destination`` is as before and no
    litter is left.
    """
    network = network or Network()
    kind, wanted = ("sha256", sha256) if sha256 or not md5 else ("md5", md5)
    if unverified:
        wanted = ""
    elif not _HASHES[kind].fullmatch(wanted):
        raise Problem("Cannot fetch %s: %r is not a %s (lower-case hex digits)." % (redact(url), wanted, kind))
    url = network.locate(url)
    scheme = urllib.parse.urlsplit(url).scheme.lower()
    if scheme not in ("http", "https", "file"):
        raise Problem("Cannot fetch %s: only http, https and file addresses are supported." % redact(url))
    attempt = 0
    while True:
        try:
            return _fetch_once(
                url, destination, kind, wanted, network, headers or {}, expected_size, mode, announced, arrived
            )
        except _Transient as failure:
            if attempt >= network.retries:
                tried = "" if attempt == 0 else " (tried %d times)" % (attempt + 1)
                raise Problem("Cannot fetch %s: %s%s." % (redact(url), failure, tried)) from failure
        time.sleep(min(2**attempt, 30))
        attempt += 1


def _fetch_once(
    url: str,
    destination: str,
    kind: str,
    wanted: str,
    network: Network,
    headers: t.Mapping[str, str],
    expected_size: int | None,
    mode: int,
    announced: t.Callable[[int | None], None],
    arrived: t.Callable[[int], None],
) -> str:
    """Do one attempt of ``fetch``; ``_Transient`` says why another may help."""
    with _open(url, network, headers) as (source, length):
        size = length if expected_size is None else expected_size
        if length is not None and size != length:
            raise Problem(
                "Cannot fetch %s: it has %d bytes, %d were expected: it is another file." % (redact(url), length, size)
            )
        descriptor, temporary = tempfile.mkstemp(
            prefix=".%s." % os.path.basename(destination), suffix=".part", dir=os.path.dirname(destination) or "."
        )
        try:
            digests = {"sha256": hashlib.sha256()}
            if kind == "md5":
                digests["md5"] = hashlib.new("md5", usedforsecurity=False)
            received = 0
            announced(size)
            with os.fdopen(descriptor, "wb") as file:
                for chunk in _chunks(source, network.timeout):
                    received += len(chunk)
                    if received > (LIMIT if size is None else size):
                        raise Problem(
                            "Cannot fetch %s: it is larger than the %d bytes allowed."
                            % (redact(url), LIMIT if size is None else size)
                        )
                    for digest in digests.values():
                        digest.update(chunk)
                    file.write(chunk)
                    arrived(len(chunk))
                os.fchmod(file.fileno(), mode)
            if size is not None and received < size:
                raise _Transient("the connection ended after %d of %d bytes" % (received, size))
            found = digests[kind].hexdigest()
            if wanted and found != wanted:
                raise Problem(
                    "What lies at %s has %s %s, but %s is wanted: it was altered, or it is another file. "
                    "It was thrown away unused." % (redact(url), kind, found, wanted)
                )
            os.rename(temporary, destination)
        except BaseException:
            with contextlib.suppress(OSError):
                os.unlink(temporary)
            raise
    return digests["sha256"].hexdigest()


@contextlib.contextmanager
def _open(
    url: str, network: Network, headers: t.Mapping[str, str]
) -> t.Iterator[tuple[t.BinaryIO, int | None]]:
    """Yield a readable stream of ``url`` and the number of bytes that its source announces."""
    parts = urllib.parse.urlsplit(url)
    if parts.scheme.lower() == "file":
        path = urllib.request.url2pathname(parts.path)
        try:
            with open(path, "rb") as file:
                yield file, os.fstat(file.fileno()).st_size
        except OSError as error:
            if error.filename != path:
                raise
            raise Problem("Cannot fetch %s: %s." % (redact(url), error.strerror)) from error
        return
    try:
        response = _opener(network).open(_request(url, network, headers), timeout=network.timeout)
    except urllib.error.HTTPError as error:
        error.close()
        status = "the server answers %d (%s)" % (error.code, redact(str(error.reason)))
        if error.code in (408, 429) or error.code >= 500:
            raise _Transient(status) from error
        raise Problem("Cannot fetch %s: %s%s." % (redact(url), status, _ADVICE.get(error.code, ""))) from error
    except http.client.InvalidURL as error:
        raise Problem("Cannot fetch %s: it is not a usable address." % redact(url)) from error
    except (OSError, http.client.HTTPException) as error:
        if isinstance(getattr(error, "reason", None), ssl.SSLCertVerificationError):
            raise Problem(
                "Cannot fetch %s: the server's certificate is not trusted here (%s). The option ca_bundle, or the "
                "environment variable SSL_CERT_FILE, can name the certificates of a private authority."
                % (redact(url), error.reason.verify_message)
            ) from error
        refused = _TUNNEL_REFUSED.search(str(error))
        if refused and int(refused[1]) < 500:
            status = "the proxy answers %s" % refused[1]
            raise Problem("Cannot fetch %s: %s%s." % (redact(url), status, _ADVICE.get(int(refused[1]), ""))) from error
        raise _Transient(_reason(error, network.timeout)) from error
    except ValueError as error:  # idna and urllib say in this way that an address makes no sense
        raise Problem("Cannot fetch %s: it is not a usable address." % redact(url)) from error
    with response:
        length = response.headers.get("Content-Length")
        encoded = response.headers.get("Content-Encoding", "identity") != "identity"
        yield response, int(length) if length and length.isdigit() and not encoded else None


def _chunks(source: t.BinaryIO, timeout: float) -> t.Iterator[bytes]:
    """Yield what ``source`` holds; failures of the network, and only these, become ``_Transient``."""
    while True:
        try:
            chunk = source.read(CHUNK)
        except (OSError, http.client.HTTPException) as error:
            raise _Transient(_reason(error, timeout)) from error
        if not chunk:
            return
        yield chunk


def _opener(network: Network) -> urllib.request.OpenerDirector:
    """Return urllib's opener with the proxy and the certificates of ``network``; raises Problem without the latter."""
    handlers: list[t.Any] = [_Redirects(network)]
    if network.proxy:
        handlers.append(urllib.request.ProxyHandler(dict.fromkeys(("http", "https"), network.proxy)))
    if network.ca_bundle:
        try:
            context = ssl.create_default_context(cafile=network.ca_bundle)
        except (OSError, ValueError) as error:  # ssl.SSLError is an OSError
            what = "there is no such file" if isinstance(error, FileNotFoundError) else "it holds no certificates (PEM)"
            raise Problem("ca_bundle: %s cannot be used on this host: %s." % (network.ca_bundle, what)) from error
        handlers.append(urllib.request.HTTPSHandler(context=context))
    return urllib.request.build_opener(*handlers)


def _request(url: str, network: Network, headers: t.Mapping[str, str]) -> urllib.request.Request:
    """Return the request for ``url``; its user information, which urllib would take for a host, becomes a header."""
    parts = urllib.parse.urlsplit(url)
    host = parts.netloc.rpartition("@")[2]
    request = urllib.request.Request(urllib.parse.urlunsplit(parts._replace(netloc=host)))
    request.add_header("User-Agent", "lockstep.gpufleet")
    request.add_header("Accept-Encoding", "identity")
    for name, value in headers.items():
        request.add_unredirected_header(name, value)
    authorization = network.authorization(url)
    if authorization:
        request.add_unredirected_header("Authorization", authorization)
    return request


def _reason(error: BaseException, timeout: float) -> str:
    """Say in words why the network failed."""
    inner = getattr(error, "reason", None)
    if isinstance(inner, BaseException):
        error = inner
    if isinstance(error, TimeoutError) or "timed out" in str(error):
        return "no answer within %g seconds" % timeout
    if isinstance(error, http.client.IncompleteRead):
        return "the connection ended early"
    return redact(getattr(error, "strerror", None) or str(error) or type(error).__name__)
