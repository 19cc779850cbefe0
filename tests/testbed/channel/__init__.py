# Copyright (c) 2026 lockstep founders
# SPDX-License-Identifier: GPL-3.0-or-later
"""A real conda channel, made from Debian's Python and PyPI's wheels, and the locks that are solved against it."""
