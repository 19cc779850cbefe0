# Copyright (c) 2026 lockstep founders
# SPDX-License-Identifier: GPL-3.0-or-later
"""Every way in which solving fails is one clear error that names the user's line; no error holds a secret."""

from __future__ import annotations

import base64
import datetime
import http.server
import pathlib
import threading
import typing as t

import pytest
from ansible_collections.lockstep.gpufleet.plugins.module_utils._conda.network import Credential, Network
from ansible_collections.lockstep.gpufleet.plugins.module_utils._plan import Problem
from ansible_collections.lockstep.gpufleet.plugins.plugin_utils._solving import conda, tools
from ansible_collections.lockstep.gpufleet.plugins.plugin_utils._solving.model import Settings, Target
from ansible_collections.lockstep.gpufleet.plugins.plugin_utils._specification import reading

from .channel import write_channel

PASSWORD = "Sesame-1"
TOKEN = "tk-Sesame-2"
RIGHT = "Basic " + base64.b64encode(f"fleet:{PASSWORD}".encode()).decode()


class Server(http.server.BaseHTTPRequestHandler):
    """Serves files to those who give the right credentials below /private, and statuses by number."""

    root: t.ClassVar[pathlib.Path]
    told: t.ClassVar[list[tuple[str, str]]] = []

    def do_GET(self) -> None:
        """Answer; what was told is kept."""
        self.told.append((self.headers["Host"].partition(":")[0], self.headers.get("Authorization") or ""))
        path = self.path.removeprefix(f"/t/{TOKEN}") if self.path.startswith(f"/t/{TOKEN}/") else self.path
        first, _slash, rest = path.removeprefix("/").partition("/")
        if first.isdigit():
            self.send_error(int(first))
        elif first == "elsewhere":
            self.send_response(302)
            self.send_header("Location", f"http://localhost:{self.server.server_address[1]}/open/{rest}")
            self.send_header("Content-Length", "0")
            self.end_headers()
        elif first == "private" and self.headers.get("Authorization") != RIGHT:
            self.send_error(401)
        elif first == "nonsense" and rest.endswith("repodata.json"):
            self.answer(b"<html>a portal</html>")
        elif first == "garbage":
            self.answer(b"<html>a portal</html>")
        elif first in ("private", "open") and (self.root / rest).is_file():
            self.answer((self.root / rest).read_bytes())
        else:
            self.send_error(404)

    def answer(self, content: bytes) -> None:
        self.send_response(200)
        self.send_header("Content-Length", str(len(content)))
        self.end_headers()
        try:
            self.wfile.write(content)
        except BrokenPipeError:
            pass  # the other side has made up its mind

    def log_message(self, *_arguments: t.Any) -> None:
        """Say nothing."""


class Quiet(http.server.ThreadingHTTPServer):
    """Says nothing of a client that has left."""

    def handle_error(self, *_arguments: t.Any) -> None:
        """Say nothing."""


@pytest.fixture(name="server", scope="module")
def server_(tmp_path_factory: pytest.TempPathFactory) -> t.Iterator[str]:
    Server.root = tmp_path_factory.mktemp("root")
    write_channel(
        Server.root / "channel",
        ("tool", "1.0", ["library >=2"]),
        ("library", "1.0", []),
        ("library", "2.0", []),
        ("gpu-tool", "1.0", ["__cuda >=12.4"]),
        ("zlib", "1.2", []),
        ("zlib", "1.10", []),
    )
    server = Quiet(("127.0.0.1", 0), Server)
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    yield f"http://127.0.0.1:{server.server_port}"
    server.shutdown()
    thread.join()
    server.server_close()


def solve(tmp_path: pathlib.Path, channel: str, *specs: str, network: Network = Network(timeout=5), cuda: str = "") -> list[str]:
    lines = "".join(f"  - {spec}\n" for spec in specs)
    specification = reading.parse(f"channels:\n  - {channel}\ndependencies:\n{lines}".encode(), "environment.yml")
    settings = Settings(tools.find(None, None), network, str(tmp_path / "cache"))
    target = Target("linux-64", {"__glibc": "2.36", **({"__cuda": cuda} if cuda else {})})
    return [entry.package.url for entry in conda.solve(specification, [target], settings)["linux-64"]]


@pytest.mark.parametrize(
    ("path", "specs", "says"),
    [
        ("/open/channel", ["zlibb"], ["environment.yml, line 4: zlibb: ", "has no such package (did you mean zlib?)"]),
        ("/open/channel", ["zlib==2"], ["environment.yml, line 4: zlib==2: no such version; there are 1.2, 1.10"]),
        ("/open/channel", ["zlib[md5=zz]"], ["environment.yml, line 4: zlib[md5=zz] is no spec that can be solved"]),
        (
            "/open/channel",
            ["zlib", "tool", "library==1.0"],
            ["cannot be solved for linux-64", "- environment.yml, line 5: tool", "- environment.yml, line 6: library==1.0"],
        ),
        ("/open/channel", ["gpu-tool"], ["__cuda >=12.4", "solved for hosts with __glibc=2.36", "virtual_packages"]),
        ("/open/nowhere", ["zlib"], ["environment.yml, line 2: there is no channel at http://127.0.0.1:"]),
        ("/401/channel", ["zlib"], ["environment.yml, line 2: the channel", "answers 401: it wants credentials"]),
        ("/403/channel", ["zlib"], ["answers 403: it wants credentials"]),
        ("/503/channel", ["zlib"], ["environment.yml, line 2: the channel", "/503/channel answers 503."]),
        ("/garbage/channel", ["zlib"], ["environment.yml, line 2: what the channel", "/garbage/channel says of its packages cannot be read"]),
        ("/nonsense/channel", ["zlib"], ["environment.yml, line 2: what the channel", "says of its packages cannot be read"]),
    ],
)
def test_errors(tmp_path: pathlib.Path, server: str, path: str, specs: list[str], says: list[str]):
    with pytest.raises(Problem) as caught:
        solve(tmp_path, server + path, *specs)
    for words in says:
        assert words in str(caught.value)


@pytest.mark.parametrize("address", ["http://127.0.0.1:9/channel", "http://nowhere.invalid/channel"])
def test_a_server_that_does_not_answer(tmp_path: pathlib.Path, address: str):
    with pytest.raises(Problem, match=f"environment.yml, line 2: the channel {address} cannot be reached from the controller"):
        solve(tmp_path, address, "zlib")


def test_a_missing_directory(tmp_path: pathlib.Path):
    with pytest.raises(Problem, match="environment.yml, line 2: there is no channel at file:///"):
        solve(tmp_path, (tmp_path / "missing").as_uri(), "zlib")


def test_a_platform_that_a_package_is_not_there_for(tmp_path: pathlib.Path, server: str):
    text = f"channels: ['{server}/open/channel']\ndependencies: [zlib]\n"
    settings = Settings(tools.find(None, None), Network(), str(tmp_path / "cache"))
    (Server.root / "channel/linux-aarch64").mkdir(exist_ok=True)
    empty = (Server.root / "channel/noarch/repodata.json").read_text(encoding="utf-8").replace("noarch", "linux-aarch64")
    (Server.root / "channel/linux-aarch64/repodata.json").write_text(empty, encoding="utf-8")
    with pytest.raises(Problem, match="line 2: zlib: it is there for linux-64, not for linux-aarch64"):
        conda.solve(reading.parse(text.encode(), "environment.yml"), [Target("linux-aarch64", {})], settings)


def test_credentials_open_a_channel_and_are_in_nothing_that_comes_back(tmp_path: pathlib.Path, server: str):
    network = Network(credentials={"127.0.0.1": Credential("fleet", PASSWORD)})
    urls = solve(tmp_path, f"{server}/private/channel", "zlib", network=network)
    assert urls == [f"{server}/private/channel/linux-64/zlib-1.10-h0_0.conda"]
    in_url = f"{server}/private/channel".replace("//", f"//fleet:{PASSWORD}@")
    assert solve(tmp_path / "other", in_url, "zlib") == urls
    with_token = f"{server}/t/{TOKEN}/open/channel"
    assert solve(tmp_path / "third", with_token, "zlib") == [f"{server}/open/channel/linux-64/zlib-1.10-h0_0.conda"]


def test_credentials_do_not_follow_a_redirect_to_another_server(tmp_path: pathlib.Path, server: str):
    Server.told.clear()
    network = Network(credentials={"127.0.0.1": Credential("fleet", PASSWORD)})
    assert solve(tmp_path, f"{server}/elsewhere/channel", "zlib", network=network)
    assert ("127.0.0.1", RIGHT) in Server.told
    assert {told for host, told in Server.told if host == "localhost"} == {""}


def test_wrong_credentials_are_not_repeated(tmp_path: pathlib.Path, server: str):
    channel = f"{server}/private/channel".replace("//", "//fleet:wrong-Sesame@")
    with pytest.raises(Problem, match="answers 401: it wants other credentials than it was given") as caught:
        solve(tmp_path, channel, "zlib")
    assert "wrong-Sesame" not in str(caught.value)
    with pytest.raises(Problem) as caught:
        solve(tmp_path, f"{server}/t/{TOKEN}/open/nowhere", "zlib")
    assert TOKEN not in str(caught.value)


def test_a_mirror_is_asked_and_the_original_is_locked(tmp_path: pathlib.Path, server: str):
    mirrors = (("https://conda.anaconda.org", f"{server}/open"),)
    urls = solve(tmp_path, "channel", "zlib", network=Network(mirrors=mirrors))
    assert urls == ["https://conda.anaconda.org/channel/linux-64/zlib-1.10-h0_0.conda"]


def test_the_order_of_specs_does_not_count(tmp_path: pathlib.Path, server: str):
    channel = f"{server}/open/channel"
    assert solve(tmp_path, channel, "zlib", "tool") == solve(tmp_path, channel, "tool", "zlib")


def test_what_was_uploaded_later_is_not_seen(tmp_path: pathlib.Path):
    write_channel(tmp_path / "c", ("old", "1.0", []))
    specification = reading.parse(f"channels: ['{(tmp_path / 'c').as_uri()}']\ndependencies: [old]\n".encode(), "environment.yml")
    before = datetime.datetime(2025, 12, 31, tzinfo=datetime.timezone.utc)
    settings = Settings(tools.find(None, None), Network(), str(tmp_path / "cache"), exclude_newer=before)
    with pytest.raises(Problem, match="line 2: old"):
        conda.solve(specification, [Target("linux-64", {})], settings)


def test_a_python_without_py_rattler(tmp_path: pathlib.Path):
    fake = tmp_path / "python"
    fake.write_text('#!/bin/sh\nexec /usr/bin/python3 -S "$@"\n', encoding="utf-8")
    fake.chmod(0o755)
    specification = reading.parse(b"channels: [c]\ndependencies: [old]\n", "environment.yml")
    settings = Settings(tools.find(str(fake), None), Network(), str(tmp_path / "cache"))
    with pytest.raises(Problem, match=f"{fake} on the controller has no py-rattler.*{fake} -m pip install py-rattler==0.28.0 uv"):
        conda.solve(specification, [Target("linux-64", {})], settings)


def test_a_solver_that_dies(tmp_path: pathlib.Path):
    fake = tmp_path / "python"
    fake.write_text("#!/bin/sh\nkill -SEGV $$\n", encoding="utf-8")
    fake.chmod(0o755)
    specification = reading.parse(b"channels: [c]\ndependencies: [old]\n", "environment.yml")
    settings = Settings(tools.find(str(fake), None), Network(), str(tmp_path / "cache"))
    with pytest.raises(Problem, match=r"The solver \(py-rattler\) was killed by signal 11"):
        conda.solve(specification, [Target("linux-64", {})], settings)


def test_what_does_not_say_when_it_was_uploaded_counts_as_too_new(tmp_path: pathlib.Path):
    write_channel(tmp_path / "c", ("old", "1.0", []), timestamp=None)
    specification = reading.parse(f"channels: ['{(tmp_path / 'c').as_uri()}']\ndependencies: [old]\n".encode(), "environment.yml")
    after = datetime.datetime(2027, 1, 1, tzinfo=datetime.timezone.utc)
    settings = Settings(tools.find(None, None), Network(), str(tmp_path / "cache"), exclude_newer=after)
    with pytest.raises(Problem, match="line 2: old"):
        conda.solve(specification, [Target("linux-64", {})], settings)
