# Copyright (c) 2026 lockstep founders
# SPDX-License-Identifier: GPL-3.0-or-later
# What people and tools do to environments that are not theirs. Each line ends up in expected_drift.yml or levels.yml.
set -eu
umask 022
envs=/opt/lockstep/envs
cd "$envs/ai_env"
site=lib/python3.11/site-packages

# Nothing but times and inodes: no drift.
touch "$site/fqdn/__init__.py"
cp -p "$site/jinja2/defaults.py" /tmp/defaults.py
mv /tmp/defaults.py "$site/jinja2/defaults.py"
touch "$site/jinja2"

echo 'import this' > "$site/vandal.pth"
mkdir "$site/mine"
touch "$site/mine/__init__.py" "$site/mine/more.py"
touch "$(printf '%s/new\nline \377 \033[31m' "$site")"
mkfifo share/pipe
rm conda-meta/frozen
rm -r "$site/idna/__pycache__"
echo "print('edited')" >> "$site/requests/api.py"
chmod 666 "$site/idna/core.py"
chmod u+s bin/httpx
chown ops "$site/idna/codec.py"
chown -h ops bin/python3
ln -sfn /usr/bin/python3 bin/python
rm "$site/idna/compat.py"
ln -s /etc/hostname "$site/idna/compat.py"
chmod 777 "$site/babel"
# Hard links into the cache: the next generation must not have these modes.
chmod 755 "$site/idna/intranges.py"
chmod 644 "$site"/numpy/_core/_multiarray_umath.*.so

# pip does what it is asked to, past what EXTERNALLY-MANAGED says, and conda list then takes the record away.
/opt/miniconda3/bin/python - <<'EOF'
import zipfile

with zipfile.ZipFile("/tmp/six-99-py3-none-any.whl", "w") as wheel:
    wheel.writestr("six.py", "VERSION = 99\n")
    wheel.writestr("six-99.dist-info/METADATA", "Metadata-Version: 2.1\nName: six\nVersion: 99\n")
    wheel.writestr("six-99.dist-info/WHEEL", "Wheel-Version: 1.0\nGenerator: vandal\nRoot-Is-Purelib: true\nTag: py3-none-any\n")
    wheel.writestr("six-99.dist-info/RECORD", "six.py,,\nsix-99.dist-info/METADATA,,\nsix-99.dist-info/WHEEL,,\nsix-99.dist-info/RECORD,,\n")
EOF
bin/python3.11 -m pip install --quiet --root-user-action=ignore --break-system-packages --no-index --no-deps /tmp/six-99-py3-none-any.whl
bin/python3.11 -m pip uninstall --quiet --yes --root-user-action=ignore --break-system-packages fqdn
bin/python3.11 -m pip install --quiet --root-user-action=ignore --break-system-packages --no-index --no-deps --no-compile --force-reinstall \
  "$1/einops-0.8.2-py3-none-any.whl"
/opt/miniconda3/bin/conda list -p "$(readlink -f .)" > /dev/null

# An edit in place that keeps the size and puts the time back.
file="$envs/tiny/lib/python3.11/site-packages/packaging/version.py"
touch -r "$file" /tmp/before
printf X | dd of="$file" bs=1 conv=notrunc status=none
touch -r /tmp/before "$file"

# The seal's own files.
cd "$(readlink -f "$envs/stampless")/../.."
echo '{"bin": "damaged"}' > stamps.json
touch envs/stampless/conda-meta/history
rm "$(readlink -f "$envs/sealless")/../../seal.json"
