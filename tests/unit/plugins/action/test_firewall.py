# Copyright (c) 2026 lockstep founders
# SPDX-License-Identifier: GPL-3.0-or-later
"""The action tells the module who is in a group; a whole fleet's run of a task asks once."""

from __future__ import annotations

import types

import pytest
from ansible.errors import AnsibleActionFail
from ansible_collections.lockstep.gpufleet.plugins.action import firewall
from ansible_collections.lockstep.gpufleet.plugins.plugin_utils._guarded_action import GuardedAction


@pytest.fixture
def sent(monkeypatch, tmp_path):
    """What the module is told."""
    told: list[dict] = []
    monkeypatch.setattr(firewall.C, "DEFAULT_LOCAL_TMP", str(tmp_path), raising=False)
    monkeypatch.setattr(GuardedAction, "_call", lambda _self, _variables, **more: told.append(more) or {})
    return told


def action(uuid="one", **arguments):
    made = object.__new__(firewall.ActionModule)
    made._task = types.SimpleNamespace(args=arguments, _uuid=uuid)
    return made


class HostVars(dict):
    """Counts who is asked about."""

    asked: list[str]

    def __getitem__(self, host):
        self.asked.append(host)
        return super().__getitem__(host)


@pytest.fixture
def variables():
    hosts = HostVars(a={"ansible_host": "10.0.0.1"}, b={"ansible_host": "10.0.0.2"}, c={"ansible_host": "127.0.0.1"})
    hosts.asked = []
    return {"groups": {"gpu": ["a", "b"], "other": ["b"], "bad": ["c"]}, "hostvars": hosts}


def test_each_call_of_the_module_is_told_and_the_inventory_is_asked_once(sent, variables):
    for _host in range(2):
        made = action(ssh_source_groups=["gpu"])
        made._call(variables, _phase="confirm")
        made._call(variables)
    groups = {"gpu": ["10.0.0.1", "10.0.0.2"]}
    assert sent == [{"_phase": "confirm", "_groups": groups}, {"_groups": groups}] * 2
    assert set(variables["hostvars"].asked) == {"a", "b"}
    asked = len(variables["hostvars"].asked)
    action(ssh_source_groups=["other"])._call(variables)
    assert sent[-1] == {"_groups": {"other": ["10.0.0.2"]}}
    assert len(variables["hostvars"].asked) > asked
    action("another task", ssh_source_groups=["gpu"])._call(variables)
    assert sent[-1] == {"_groups": groups}


@pytest.mark.parametrize("arguments", [{}, {"state": "absent", "ssh_source_groups": ["gpu"]}])
def test_nothing_is_asked_where_no_group_matters(sent, variables, arguments):
    action(**arguments)._call(variables)
    assert sent == [{}] and variables["hostvars"].asked == []


@pytest.mark.parametrize(("group", "says"), [("bad", "the address of c, a host of the group bad"), ("none", "no group 'none'")])
def test_what_is_not_known_ends_the_task_before_the_module_is_called(sent, variables, group, says):
    for _host in range(2):
        with pytest.raises(AnsibleActionFail, match=f"nothing was changed: .*{says}"):
            action(ssh_source_groups=[group])._call(variables)
    assert sent == []
