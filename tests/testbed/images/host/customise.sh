#!/bin/sh
# Copyright (c) 2026 lockstep founders
# SPDX-License-Identifier: GPL-3.0-or-later
set -eu

useradd --create-home --shell /bin/bash --groups sudo ops
useradd --create-home --shell /bin/bash legacy
printf '%s\n' 'ops:ops-first-contact' 'legacy:legacy-password' | chpasswd
passwd --lock root

# Every host gets keys and an identity of its own before its first boot.
rm -f /etc/ssh/ssh_host_*
: > /etc/machine-id

# No consoles, no kernel of our own: these would only fail, or eat inotify instances of which a machine has 128.
systemctl mask --quiet \
    getty.target getty@.service console-getty.service serial-getty@.service \
    systemd-ask-password-console.path systemd-ask-password-wall.path \
    proc-sys-fs-binfmt_misc.automount systemd-binfmt.service \
    systemd-udevd.service systemd-udevd-kernel.socket systemd-udevd-control.socket \
    systemd-pstore.service systemd-remount-fs.service \
    sys-kernel-debug.mount sys-kernel-tracing.mount sys-kernel-config.mount
# Machines whose clock jumps or whose network is closed must not start downloads in the middle of a test.
systemctl disable --quiet apt-daily.timer apt-daily-upgrade.timer e2scrub_all.timer fstrim.timer e2scrub_reap.service
mkdir -p /var/log/journal
