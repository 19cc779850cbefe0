# Copyright (c) 2026 lockstep founders
# SPDX-License-Identifier: GPL-3.0-or-later
"""What the demo shows on a terminal. Plain lines where there is none."""

from __future__ import annotations

import typing as t

from rich.console import Console
from rich.table import Table
from rich.text import Text

_PLAN_LINES = 3
# Of output that goes to a file or a log.
_WIDTH = 120


class DemoError(Exception):
    """The demo cannot go on; the text says why, in words for the person before the terminal."""


class Show:
    """The terminal. Every step is one line; what is going on right now is a line that goes away."""

    def __init__(self) -> None:
        self._console = Console(highlight=False)
        if not self._console.is_terminal:
            self._console = Console(highlight=False, width=_WIDTH)
        self._status = self._console.status("")

    def chapter(self, title: str, words: str = "") -> None:
        """Begin a part of the demo."""
        self.rest()
        self._console.print()
        self._console.print(Text.assemble((title, "bold"), (f"  {words}" if words else "", "dim")))

    def working(self, words: str) -> None:
        """Say what is going on right now; on a terminal only."""
        if self._console.is_terminal:
            self._status.update(Text(words, "dim"))
            self._status.start()

    def rest(self) -> None:
        """Take the line that says what is going on away."""
        self._status.stop()

    def done(self, words: str, seconds: float | None = None) -> None:
        """Say that a step is done."""
        self.rest()
        time = f"  {seconds:.1f} s" if seconds is not None else ""
        self._console.print(Text.assemble(("  ✓ ", "green"), words, (time, "dim")))

    def note(self, words: str) -> None:
        """Say something beside."""
        self.rest()
        self._console.print(Text(f"    {words}", "dim"))

    def command(self, words: str, meaning: str = "") -> None:
        """Show a command as it could be typed."""
        self.rest()
        line = Text.assemble(("  $ ", "dim"), (f"{words:<62}" if meaning else words, "cyan"))
        line.append(f"# {meaning}" if meaning else "", "dim")
        self._console.print(line, soft_wrap=True)

    def warning(self, words: str) -> None:
        """Show what Ansible warned of."""
        self.rest()
        self._console.print(Text.assemble(("      ! ", "yellow"), (words, "yellow")), soft_wrap=True)

    def task(self, role: str, name: str, text: str, seconds: float, changed: bool, failed: bool) -> None:
        """Show one task of the playbook, on all hosts."""
        self.rest()
        mark, style = ("✗", "red") if failed else ("●", "yellow") if changed else ("✓", "green")
        line = Text.assemble((f"  {mark} ", style), f"{role:<15}", (f"{name[:56]:<57}", "dim"), (f"{text:<12}", style))
        line.append(f"{seconds:5.1f} s", "dim")
        self._console.print(line, overflow="ellipsis", no_wrap=True)

    def plan(self, lines: t.Sequence[str]) -> None:
        """Show what a task did, shortened."""
        for line in lines[:_PLAN_LINES]:
            self._console.print(Text(f"      {line}", "dim"), overflow="ellipsis", no_wrap=True)
        if len(lines) > _PLAN_LINES:
            self._console.print(Text(f"      … {len(lines) - _PLAN_LINES} more", "dim"))

    def table(self, columns: t.Sequence[str], rows: t.Iterable[t.Sequence[str]]) -> None:
        """Show a table without lines."""
        self.rest()
        table = Table(box=None, padding=(0, 3, 0, 0), header_style="bold")
        for column in ("", *columns):
            table.add_column(column)
        for row in rows:
            table.add_row("", *row)
        self._console.print(table)

    def plain(self, words: str = "") -> None:
        """Show a line."""
        self.rest()
        self._console.print(Text(words))

    def error(self, words: str) -> None:
        """Show why the demo ends here."""
        self.rest()
        self._console.print()
        self._console.print(Text.assemble(("✗ ", "red"), words))
