# Copyright (c) 2026 lockstep founders
# SPDX-License-Identifier: GPL-3.0-or-later
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""What the action plugin tells a guarded module; see module_utils/_guard/phases.py."""

from __future__ import annotations


class ModuleDocFragment:
    DOCUMENTATION = r"""
options:
  _phase:
    description: Set by the action plugin between its calls of the module. Not for users.
    type: str
    choices: [plan, confirm, revert, settle, forget]
    default: plan
  _guard:
    description: Set by the action plugin. Not for users.
    type: str
  _run:
    description: Set by the action plugin; names the run, so that a guard armed in it can be joined. Not for users.
    type: str
    default: ''
  _confirmed_by:
    description: Set by the action plugin. Not for users.
    type: str
    choices: [fresh_login, probe]
    default: fresh_login
"""
