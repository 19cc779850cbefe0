# Copyright (c) 2026 lockstep founders
# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

import pathlib
import typing as t

import pytest
import yaml
from testbed import inventory
from testbed.inventory import Fleet, Host
from testbed.runtime import BedError

IMAGES = ("debian12", "debian13")


def _fleet(text: str) -> Fleet:
    return inventory.fleet_of(yaml.safe_load(text), IMAGES)


def test_variables_come_from_the_nearest_group_and_the_host_wins() -> None:
    fleet = _fleet(
        """
        all:
          vars: {ansible_user: ops, bed_image: debian13}
          children:
            fleet:
              vars: {bed_login: password}
              hosts:
                a: {ansible_host: 10.88.7.11}
                b: {ansible_host: 10.88.7.12, bed_login: key, bed_image: debian12}
        """
    )
    assert fleet == Fleet(
        7, (Host("a", "10.88.7.11", "debian13", "password"), Host("b", "10.88.7.12", "debian12", "key"))
    )
    assert (fleet.network, fleet.web_address) == ("lockstep-7", "10.88.7.2")
    assert [fleet.container(name) for name in ("a", "web")] == ["lockstep-7-a", "lockstep-7-web"]


def test_a_host_may_be_named_in_several_groups() -> None:
    fleet = _fleet(
        """
        all: {hosts: {a: {ansible_host: 10.88.7.11}}}
        first: {hosts: {a: }, vars: {bed_login: password}}
        second: {hosts: {a: {}}}
        """
    )
    assert fleet.hosts == (Host("a", "10.88.7.11", "debian12", "password"),)


def test_an_inventory_directory_holds_hosts_yml(tmp_path: pathlib.Path) -> None:
    (tmp_path / "hosts.yml").write_text("all: {hosts: {a: {ansible_host: 10.88.7.11}}}", encoding="utf-8")
    assert inventory.read(tmp_path, IMAGES) == inventory.read(tmp_path / "hosts.yml", IMAGES)


@pytest.mark.parametrize(
    ("document", "part"),
    [
        (None, "dictionary of groups"),
        ([], "dictionary of groups"),
        ({"all": {}}, "no hosts"),
        ({"all": []}, "group all is not"),
        ({"all": {"hosts": ["a"]}}, "`hosts` of the group all"),
        ({"all": {"hosts": {"a": "x"}}}, "variables of the host a"),
        ({"all": {"hosts": {"a": None}}}, "needs `ansible_host"),
        ({"all": {"hosts": {"a": {"ansible_host": "10.88.7.2"}}}}, "needs `ansible_host"),
        ({"all": {"hosts": {"a": {"ansible_host": "10.88.7.255"}}}}, "needs `ansible_host"),
        ({"all": {"hosts": {"a": {"ansible_host": "192.0.2.11"}}}}, "needs `ansible_host"),
        ({"all": {"hosts": {"a": {"ansible_host": "{{ address }}"}}}}, "needs `ansible_host"),
        ({"all": {"hosts": {"web": {"ansible_host": "10.88.7.11"}}}}, "cannot be a host"),
        ({"all": {"hosts": {"Gpu_1": {"ansible_host": "10.88.7.11"}}}}, "cannot be a host"),
        ({"all": {"hosts": {"a": {"ansible_host": "10.88.7.11", "bed_image": "beos"}}}}, "has debian12, debian13"),
        ({"all": {"hosts": {"a": {"ansible_host": "10.88.7.11", "bed_login": "none"}}}}, "key or password"),
        ({"all": {"hosts": {"a": {"ansible_host": "10.88.7.11"}, "b": {"ansible_host": "10.88.8.11"}}}}, "N = 7, 8"),
        ({"all": {"hosts": {"a": {"ansible_host": "10.88.7.11"}, "b": {"ansible_host": "10.88.7.11"}}}}, "given twice"),
    ],
)
def test_what_the_bed_cannot_make_is_refused(document: t.Any, part: str) -> None:
    with pytest.raises(BedError, match=part):
        inventory.fleet_of(document, IMAGES)


@pytest.mark.parametrize("content", [b"all: [", b"\xff\xfe\x00", None])
def test_an_unreadable_inventory_is_named(tmp_path: pathlib.Path, content: bytes | None) -> None:
    path = tmp_path / "hosts.yml"
    if content is not None:
        path.write_bytes(content)
    with pytest.raises(BedError, match="hosts.yml"):
        inventory.read(path, IMAGES)


def test_an_unknown_host_is_refused_with_the_known_ones() -> None:
    with pytest.raises(BedError, match="it has a, web"):
        Fleet(7, (Host("a", "10.88.7.11", "debian12", "key"),)).container("b")
