# Copyright (c) 2026 lockstep founders
# SPDX-License-Identifier: GPL-3.0-or-later
"""Work in the background of hosts: it is told, it outlives connections and controllers, and it has a limit."""

from __future__ import annotations

import json
import pathlib
import re
import shutil
import typing as t

import pytest

from faults.background.site import CRAWL, SECRET, Site, has_said
from faults.environments.laboratory import VARS, results
from faults.hosts import PROJECT

FETCHING = r"^work01: slow: fetch \d of \d archives"


def test_long_work_is_told_and_quick_work_is_not(sites: list[Site]):
    """A loop, on two hosts at once, of which one is reached and asked for the right to be root by password."""
    first = sites[0]
    loop = [{"name": "quick", "lock": first.lock()}, {"name": "slow", "lock": first.lock("debugpy")}]
    options = first.wanted(environments=["{{ item }}"])
    task = first.task(options, f"loop: {json.dumps(loop)}", "loop_control: {label: '{{ item.name }}'}")
    run = first.start_playbook(task, "--limit", ",".join(site.name for site in sites))
    for site in sites:
        has_said(run, rf"^{site.name}: slow: fetch 0 of 1 archives, [\d.]+ of 4\.4 MB, \d+ kB/s$")
    for site in sites:
        assert site.console("ls /run/lockstep-jobs/*/progress")
        assert site.places_of_the_secret() == ""
    first.mood()
    run.wait()
    assert not run.failed, run.output
    assert SECRET not in run.output
    for site in sites:
        assert len(re.findall(rf"(?m)^{site.name}: quick: ", run.output)) <= 2, run.output
        assert site.observe("slow")["active"] and site.observe("quick")["active"]


@pytest.mark.parametrize("how", ["closed", "silent"])
def test_the_connection_is_lost(site: Site, how):
    run = site.begin(site.wanted("debugpy"))
    run.until(FETCHING)
    site.cut(how)
    run.until("^work01: cannot be reached, its work goes on")
    site.mend()
    asked = site.fetched()
    site.mood()
    run.wait()
    result = results(run)[0]
    assert not run.failed and not result.get("failed") and result["changed"], run.output
    assert [name for name in asked + site.fetched() if "debugpy" in name] == [name for name in asked if "debugpy" in name]
    assert len([name for name in asked if "debugpy" in name]) == 1
    assert SECRET not in run.output


def test_the_controller_dies(site: Site):
    run = site.begin(site.wanted("debugpy"))
    run.until(FETCHING)
    run.kill()
    site.stop_masters()
    seen = site.observe("slow")
    assert seen["strangers"] and seen["lock"] and not seen["active"]
    assert site.places_of_the_secret() == ""
    second = site.begin(site.wanted("debugpy"), site.wanted("debugpy"), again="-second")
    second.until(r"^work01: wait for another run on this host, which is at slow: fetch \d of \d archives")
    asked = site.fetched()
    site.mood()
    second.wait()
    waited, again = results(second)
    assert not waited.get("failed") and waited["environments"][0]["generation"] == site.observe("slow")["active"]
    assert not again.get("failed") and again["changed"] is False and again["plan"] == []
    assert len([name for name in asked + site.fetched() if "debugpy" in name]) == 1
    # Nobody asked for the first job's result. Half an hour later the next job takes it away.
    left = site.observe("slow")["litter"]
    assert len(left) == 1 and left[0].startswith("/run/lockstep-jobs/")
    assert site.left_by_ansible("-type f") == ""
    site.console(f"touch -d '1 hour ago' {left[0]}; rm -rf /home/ops/.ansible/tmp/ansible-tmp-*")
    assert site.apply(site.wanted())[0]["changed"]


@pytest.mark.parametrize("phase", ["fetch", "try"])
def test_the_time_is_up(site: Site, phase):
    site.mood()
    before = site.apply(site.wanted())[0]
    assert not before.get("failed"), before
    limit = 3 if phase == "fetch" else 12
    wanted = site.wanted("debugpy", time_limit=limit)
    if phase == "fetch":
        site.mood(CRAWL)
    else:
        wanted["environments"][0]["smoke_test"] = {"command": "sleep 6000", "timeout": 9000}
    run = site.begin(wanted)
    run.wait()
    result = results(run)[0]
    assert result["failed"] and result["changed"] is False and run.output.count("[ERROR]") == 1, run.output
    assert f"within {limit} s (time_limit) and was stopped (phase: {phase})." in result["msg"], result
    assert site.observe("slow")["active"] == before["environments"][0]["generation"]
    site.check_nothing_left()
    site.mood()
    first, second = site.apply(site.wanted("debugpy"), site.wanted("debugpy"))
    assert not first.get("failed") and first["changed"], first
    assert not second.get("failed") and second["changed"] is False, second


@pytest.mark.parametrize("how", ["by a signal", "by a restart"])
def test_the_work_is_stopped(site: Site, how):
    run = site.begin(site.wanted("debugpy"))
    run.until(FETCHING)
    if how == "by a restart":
        site.power_cycle()
    else:
        site.console("for p in $(cat /run/lockstep-jobs/*/pid); do if grep -q build /proc/$p/comm; then kill $p; fi; done")
    run.wait()
    result = results(run)[0]
    words = "maybe the host was restarted" if how == "by a restart" else "It was told to stop (signal TERM)"
    assert result["failed"] and result["changed"] is False and words in result["msg"], result
    assert site.observe("slow")["active"] is None
    site.mood()
    assert site.apply(site.wanted("debugpy"))[0]["changed"]


def test_async_is_refused(site: Site):
    run = site.start_playbook(site.task(site.wanted(), "async: 600", "poll: 0"))
    run.wait()
    assert run.failed and "Take async and poll away from this task" in run.said
    assert site.observe("slow")["active"] is None


@pytest.fixture
def local_root() -> t.Iterator[pathlib.Path]:
    """Where this machine has a store for a moment."""
    root = PROJECT / "build/molecule/background/local"
    shutil.rmtree(root, ignore_errors=True)
    yield root
    shutil.rmtree(root)


def test_no_connection_is_needed(site: Site, local_root: pathlib.Path):
    """This machine makes an environment for itself."""
    network = site.address.rpartition(".")[0]
    lock = site.lock("debugpy", server=f"http://ops:{SECRET}@{network}.2:8081/fault/mood")
    mirror = VARS["bed_wheels"].replace("conda.bed.test", f"{network}.2")
    wanted = site.options("slow", lock, root=str(local_root), engine_mirror=mirror)
    variables = {"ansible_connection": "local", "ansible_become": False, "ansible_python_interpreter": "/usr/bin/python3"}
    local = site.task(wanted), "-i", "localhost,", "--limit", "localhost"
    run = site.start_playbook(*local, **variables)
    run.until(r"^localhost: slow: fetch \d of 6 archives")  # the engine's too
    site.mood()
    run.wait()
    assert not run.failed and "changed=1" in run.output, run.output
    again = site.start_playbook(*local, **variables)
    again.wait()
    assert not again.failed and "changed=0" in again.output, again.output
    assert SECRET not in run.output + again.output
