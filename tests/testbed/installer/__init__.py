# Copyright (c) 2026 lockstep founders
# SPDX-License-Identifier: GPL-3.0-or-later
"""Miniconda-style installers that lay down a real conda from the bed's channel."""
