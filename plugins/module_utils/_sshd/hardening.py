# Copyright (c) 2026 lockstep founders
# SPDX-License-Identifier: GPL-3.0-or-later
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Observe, plan and apply for sshd: from what the user wants to files whose effect sshd itself has confirmed.

This module util is private to the collection.
"""

from __future__ import annotations

import contextlib
import dataclasses
import os
import typing as t

from .._files import sync_directory, write_atomically
from .._guard.present import PresentConnection
from .._plan import Plan, Problem, text_diff
from . import account, admission, algorithms, command_line, configuration, dropin, effective
from . import explaining, host, listener, ports
from .matching import Accounts, sample, subjects_of


@dataclasses.dataclass(frozen=True)
class State:
    """sshd as it is. ``connection``: the present login, None when the module does not run over SSH."""

    sshd: str
    files: configuration.Files
    known: dict[str, frozenset[str]]
    policy: algorithms.Policy | None
    listener: listener.Listener
    connection: PresentConnection | None
    accounts: Accounts
    before: dict[str, tuple[str, ...]]
    base: effective.Subject

    @property
    def groups(self) -> frozenset[str]:
        """The groups of the login account."""
        return frozenset(self.accounts.get(self.base.user, ()))

    @property
    def listening(self) -> tuple[int, ...]:
        """The ports that sshd listens on now."""
        return self.listener.ports if self.listener.socket else host.ports_of(self.before)


@dataclasses.dataclass(frozen=True)
class Change:
    """The texts that the files shall have. ``ours`` None: no drop-in; ``between``: its text while sshd moves ports."""

    main: str
    ours: str | None
    algorithms: dict[str, tuple[str, ...]] = dataclasses.field(default_factory=dict)
    rsa_bits: int = 0
    move: ports.Move = dataclasses.field(default_factory=ports.Move)
    between: str | None = None


@dataclasses.dataclass(frozen=True)
class Outlook:
    """What sshd says it will do: the configuration for every subject once the change is made.

    ``keyless``: sentences about accounts that would be allowed in but have no key.
    """

    after: dict[effective.Subject, dict[str, tuple[str, ...]]]
    change: Change
    unproven: tuple[configuration.ConfigLine, ...] = ()
    keyless: tuple[str, ...] = ()

    def facts(self, wanted: dropin.Wanted | None) -> dict[str, t.Any]:
        """Return the module's return values about the configuration in force."""
        if wanted is None:
            return {}
        facts: dict[str, t.Any] = {
            "profile": wanted.profile,
            "post_quantum": algorithms.post_quantum(self.change.algorithms),
            "subjects": [str(subject) for subject in self.after],
            "unproven": [str(line) for line in self.unproven],
        }
        if wanted.ports:
            facts["port"] = wanted.ports[0]
        return facts

    def offers(self) -> list[str]:
        """Return the methods that a login of the login account without a key is told, by the configuration."""
        values = next(iter(self.after.values()))
        methods = {"publickey": "pubkeyauthentication", "password": "passwordauthentication",
                   "keyboard-interactive": "kbdinteractiveauthentication"}
        return [method for method, keyword in methods.items() if values.get(keyword) == ("yes",)]


def observe(connection: PresentConnection | None) -> State:
    """Read this host. Raises Problem where sshd is missing, or does not accept its own configuration."""
    sshd = host.find_sshd()
    listening = listener.observe()
    elsewhere = command_line.other_configuration(listening.options, configuration.MAIN)
    if elsewhere is not None:
        raise Problem(
            f"sshd of this host reads another file than {configuration.MAIN}, which nothing here would change: {elsewhere}. "
            "Remove the option -f"
        )
    error = host.validate(sshd)
    if error:
        raise Problem(f"sshd's configuration was broken before this run, so nothing was changed. sshd says: {error}")
    options = command_line.for_test_mode(listening.options)
    if connection is None:
        port = host.ports_of(host.effective(sshd, None, options=options))[0]
        base = effective.Subject("root", "localhost", "127.0.0.1", "127.0.0.1", port)
    else:
        base = effective.Subject(
            connection.user, connection.client, connection.client, connection.server, connection.server_port
        )
    return State(
        sshd,
        host.read_files(),
        host.supported(sshd),
        host.crypto_policy(),
        listening,
        connection,
        host.accounts(base.user),
        host.effective(sshd, base, options=options),
        base,
    )


def subjects(wanted: dropin.Wanted | None, state: State) -> tuple[list[effective.Subject], list[configuration.ConfigLine]]:
    """Return whom the configuration is asserted for, the login account first, and the Match lines left unproven.

    The login account, root and one other, which stands for all that no Match names; each once as the present login
    comes, and once for an example of every Match line, the user's exceptions included.
    """
    other = next((name for name in ("nobody", "daemon", "bin") if name != state.base.user and name in state.accounts), None)
    names = dict.fromkeys([state.base.user, "root", *([other] if other else [])])
    bases = [dataclasses.replace(state.base, user=name) for name in names]
    if wanted is None:
        return bases[:1], []
    found, unproven = subjects_of(state.files.lines(), bases, state.accounts)
    for exemption in wanted.exceptions:
        example = sample(exemption.criteria, state.base, state.accounts)
        if example is None:
            raise Problem(
                f"exceptions: no account or address of this host matches '{exemption.match}', so that its effect cannot be "
                "checked; create the account or group first, or correct the pattern"
            )
        found.append(example)
    return list(dict.fromkeys([*bases, *found])), unproven


def change(wanted: dropin.Wanted | None, state: State) -> Change:
    """Return the wanted texts; raises Problem where the present login would be shut out."""
    if wanted is None:
        return Change(configuration.without_include(state.files.main), None)
    dropin.check(wanted)
    if state.connection is not None:
        reason = admission.accounts_shut_out(
            state.base.user, state.groups, wanted.allow_users, wanted.allow_groups, state.base.addr
        )
        if reason:
            raise Problem(f"refused, because the login account of this run would be shut out: {reason}")
    chosen = algorithms.choose(state.known, wanted.profile, state.policy)
    # Before 9.1 there is no such directive.
    bits = algorithms.rsa_bits(wanted.profile, state.policy) if "requiredrsasize" in state.before else 0
    check_host_keys(state.before.get("hostkey", ()), bits)
    move = ports.plan(wanted.ports, state.listening, state.files.lines(), state.files.ours, state.listener)
    old = "challengeresponseauthentication" in state.before
    return Change(
        configuration.with_include(state.files.main),
        dropin.render(wanted, chosen, old, bits, move.own),
        chosen,
        bits,
        move,
        dropin.render(wanted, chosen, old, bits, move.between) if move else None,
    )


def check_host_keys(paths: t.Sequence[str], bits: int) -> None:
    """Raise Problem where this host has no key left to show: nobody could connect any more."""
    keys = [key for path in paths for key in account.read_keys(path + ".pub")]
    usable = [key for key in keys if key.bits is None and key.type == "ssh-ed25519" or (key.bits or 0) >= max(bits, 1)]
    if keys and not usable or not keys and not any(path.endswith(("ed25519_key", "rsa_key")) for path in paths):
        raise Problem(
            f"this host has no Ed25519 host key and no RSA host key of {bits or 1024} bits or more, so nobody could connect "
            "any more; create one with: ssh-keygen -A"
        )


def predict(wanted: dropin.Wanted | None, change_: Change, state: State) -> Outlook:
    """Ask sshd what the change would put in force, for every subject, from a private copy of its files."""
    everybody, unproven = subjects(wanted, state)
    options = command_line.for_test_mode(state.listener.options)
    with host.merged_view(state.files, change_.main, change_.ours) as view:
        error = host.validate(state.sshd, view.path)
        if error:
            raise Problem(f"sshd would not accept the change, so nothing was done. sshd says: {view.translated(error)}")
        after = {subject: host.effective(state.sshd, subject, view.path, options) for subject in everybody}
    return Outlook(after, change_, tuple(unproven), keyless_accounts(wanted, state, after[everybody[0]]))


def keyless_accounts(
    wanted: dropin.Wanted | None, state: State, values: t.Mapping[str, tuple[str, ...]]
) -> tuple[str, ...]:
    """Return a warning for each account named by allow_users, besides that of this login, which has no key."""
    named = [pattern.partition("@")[0] for pattern in (wanted.allow_users if wanted is not None else ())]
    plain = dict.fromkeys(name for name in named if name != state.base.user and not set(name) & set("*?"))
    found = (explaining.without_key(account.observe(name, values)) for name in plain)
    return tuple(sentence for sentence in found if sentence is not None)


def make_plan(wanted: dropin.Wanted | None, change_: Change, state: State, outlook: Outlook) -> Plan:
    """Return what to do. Raises Problem where files that sort before ours, or stand above us, keep us from it."""
    lines = state.files.lines(change_.main)
    options = state.listener.options
    first = next(iter(outlook.after))
    if wanted is not None:
        check_effect(wanted, change_, outlook.after, state, lines)
    after_ports = state.listener.ports if change_.move.then == () and state.listener.socket else _ports_after(
        outlook.after[first], state
    )
    if change_.move.then:
        blamed = [option.origin for option in options if option.keyword == "port"]
        ports.check_in_force(change_.move.then, after_ports, [*blamed, *effective.blame("port", lines, configuration.PATH)])
    if state.connection is not None:
        check_login(state.base, state.groups, outlook.after[first], lines)
        if not state.listener.socket:
            ports.check_login_port(state.base.lport, after_ports, [*change_.move.then, *_unheard(state)])
    steps: list[str] = []
    diff: list[dict[str, str]] = []
    if change_.ours != state.files.ours:
        steps.append(f"{'write' if change_.ours is not None else 'remove'} {configuration.PATH}")
        diff.append(text_diff(configuration.PATH, state.files.ours, change_.ours))
    if change_.main != state.files.main:
        verb = "read our drop-in first in" if wanted is not None else "take our line out of"
        steps.append(f"{verb} {configuration.MAIN}")
        diff.append(text_diff(configuration.MAIN, state.files.main, change_.main))
    if change_.move:
        steps.append(change_.move.step)
    warnings = [
        f"nothing is known about connections that match {line.path} line {line.number} ('Match {line.value}')"
        for line in outlook.unproven
    ]
    warnings += outlook.keyless
    if steps:
        steps += state.listener.steps(bool(change_.move))
        diff += _effective_diff(first, state.before, outlook.after[first])
    return Plan(tuple(steps), tuple(diff), tuple(warnings))


def _ports_after(values: dict[str, tuple[str, ...]], state: State) -> tuple[int, ...]:
    if state.listener.socket and not state.listener.generated:
        return state.listener.ports
    return host.ports_of(values)


def _unheard(state: State) -> tuple[int, ...]:
    """The port of the present connection where sshd does not listen on it now either: somebody else forwards it."""
    return () if state.base.lport in state.listening else (state.base.lport,)


def _effective_diff(
    subject: effective.Subject, before: dict[str, tuple[str, ...]], after: dict[str, tuple[str, ...]]
) -> list[dict[str, str]]:
    """Return Ansible's diff of the directives whose value in force changes for ``subject``."""
    changed = [keyword for keyword in sorted({*before, *after}) if before.get(keyword) != after.get(keyword)]
    if not changed:
        return []

    def text(values: dict[str, tuple[str, ...]]) -> str:
        return "".join(f"{keyword} {value}\n" for keyword in changed for value in values.get(keyword, ()))

    return [text_diff(f"in force for {subject} (sshd -T)", text(before), text(after))]


def check_effect(
    wanted: dropin.Wanted,
    change_: Change,
    after: dict[effective.Subject, dict[str, tuple[str, ...]]],
    state: State,
    lines: list[configuration.ConfigLine],
) -> None:
    """Raise Problem for everything that would not be in force, naming who says otherwise, by file and line."""
    plain = dropin.expected(wanted, change_.algorithms, change_.rsa_bits)
    complaints: dict[str, None] = {}
    for subject, values in after.items():
        expected = dropin.expected_for(subject, plain, wanted, state.accounts)
        for keyword, (wished, found) in effective.differences(expected, values).items():
            started_with = [option.origin for option in state.listener.options if option.keyword == keyword]
            culprits = "; ".join(str(line) for line in started_with or effective.blame(keyword, lines, configuration.PATH))
            complaints[
                f"{keyword} would be '{' '.join(found)}' instead of '{' '.join(wished)}' for {subject}"
                + (f", because of {culprits}" if culprits else "")
            ] = None
    if complaints:
        raise Problem(
            "other directives beat ours. Remove them, or move them to a file that sorts after "
            f"{os.path.basename(configuration.PATH)}; until then nothing is changed: " + ". ".join(complaints)
        )


def check_login(
    subject: effective.Subject,
    groups: frozenset[str],
    values: dict[str, tuple[str, ...]],
    lines: list[configuration.ConfigLine],
) -> None:
    """Raise Problem where a reload would shut out the login account: sshd may not have read all files of others yet."""
    reason = admission.login_refused(subject.user, groups, values, subject.addr)
    if reason:
        keyword = reason.split()[0]
        culprits = "; ".join(str(line) for line in effective.blame(keyword, lines, configuration.PATH))
        raise Problem(
            f"refused, because {subject.user}, the login account of this run, would be shut out once sshd reads its files: "
            f"{reason}" + (f" ({culprits})" if culprits else "")
        )


def write(main: str, ours: str | None) -> None:
    """Bring the files to the wanted texts, each at once."""
    os.makedirs(configuration.DIRECTORY, mode=0o755, exist_ok=True)
    now = host.read_files()
    if ours is None:
        with contextlib.suppress(FileNotFoundError):
            os.unlink(configuration.PATH)
            sync_directory(configuration.DIRECTORY)
    elif now.ours != ours:
        write_atomically(configuration.PATH, ours.encode(), mode=0o644)
    if now.main != main:
        path = os.path.realpath(configuration.MAIN)
        status = os.stat(path)
        content = main.encode("utf-8", "surrogateescape")
        write_atomically(path, content, mode=status.st_mode & 0o7777, owner=(status.st_uid, status.st_gid))


def assert_in_force(wanted: dropin.Wanted | None, change_: Change, state: State) -> None:
    """Have sshd check the files in their places, and assert what they put in force. Raises Problem."""
    error = host.validate(state.sshd)
    if error:
        raise Problem(f"sshd does not accept its configuration after the change: {error}")
    if wanted is None:
        return
    options = command_line.for_test_mode(state.listener.options)
    everybody, _unproven = subjects(wanted, state)
    after = {subject: host.effective(state.sshd, subject, options=options) for subject in everybody}
    check_effect(wanted, change_, after, state, host.read_files().lines())


def explain(user: str | None, said: str, state: State) -> list[str]:
    """Return why ``user`` (None: the account of the present connection) did not get in with a key, read from files."""
    subject = dataclasses.replace(state.base, user=user or state.base.user)
    options = command_line.for_test_mode(state.listener.options)
    values = host.effective(state.sshd, subject, options=options)
    found = account.observe(subject.user, values)
    return explaining.reasons(found, subject, host.groups_of(subject.user) or frozenset(), values, said)
