# Copyright (c) 2026 lockstep founders
# SPDX-License-Identifier: GPL-3.0-or-later
"""The documents of property tests are such as readers give."""

from __future__ import annotations

from hypothesis import given
from unit.plugins.plugin_utils._locks import strategies

from ansible_collections.lockstep.gpufleet.plugins.plugin_utils._locks import documents, writing


@given(strategies.documents())
def test_packages_are_what_their_addresses_say(document):
    for platform, entries in document.platforms.items():
        assert not any(writing.unreadable(entry.package, platform) for entry in entries)
    documents.normal_form(document, "lock")
