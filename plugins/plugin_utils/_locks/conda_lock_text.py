# Copyright (c) 2026 lockstep founders
# SPDX-License-Identifier: GPL-3.0-or-later
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""``conda-lock.yml`` of version 1 (CEP 37), written: below the comment, byte for byte what conda-lock 4 makes of the file
when it reads and writes it.

This plugin util is private to the collection.
"""

from __future__ import annotations

import json
import re
import typing as t

import yaml

from ansible_collections.lockstep.gpufleet.plugins.plugin_utils._locks import addresses, conda_lock, normal_form, writing
from ansible_collections.lockstep.gpufleet.plugins.plugin_utils._locks.document import CATEGORY, Document, Entry

_HEADER = """\
# Which packages an environment has, each with its hash, made by lockstep.gpufleet.conda_lock. DO NOT EDIT!
#
# To change it, change what is wanted{sources} and lock again:
#     ansible-playbook lockstep.gpufleet.lock -i INVENTORY
# To make the environment on all servers:
#     ansible-playbook lockstep.gpufleet.provision -i INVENTORY
# To make it elsewhere, with conda-lock or micromamba:
#     conda-lock install --name YOURENV conda-lock.yml
#     micromamba create --name YOURENV --file conda-lock.yml
"""

#: Name, and whatever else there is, of a match spec (CEP 29) or a requirement (PEP 508).
_NEED = re.compile(r"([\w.-]+)\s*(.*)", re.DOTALL)


def text(document: Document) -> str:
    """Return the file; the same document gives the same bytes, whatever the order of its entries.

    Raises Problem that lists what the format cannot hold.
    """
    _check(document)
    entries = [_entry(entry, platform) for platform, those in document.platforms.items() for entry in those]
    entries.sort(key=lambda one: (one["manager"], one["name"], one["platform"], one["category"]))
    metadata = {
        "content_hash": dict(sorted(document.content_hash.items())),
        "channels": [{"url": url, "used_env_vars": []} for url in document.channels],
        "platforms": sorted(document.platforms),
        "sources": list(document.sources),
        "custom_metadata": dict(sorted(_facts(document, entries).items())),
    }
    sources = f" ({', '.join(document.sources)})" if document.sources else ""
    body = yaml.dump({"version": 1, "metadata": metadata, "package": entries}, Dumper=yaml.SafeDumper, sort_keys=False)
    return _HEADER.format(sources=sources) + body


def _facts(document: Document, entries: t.Iterable[dict[str, t.Any]]) -> dict[str, str]:
    required = {
        conda_lock.REQUIRED + platform: json.dumps(list(specs))
        for platform, specs in document.virtual_packages.items()
        if specs
    }
    return {**document.custom, **required, conda_lock.WRITTEN: conda_lock.digest(map(_as_read, entries))}


def constraints(depends: t.Iterable[str]) -> dict[str, str]:
    """Return what each needed package has to be, by name: the format has one text for each.

    Several version constraints of one package are joined by a comma; where that cannot say it, only the name is kept.
    """
    found: dict[str, list[str]] = {}
    for need in depends:
        if match := _NEED.fullmatch(need.strip()):
            found.setdefault(match[1], []).append(match[2].strip())
    return {name: _joined(those) for name, those in sorted(found.items())}


def _joined(those: t.Sequence[str]) -> str:
    wanted = list(dict.fromkeys(one for one in those if one not in ("", "*")))
    if len(wanted) < 2:
        return wanted[0] if wanted else next(iter(those))
    return ",".join(wanted) if not any(re.search(r"[\s|;\[@]", one) for one in wanted) else ""


def _entry(entry: Entry, platform: str) -> dict[str, t.Any]:
    package = entry.package
    hashes = {"md5": package.md5 or entry.md5, "sha256": package.sha256}
    return {
        "name": package.name,
        "version": package.version,
        "manager": package.manager,
        "platform": platform,
        "dependencies": constraints(package.depends),
        "url": addresses.written(package),
        "hash": {kind: value for kind, value in hashes.items() if value},
        "category": entry.category,
        "optional": entry.category != CATEGORY,
    }


def _as_read(entry: dict[str, t.Any]) -> dict[str, t.Any]:
    """Return the entry as ``strict_yaml`` will read it."""
    return {**entry, "optional": str(entry["optional"]).lower()}


def _check(document: Document) -> None:
    """Raise one Problem that lists what this format cannot hold."""
    wrong = [] if any(document.platforms.values()) else ["it has no packages"]
    for platform, entries in document.platforms.items():
        if platform not in normal_form.SUBDIRS or document.subdirs.get(platform, platform) != platform:
            wrong.append(f"its platform {platform} is none of conda's")
        wrong += writing.refusals(entries, platform, categories=True)
    writing.conclude("conda-lock.yml", wrong)
