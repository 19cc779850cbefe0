# Copyright (c) 2026 lockstep founders
# SPDX-License-Identifier: GPL-3.0-or-later
"""The role says the same as the module, and its README's example is one that works."""

from __future__ import annotations

import pathlib
import re

import pytest
import yaml
from ansible_collections.lockstep.gpufleet.plugins.module_utils._nftables import plan
from ansible_collections.lockstep.gpufleet.plugins.modules import firewall

ROLE = pathlib.Path(__file__).parents[5] / "roles/firewall"
README = (ROLE / "README.md").read_text(encoding="utf-8")
SPECS = yaml.safe_load((ROLE / "meta/argument_specs.yml").read_text(encoding="utf-8"))["argument_specs"]["main"]["options"]
DEFAULTS = yaml.safe_load((ROLE / "defaults/main.yml").read_text(encoding="utf-8"))
OPTIONS = yaml.safe_load(firewall.DOCUMENTATION)["options"]


def test_the_examples_options_are_read_as_the_module_reads_them():
    example = yaml.safe_load(re.search(r"```yaml\n(.*?)```", README, re.DOTALL)[1])
    assert set(example) <= set(SPECS)
    options = {name.removeprefix("firewall_"): value for name, value in {**DEFAULTS, **example}.items()}
    groups = {"gpu_servers": ["10.0.0.1", "2001:db8::1"], "jump_hosts": ["192.0.2.17"]}
    wanted = plan.make_wanted(plan.read_openings(options, [22], groups), groups, None, ["192.0.2.17"])
    text = "\n".join(wanted.table.lines())
    assert "ip saddr @group_jump_hosts_ipv4 tcp dport 22 counter accept" in text
    assert "ip6 saddr @group_gpu_servers_ipv6 udp dport 4791 counter accept" in text
    assert "chain forward" in text and "log prefix" in text and "limit rate over 10/minute" in text
    assert not wanted.warnings


def test_every_option_is_in_the_readme():
    assert [name for name in SPECS if name not in README] == []


@pytest.mark.parametrize("name", sorted(SPECS))
def test_the_roles_options_are_the_modules(name):
    spec, option = SPECS[name], OPTIONS.get(name.removeprefix("firewall_"))
    # guard and window are documented once for all guarded modules.
    if option is not None:
        for key in ("type", "elements", "default", "choices"):
            assert spec.get(key) == option.get(key), key
        assert set(spec.get("options", ())) == set(option.get("suboptions", ()))
    assert DEFAULTS[name] == spec.get("default")
    assert f'{name.removeprefix("firewall_")}: "{{{{ {name} }}}}"' in (ROLE / "tasks/main.yml").read_text(encoding="utf-8")


def test_the_modules_default_interfaces_are_those_of_the_plan():
    assert tuple(OPTIONS["trusted_interfaces"]["default"]) == plan.TRUSTED
