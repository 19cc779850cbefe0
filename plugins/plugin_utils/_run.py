# Copyright (c) 2026 lockstep founders
# SPDX-License-Identifier: GPL-3.0-or-later
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""The identity of this run of Ansible.

This plugin util is private to the collection.

Ansible imports the class of an action in its own process before it forks a worker for each host and task, so all of
them inherit the one value.
"""

from __future__ import annotations

import uuid

#: 32 hexadecimal digits, new for each run.
RUN = uuid.uuid4().hex
