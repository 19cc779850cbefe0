# Copyright (c) 2026 lockstep founders
# SPDX-License-Identifier: GPL-3.0-or-later
"""Mirrors, credentials and what is kept from Ansible's logs, against tables."""

from __future__ import annotations

import base64
import pathlib

import pytest

from ansible_collections.lockstep.gpufleet.plugins.module_utils._conda import network
from ansible_collections.lockstep.gpufleet.plugins.module_utils._conda.network import Network
from ansible_collections.lockstep.gpufleet.plugins.module_utils._plan import Problem


def basic(text: str) -> str:
    return "Basic " + base64.b64encode(text.encode()).decode()


def of(**params: object) -> Network:
    return Network.of(params, 5, 0)


@pytest.fixture(autouse=True)
def _no_netrc_of_mine(monkeypatch: pytest.MonkeyPatch, tmp_path: pathlib.Path) -> None:
    monkeypatch.delenv("NETRC", raising=False)
    monkeypatch.setenv("HOME", str(tmp_path))


MIRRORS = {
    "https://conda.example/conda-forge": "http://mirror/cf/",
    "https://Conda.Example/": "http://mirror/all",
    "https://conda.example/conda-forge/noarch": "file:///srv/noarch",
    "https://u:p@pypi.example/packages": "https://me:pw@mirror:8443/pypi",
}


@pytest.mark.parametrize(
    ("url", "located"),
    [
        ("https://conda.example/conda-forge/linux-64/x.conda", "http://mirror/cf/linux-64/x.conda"),
        ("https://conda.example/conda-forge/noarch/x.conda", "file:///srv/noarch/x.conda"),
        ("https://conda.example/conda-forge2/noarch/x.conda", "http://mirror/all/conda-forge2/noarch/x.conda"),
        ("HTTPS://CONDA.example/other/x.conda", "http://mirror/all/other/x.conda"),
        ("https://u:p@conda.example/t/tok/conda-forge/linux-64/x.conda", "http://mirror/cf/linux-64/x.conda"),
        ("https://pypi.example/packages/a/x.whl", "https://me:pw@mirror:8443/pypi/a/x.whl"),
        ("http://conda.example/conda-forge/x.conda", "http://conda.example/conda-forge/x.conda"),
        ("https://u:p@elsewhere.example/x?sig=1", "https://u:p@elsewhere.example/x?sig=1"),
    ],
)
def test_the_longest_mirror_that_fits_is_used(url: str, located: str) -> None:
    assert of(mirrors=MIRRORS).locate(url) == located


CREDENTIALS = {
    "one.example": {"username": "ann", "password": "first"},
    "one.example:8443": {"username": "ann", "password": "second"},
    "Two.example": {"token": "third"},
}


@pytest.mark.parametrize(
    ("url", "header"),
    [
        ("https://one.example/x", basic("ann:first")),
        ("https://ONE.example:443/x", basic("ann:first")),
        ("https://one.example:8443/x", basic("ann:second")),
        ("https://two.example/x", "Bearer third"),
        ("https://bob:in%20url@one.example/x", basic("bob:in url")),
        ("https://bob@one.example/x", basic("ann:first")),
        ("https://bob@four.example/x", basic("bob:")),
        ("https://three.example/x", basic("carl:fourth")),
        ("https://sub.one.example/x", None),
        ("https://one.example.evil/x", None),
        ("https://four.example/x", None),
    ],
)
def test_who_is_told_what(tmp_path: pathlib.Path, url: str, header: str | None) -> None:
    file = tmp_path / "some"
    file.write_text(
        "machine one.example login no password no\nmachine three.example login carl password fourth\n"
        "default login all password all\n"
    )
    assert of(credentials=CREDENTIALS, netrc=str(file)).authorization(url) == header


def test_netrc_files_of_the_user(tmp_path: pathlib.Path, monkeypatch: pytest.MonkeyPatch) -> None:
    assert of().authorization("https://h/x") is None
    (tmp_path / ".netrc").write_text("machine h login me password mine\n")
    (tmp_path / ".netrc").chmod(0o600)
    assert of().authorization("https://h/x") == basic("me:mine")
    other = tmp_path / "other"
    other.write_text("machine h login me password other\n")
    monkeypatch.setenv("NETRC", str(other))
    assert of().authorization("https://h/x") == basic("me:other")


def test_a_broken_netrc_is_not_quoted(tmp_path: pathlib.Path) -> None:
    file = tmp_path / "some"
    file.write_text("machine h login me\npasword sesame\n")
    with pytest.raises(Problem, match=f"netrc: {file}, line 2") as caught:
        of(netrc=str(file)).authorization("https://h/x")
    assert "sesame" not in str(caught.value)
    with pytest.raises(Problem, match="cannot be read: No such file"):
        of(netrc=str(tmp_path / "nowhere")).authorization("https://h/x")


@pytest.mark.parametrize(
    ("params", "says"),
    [
        ({"proxy": "proxy:3128"}, "proxy: .*no URL of an HTTP proxy"),
        ({"proxy": "socks5://me:sesame@proxy:1080"}, "proxy: socks5://proxy:1080 is no URL"),
        ({"proxy": "http://proxy:port"}, "is no URL of an HTTP proxy"),
        ({"mirrors": {"conda-forge": "http://m"}}, "mirrors: conda-forge is no beginning"),
        ({"mirrors": {"http://c": "ftp://me:sesame@m"}}, "mirrors: ftp://m is no beginning"),
        ({"mirrors": {"http://c": None}}, "mirrors: None is no beginning"),
        ({"credentials": {"h": "sesame"}}, "credentials: h needs"),
        ({"credentials": {"h": {"username": "me"}}}, "credentials: h needs"),
        ({"credentials": {"h": {"token": "sesame", "password": "sesame"}}}, "credentials: h needs"),
        ({"credentials": {"https://me:sesame@h": {"token": "x"}}}, "credentials: https://h needs"),
        ({"credentials": {"h": {"token": "sesame\r\nX: y"}}}, "credentials: h: token must be text"),
        ({"credentials": {"h": {"token": ""}}}, "not empty"),
    ],
)
def test_what_makes_no_sense_is_refused_without_its_secret(params: dict[str, object], says: str) -> None:
    with pytest.raises(Problem, match=says) as caught:
        of(**params)
    assert "sesame" not in str(caught.value)


def test_secrets_travel_in_one_text_that_is_never_logged() -> None:
    params = {
        "proxy": "http://me:pw1@proxy:3128",
        "engine_mirror": "https://h/t/tok2/wheels",
        "mirrors": {"https://a": "https://m/t/tok3", "https://b": "https://n"},
        "credentials": {"h": {"username": "ann", "password": "pw4"}},
        "root": "/opt/lockstep",
    }
    shown = network.conceal(params)
    aside = shown.pop("_secrets")
    assert shown == {
        "proxy": "http://proxy:3128",
        "engine_mirror": "https://h/wheels",
        "mirrors": {"https://a": "https://m/", "https://b": "https://n"},
        "root": "/opt/lockstep",
    }
    assert network.reveal({**shown, "_secrets": aside, "credentials": None}) == {**params, "_secrets": aside}
    assert network.secrets({**shown, "_secrets": aside}) == {"pw1", "tok2", "tok3", "pw4"}
    assert "pw" not in repr(Network.of({**shown, "_secrets": aside}, 5, 0))
    plain = {"proxy": "http://proxy:3128", "mirrors": {"https://a": "https://b"}, "credentials": None}
    assert "_secrets" not in network.conceal(plain)
