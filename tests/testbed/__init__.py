# Copyright (c) 2026 lockstep founders
# SPDX-License-Identifier: GPL-3.0-or-later
"""The test bed: real hosts, a real web server, a real conda channel, all on this machine."""
