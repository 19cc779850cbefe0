# Copyright (c) 2026 lockstep founders
# SPDX-License-Identifier: GPL-3.0-or-later
"""What the action decides between the confirming login and the confirmation, with logins and the host made up."""

from __future__ import annotations

import pytest
from ansible_collections.lockstep.gpufleet.plugins.action import ssh_hardening
from ansible_collections.lockstep.gpufleet.plugins.plugin_utils._fresh_login import FreshLogin

GOOD = FreshLogin(True, True, "ops", "a fresh login succeeded")
BAD = FreshLogin(False, True, "ops", "a fresh login failed: Connection timed out")


class Connection:
    """The options of a connection."""

    def __init__(self):
        self.options = {"port": None, "ssh_args": "-C"}

    def get_option(self, name):
        return self.options[name]

    def set_option(self, name, value):
        self.options[name] = value


class Action(ssh_hardening.ActionModule):
    """The action without Ansible around it."""

    def __init__(self, logins=(), answers=()):
        self._connection = Connection()
        self.logins, self.answers, self.asked = list(logins), list(answers), []

    def _log_in_until(self, end):
        return self.logins.pop(0)

    def _reach(self, variables, **more):
        self.asked.append((more["_phase"], self._connection.get_option("port")))
        return self.answers.pop(0)


MOVE = {
    "_guard": "g", "_ports": [2222], "_added_ports": [2222], "_left_ports": [22], "_login_port": 22, "port": 2222,
    "_offers": ["publickey"],
}


def offering(monkeypatch, *methods, said=""):
    monkeypatch.setattr(ssh_hardening._offered_methods, "offered_methods", lambda action: (list(methods), said))


@pytest.mark.parametrize(
    ("methods", "said", "reason"),
    [
        (["publickey"], "", None),
        (["publickey", "password"], "", "sshd offers publickey, password to a login without a key"),
        (["none"], "", "sshd offers none"),
        ([], "Connection reset", "did not say which methods it offers to a login without a key: Connection reset"),
    ],
)
def test_what_is_offered_on_the_wire(monkeypatch, methods, said, reason):
    offering(monkeypatch, *methods, said=said)
    applied = {"_offers": ["publickey"]}
    found = Action().after_login({}, applied)
    assert (found is None) if reason is None else reason in found
    assert applied.get("offered_methods", []) == methods
    # Nothing is asked where nothing of ours is in force any more.
    assert Action().after_login({}, {"_offers": []}) is None


def test_a_move_goes_on_over_the_new_port(monkeypatch):
    offering(monkeypatch, "publickey")
    monkeypatch.setattr(ssh_hardening, "fresh_login", lambda action, timeout: GOOD)
    action = Action([GOOD], [{"changed": True}])
    assert action.after_login({}, dict(MOVE)) is None
    assert action.asked == [("narrow", 2222)]
    assert action._connection.options == {"port": 2222, "ssh_args": "-o Port=2222 -C"}


@pytest.mark.parametrize(
    ("logins", "answers", "last", "says"),
    [
        ([BAD], [], GOOD, "the new port 2222 does not let this controller in (a fresh login failed: Connection timed out)"),
        ([GOOD], [None], GOOD, "the old port could not be closed: the host could not be reached"),
        ([GOOD], [{"failed": True, "msg": "no room"}], GOOD, "the old port could not be closed: no room"),
        ([GOOD], [{"changed": True}], BAD, "after the old port was closed, a fresh login failed"),
    ],
)
def test_a_move_that_fails_is_reverted_over_the_old_port(monkeypatch, logins, answers, last, says):
    monkeypatch.setattr(ssh_hardening, "fresh_login", lambda action, timeout: last)
    action = Action(logins, answers)
    assert says in action.after_login({}, dict(MOVE))
    assert action._connection.options == {"port": None, "ssh_args": "-C"}


def test_a_port_that_is_only_added_is_tried_and_not_moved_to(monkeypatch):
    offering(monkeypatch, "publickey")
    monkeypatch.setattr(ssh_hardening, "fresh_login", lambda action, timeout: GOOD)
    action = Action([GOOD], [{"changed": True}])
    assert action.after_login({}, {**MOVE, "_ports": [22, 2222], "_left_ports": []}) is None
    assert action.asked == [("narrow", None)]


@pytest.mark.parametrize(
    ("login", "answer", "text"),
    [
        (BAD, {"reasons": ["ops has no key", "ops is locked"]}, "What this host's files say: ops has no key; ops is locked. "),
        (BAD, {"reasons": []}, ""),
        (BAD, None, ""),
        (FreshLogin(False, True, "ops", "a fresh login got in, but sudo failed: x"), {"reasons": ["wrong"]}, ""),
    ],
)
def test_a_failed_login_is_explained(login, answer, text):
    assert Action(answers=[answer]).explain({}, login) == text
