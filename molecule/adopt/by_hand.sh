#!/bin/sh
# Copyright (c) 2026 lockstep founders
# SPDX-License-Identifier: GPL-3.0-or-later
# An environment as it grows in a home directory. Its argument: the bed's web server.
set -eu
conda=/opt/miniconda3/bin/conda
prefix=$HOME/envs/old
$conda create --yes --quiet --override-channels --channel "$1/channel" --prefix "$prefix" \
    python=3.11.2 packaging bed-greeter=1.0 bed-post-link pip
$conda install --yes --quiet --override-channels --channel "$1/channel" --prefix "$prefix" six
$conda env config vars set --prefix "$prefix" BED_GREETING='good morning'
"$prefix/bin/python" -m pip install --quiet --no-index --find-links "$1/wheels/" --trusted-host "${1#http://}" einops==0.8.2 humanize
site=$prefix/lib/python3.11/site-packages
# What no lock can bring back:
printf '# mine\n' >>"$site/packaging/version.py"
printf 'ANSWER = 42\n' >"$site/loose_module.py"
printf '/home/ops/elsewhere\n' >"$site/mine.pth"
mkdir -p "$site/secret_tool-1.0.dist-info"
printf 'Metadata-Version: 2.1\nName: secret-tool\nVersion: 1.0\n' >"$site/secret_tool-1.0.dist-info/METADATA"
printf '{"url": "https://fleet:Sesame-8@git.example.org/tool.git", "vcs_info": {"vcs": "git", "commit_id": "0123abcd"}}\n' \
    >"$site/secret_tool-1.0.dist-info/direct_url.json"
mkdir -p "$site/unheard_of-3.1.dist-info"
printf 'Metadata-Version: 2.1\nName: unheard-of\nVersion: 3.1\n' >"$site/unheard_of-3.1.dist-info/METADATA"
printf '{ not json' >"$prefix/conda-meta/broken-1.0-0.json"
ln -s "$prefix" "$prefix/share/loop"
local=$HOME/.local/lib/python3.11/site-packages
mkdir -p "$local/six-1.16.0.dist-info"
