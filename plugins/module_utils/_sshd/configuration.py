# Copyright (c) 2026 lockstep founders
# SPDX-License-Identifier: GPL-3.0-or-later
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""sshd's configuration files as texts: what they include, in which order their lines are read, under which Match.

This module util is private to the collection. Pure.
"""

from __future__ import annotations

import dataclasses
import fnmatch
import os
import typing as t

DIRECTORY = "/etc/ssh/sshd_config.d"
PATH = DIRECTORY + "/00-lockstep.conf"
MAIN = "/etc/ssh/sshd_config"
#: The line above our Include in a main file that does not read the drop-in early enough.
MARK = "# lockstep.gpufleet: read before every other directive, because the first value wins"
# sshd gives up at this depth too.
_DEPTH = 16


@dataclasses.dataclass(frozen=True)
class ConfigLine:
    """One directive in one file.

    ``match``: the Match line (or lines, where a block includes a file) that it stands under, or an empty string.
    ``early``: it is read before our drop-in, so that its value is the first one.
    """

    path: str
    number: int
    keyword: str
    value: str
    match: str = ""
    early: bool = False

    def __str__(self) -> str:
        under = f" (under '{self.match}')" if self.match else ""
        return f"{self.path} line {self.number}: {self.keyword} {self.value}{under}"


@dataclasses.dataclass(frozen=True)
class Files:
    """The configuration files as texts: main file, our drop-in (None: absent), and all others that are read, by path."""

    main: str
    ours: str | None
    others: dict[str, str]

    def included(self, pattern: str) -> list[str]:
        """Return the paths that an Include of ``pattern`` reads, in sshd's order; ours stands among them."""
        paths = {*self.others, PATH}
        return sorted(path for path in paths if path_matches(path, pattern))

    def lines(self, main: str | None = None) -> list[ConfigLine]:
        """Return the directives of all files but ours in the order in which sshd reads them.

        ``main``: another text for the main file.
        """
        reader = _Reader(self)
        reader.read(MAIN, self.main if main is None else main, "", 0)
        return [
            dataclasses.replace(line, early=reader.ours_at is not None and index < reader.ours_at)
            for index, line in enumerate(reader.found)
        ]


class _Reader:
    """Follows Include from the main file on, as sshd does."""

    def __init__(self, files: Files) -> None:
        self.files = files
        self.found: list[ConfigLine] = []
        self.ours_at: int | None = None

    def read(self, path: str, text: str, outer: str, depth: int) -> None:
        for line in parse_lines(path, text, outer):
            self.found.append(line)
            if line.keyword.lower() != "include" or depth >= _DEPTH:
                continue
            for pattern in words(line.value):
                for included in self.files.included(absolute(pattern)):
                    if included == PATH:
                        if self.ours_at is None:
                            self.ours_at = len(self.found)
                    else:
                        self.read(included, self.files.others[included], line.match, depth + 1)


def parse_lines(path: str, text: str, outer: str = "") -> list[ConfigLine]:
    """Read the directives of one configuration file with the Match line that each stands under.

    ``outer``: the Match line under which the file itself is included; both have to match then.
    """
    found = []
    match = outer
    for number, line in enumerate(text.splitlines(), start=1):
        keyword, value = split_keyword(line)
        if not keyword:
            continue
        is_match = keyword.lower() == "match"
        found.append(ConfigLine(path, number, keyword, value, outer if is_match else match))
        if is_match:
            match = f"{outer} + {line.strip()}" if outer else line.strip()
    return found


def split_keyword(line: str) -> tuple[str, str]:
    """Return the keyword and the rest of one line; two empty strings for a comment or an empty line."""
    stripped = line.strip(" \t\r\f")
    if not stripped or stripped.startswith("#"):
        return "", ""
    end = next((index for index, letter in enumerate(stripped) if letter in " \t="), len(stripped))
    rest = stripped[end:].lstrip(" \t")
    if rest.startswith("="):
        rest = rest[1:].lstrip(" \t")
    return stripped[:end].strip('"'), rest


def words(text: str) -> list[str]:
    """Split the rest of a line as sshd does: at blanks outside of quotes, up to a comment."""
    found: list[str] = []
    current: str | None = None
    quote = ""
    letters = iter(text)
    for letter in letters:
        if letter == "\\":
            following = next(letters, "")
            current = (current or "") + (following if following in "\"'\\ " else letter + following)
        elif quote:
            if letter == quote:
                quote = ""
            else:
                current = (current or "") + letter
        elif letter in "\"'":
            quote = letter
            current = current or ""
        elif letter in " \t":
            if current is not None:
                found.append(current)
            current = None
        elif letter == "#" and current is None:
            break
        else:
            current = (current or "") + letter
    if current is not None:
        found.append(current)
    return found


def absolute(pattern: str) -> str:
    """Return an Include's argument as sshd takes it: relative names are below /etc/ssh, whichever file says them."""
    return pattern if pattern.startswith(("/", "~")) else f"{os.path.dirname(MAIN)}/{pattern}"


def path_matches(path: str, pattern: str) -> bool:
    """Whether glob(7) finds ``path`` by ``pattern``: a wildcard matches no slash, and no dot at the beginning."""
    parts, patterns = path.split("/"), pattern.split("/")
    return len(parts) == len(patterns) and all(
        fnmatch.fnmatchcase(part, wanted) and (not part.startswith(".") or wanted.startswith("."))
        for part, wanted in zip(parts, patterns)
    )


def with_include(main: str) -> str:
    """Return the main file's text with the drop-in read first; unchanged where it is already.

    Distributions begin their file with ``Include /etc/ssh/sshd_config.d/*.conf``. Where no Include that reaches the
    drop-in stands before the first other directive, one marked line that includes only our file is put at the top:
    including the whole directory could switch on files that were never read. A line of ours from an earlier run goes where
    it is not needed any more: a file that is read twice has its ports listened on twice.
    """
    main = without_include(main)
    for line in parse_lines(MAIN, main):
        if line.keyword.lower() != "include":
            break
        if any(path_matches(PATH, absolute(pattern)) for pattern in words(line.value)):
            return main
    return f"{MARK}\nInclude {PATH}\n{main}"


def without_include(main: str) -> str:
    """Return the main file's text without our marked line."""
    return main.replace(f"{MARK}\nInclude {PATH}\n", "", 1)


def flattened(files: Files, main: str, ours: str | None, place: t.Callable[[str], str]) -> dict[str, str]:
    """Return the texts of a copy of the whole configuration, by the path that ``place`` gives to each original.

    Every Include names the copies it reads, so that the copy reads nothing of the original.
    """
    originals = {MAIN: main, **files.others}
    if ours is not None:
        originals[PATH] = ours

    def rewritten(line: str) -> str:
        keyword, value = split_keyword(line)
        if keyword.lower() != "include":
            return line
        found = [path for pattern in words(value) for path in files.included(absolute(pattern)) if path in originals]
        return f"Include {' '.join(place(path) for path in found)}" if found else f"# nothing: {line}"

    return {
        place(path): "\n".join(rewritten(line) for line in text.splitlines()) + "\n"
        for path, text in originals.items()
    }
