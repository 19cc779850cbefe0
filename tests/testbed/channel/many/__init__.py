# Copyright (c) 2026 lockstep founders
# SPDX-License-Identifier: GPL-3.0-or-later
"""A second channel for benchmarks: an environment of 300 packages and 60,000 files, made by a recipe."""
