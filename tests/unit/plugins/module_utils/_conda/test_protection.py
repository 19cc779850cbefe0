# Copyright (c) 2026 lockstep founders
# SPDX-License-Identifier: GPL-3.0-or-later
"""What conda and pip tell people who want to change an environment. Real ones are asked on a host."""

from __future__ import annotations

import configparser
import json
import os

import pytest

from ansible_collections.lockstep.gpufleet.plugins.module_utils._conda import protection
from ansible_collections.lockstep.gpufleet.plugins.module_utils._plan import Problem

LINK = "/opt/lockstep/envs/ai_env"


def test_the_message_names_environment_manager_and_ways():
    text = protection.message("ai_env", LINK)
    for part in ("environment ai_env is managed by Ansible", "environment.yml", "locked", "lockstep.gpufleet.provision"):
        assert part in text
    assert f"{LINK}/bin/python -m venv --system-site-packages ~/ai_env-and-mine" in text
    assert "~/ai_env-and-mine/bin/python -m ipykernel install --user --name ai_env-and-mine" in text
    assert "conda create -n mine" in text and f"conda create -n mine --clone $(readlink -f {LINK})" in text


@pytest.mark.parametrize(("contact", "told"), [("", "the administrators of this host"), ("#gpu on chat, 100%", "#gpu on chat, 100%")])
def test_the_message_names_whom_to_ask(contact, told):
    assert f"Whom to ask: {told}\n" in protection.message("ai_env", LINK, contact)


@pytest.mark.parametrize("contact", [" ml@example.org", "ml@example.org\n", "a\nb", "\x1b[31m", "x" * 201])
def test_a_contact_that_is_no_line_is_refused(contact):
    with pytest.raises(Problem, match="contact: "):
        protection.check_contact(contact)


def test_a_contact_of_any_script_is_taken():
    assert protection.check_contact("Plattform-Team, Büro 4 · ml@example.org") == "Plattform-Team, Büro 4 · ml@example.org"


def test_both_signs_are_written_as_new_files_and_say_the_same(tmp_path):
    prefix = tmp_path / "prefix"
    (prefix / "lib" / "python3.11").mkdir(parents=True)
    (prefix / "conda-meta").mkdir()
    (tmp_path / "cached").write_text("of a package")
    (prefix / "conda-meta" / "frozen").hardlink_to(tmp_path / "cached")
    (prefix / "CACHEDIR.TAG").touch()
    written = protection.add(str(prefix), "ai_env", LINK)
    assert written == {"conda-meta/frozen", "conda-meta/EXTERNALLY-MANAGED", "lib/python3.11/EXTERNALLY-MANAGED"}
    assert os.readlink(prefix / "lib" / "python3.11" / "EXTERNALLY-MANAGED") == "../../conda-meta/EXTERNALLY-MANAGED"
    assert (tmp_path / "cached").read_text() == "of a package"
    assert not (prefix / "CACHEDIR.TAG").exists()
    text = protection.message("ai_env", LINK)
    assert json.loads((prefix / "conda-meta" / "frozen").read_text()) == {"message": text}
    parser = configparser.ConfigParser(interpolation=None)  # as pip reads it
    parser.read(prefix / "lib" / "python3.11" / "EXTERNALLY-MANAGED")
    assert " ".join(parser["externally-managed"]["Error"].split()) == " ".join(text.split())
