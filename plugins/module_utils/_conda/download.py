# Copyright (c) 2026 lockstep founders
# SPDX-License-Identifier: GPL-3.0-or-later
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""One file from one URL, accepted only with the sha256 that was asked for.

This module util is private to the collection.
"""

from __future__ import annotations

import base64
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

from ansible_collections.lockstep.gpufleet.plugins.module_utils._plan import Problem

CHUNK = 1024 * 1024
"""Bytes read at once: hashing and writing overlap with the network's buffers, memory stays small."""

LIMIT = 16 * 1024**3
"""Bytes that no file may pass (the largest CUDA packages have about 3 GiB); a server cannot fill the disk."""

_USER_INFORMATION = re.compile(r"(?<=://)[^/\s?#]*@")
_TOKEN = re.compile(r"(?<=/t/)[^/\s]+(?=/)")
_QUERY = re.compile(r"(://[^\s?#]*\?)[^\s#]+")
_SHA256 = re.compile(r"[0-9a-f]{64}")


def redact(text: str) -> str:
    """Return ``text`` with the secrets of every URL in it replaced by ``***``.

    Secrets are ``user:password@``, conda's ``/t/TOKEN/`` and query strings (signed URLs carry keys there).
    """
    text = _USER_INFORMATION.sub("***@", text)
    text = _TOKEN.sub("***", text)
    return _QUERY.sub(r"\1***", text)


def secrets(url: str) -> set[str]:
    """Return the parts of ``url`` that must not be shown, as written and percent-decoded; for ``no_log_values``."""
    parts = urllib.parse.urlsplit(url)
    found = set(_TOKEN.findall(url))
    if "@" in parts.netloc:
        _user, _colon, password = parts.netloc.rpartition("@")[0].partition(":")
        found.update({password, urllib.parse.unquote(password)})
    return {secret for secret in found if secret}


class _Transient(Exception):
    """A failure that may be gone at the next attempt."""


class _KeepsEncryption(urllib.request.HTTPRedirectHandler):
    """Follows redirects, but never from https to http: what was asked to be private stays so."""

    def redirect_request(self, req: t.Any, fp: t.Any, code: t.Any, msg: t.Any, headers: t.Any, newurl: t.Any) -> t.Any:
        if req.type == "https" and urllib.parse.urlsplit(newurl).scheme != "https":
            raise Problem(
                "Cannot fetch %s: the server redirects to %s, which is not encrypted. Name that address itself "
                "if you want it." % (redact(req.full_url), redact(newurl))
            )
        return super().redirect_request(req, fp, code, msg, headers, newurl)


def fetch(
    url: str,
    destination: str,
    sha256: str,
    *,
    timeout: float = 30.0,
    retries: int = 3,
    headers: t.Mapping[str, str] | None = None,
    expected_size: int | None = None,
    mode: int = 0o644,
    announced: t.Callable[[int | None], None] = lambda size: None,
    arrived: t.Callable[[int], None] = lambda size: None,
) -> None:
    """Write what lies at ``url`` to the file ``destination``, provided that its sha256 is ``sha256``.

    ``url``: http, https or file; ``user:password@`` becomes basic authentication. Proxies and private certificate
    authorities come from the environment as Python's urllib reads it (``https_proxy``, ``no_proxy``, ``SSL_CERT_FILE``).
    ``timeout``: seconds that the server may stay silent. ``retries``: further attempts after a failure that may
    pass (silence, reset, short body, status 408, 429 and 5xx), with 1, 2, 4 ... seconds between them.
    ``headers``: sent to the first host only, not to where it redirects. ``expected_size``: bytes, if known.
    ``announced``: is told at the begin of each attempt how many bytes will come, or None; ``arrived``: how many have come.

    ``destination`` appears by one rename, complete and verified, with permission bits ``mode``; it is not synced.
    Raises ``Problem`` that names the URL without its secrets; then ``destination`` is as before and no litter is left.
    """
    if not _SHA256.fullmatch(sha256):
        raise Problem("Cannot fetch %s: %r is not a sha256 (64 lower-case hex digits)." % (redact(url), sha256))
    scheme = urllib.parse.urlsplit(url).scheme.lower()
    if scheme not in ("http", "https", "file"):
        raise Problem("Cannot fetch %s: only http, https and file addresses are supported." % redact(url))
    attempt = 0
    while True:
        try:
            _fetch_once(url, destination, sha256, timeout, headers or {}, expected_size, mode, announced, arrived)
            return
        except _Transient as failure:
            if attempt >= retries:
                tried = "" if attempt == 0 else " (tried %d times)" % (attempt + 1)
                raise Problem("Cannot fetch %s: %s%s." % (redact(url), failure, tried)) from failure
        time.sleep(min(2**attempt, 30))
        attempt += 1


def _fetch_once(
    url: str,
    destination: str,
    sha256: str,
    timeout: float,
    headers: t.Mapping[str, str],
    expected_size: int | None,
    mode: int,
    announced: t.Callable[[int | None], None],
    arrived: t.Callable[[int], None],
) -> None:
    """Do one attempt of ``fetch``; ``_Transient`` says why another may help."""
    with _open(url, timeout, headers) as (source, length):
        size = length if expected_size is None else expected_size
        if length is not None and size != length:
            raise Problem(
                "Cannot fetch %s: it has %d bytes, %d were expected: it is another file." % (redact(url), length, size)
            )
        descriptor, temporary = tempfile.mkstemp(
            prefix=".%s." % os.path.basename(destination), suffix=".part", dir=os.path.dirname(destination) or "."
        )
        try:
            digest = hashlib.sha256()
            received = 0
            announced(size)
            with os.fdopen(descriptor, "wb") as file:
                for chunk in _chunks(source, timeout):
                    received += len(chunk)
                    if received > (LIMIT if size is None else size):
                        raise Problem(
                            "Cannot fetch %s: it is larger than the %d bytes allowed."
                            % (redact(url), LIMIT if size is None else size)
                        )
                    digest.update(chunk)
                    file.write(chunk)
                    arrived(len(chunk))
                os.fchmod(file.fileno(), mode)
            if size is not None and received < size:
                raise _Transient("the connection ended after %d of %d bytes" % (received, size))
            if digest.hexdigest() != sha256:
                raise Problem(
                    "What lies at %s has sha256 %s, but %s is wanted: it was altered, or it is another file. "
                    "It was thrown away unused." % (redact(url), digest.hexdigest(), sha256)
                )
            os.rename(temporary, destination)
        except BaseException:
            with contextlib.suppress(OSError):
                os.unlink(temporary)
            raise


@contextlib.contextmanager
def _open(
    url: str, timeout: float, headers: t.Mapping[str, str]
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
        response = _opener().open(_request(url, headers), timeout=timeout)
    except urllib.error.HTTPError as error:
        status = "the server answers %d (%s)" % (error.code, error.reason)
        error.close()
        if error.code in (408, 429) or error.code >= 500:
            raise _Transient(status) from error
        raise Problem("Cannot fetch %s: %s." % (redact(url), status)) from error
    except http.client.InvalidURL as error:
        raise Problem("Cannot fetch %s: it is not a usable address." % redact(url)) from error
    except (OSError, http.client.HTTPException) as error:
        if isinstance(getattr(error, "reason", None), ssl.SSLCertVerificationError):
            raise Problem(
                "Cannot fetch %s: the server's certificate is not trusted here (%s). The environment variable "
                "SSL_CERT_FILE can name the certificates of a private authority."
                % (redact(url), error.reason.verify_message)
            ) from error
        raise _Transient(_reason(error, timeout)) from error
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


def _opener() -> urllib.request.OpenerDirector:
    """Return urllib's opener: proxies from the environment, redirects that keep encryption."""
    return urllib.request.build_opener(_KeepsEncryption())


def _request(url: str, headers: t.Mapping[str, str]) -> urllib.request.Request:
    """Return the request for ``url``; its user information, which urllib would take for a host, becomes a header."""
    parts = urllib.parse.urlsplit(url)
    credentials, at, host = parts.netloc.rpartition("@")
    request = urllib.request.Request(urllib.parse.urlunsplit(parts._replace(netloc=host)))
    request.add_header("User-Agent", "lockstep.gpufleet")
    request.add_header("Accept-Encoding", "identity")
    for name, value in headers.items():
        request.add_unredirected_header(name, value)
    if at:
        plain = urllib.parse.unquote(credentials).encode()
        request.add_unredirected_header("Authorization", "Basic " + base64.b64encode(plain).decode())
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
