# Copyright (c) 2026 lockstep founders
# SPDX-License-Identifier: GPL-3.0-or-later
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""sshd is changed there and confirmed from here."""

from __future__ import annotations

from ansible_collections.lockstep.gpufleet.plugins.plugin_utils._guarded_action import GuardedAction


class ActionModule(GuardedAction):
    """Harden sshd as a confirmed transaction."""

    subject = "sshd"
    advice = (
        "See what sshd logged (journalctl -u ssh -u sshd), and look for Match blocks, AllowUsers or AllowGroups of "
        "other files, host keys that this controller does not know, and PAM modules."
    )
