# Copyright (c) 2026 lockstep founders
# SPDX-License-Identifier: GPL-3.0-or-later
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""The firewall is changed there and confirmed from here."""

from __future__ import annotations

from ansible_collections.lockstep.gpufleet.plugins.plugin_utils._guarded_action import GuardedAction


class ActionModule(GuardedAction):
    """Replace the table as a confirmed transaction."""

    subject = "the firewall"
    advice = (
        "Compare ssh_sources with the address that the host sees (echo $SSH_CONNECTION), and look for tables of others "
        "that drop connections (nft list ruleset)."
    )
