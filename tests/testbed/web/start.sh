#!/bin/sh
# Copyright (c) 2026 lockstep founders
# SPDX-License-Identifier: GPL-3.0-or-later
# Both servers live and die together: when the faults' program ends, the container still serves files.
python3 -u /srv/bed/faults.py >> /var/log/nginx/faults.log 2>&1 &
exec nginx -c /srv/bed/nginx.conf
