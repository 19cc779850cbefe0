# Copyright (c) 2026 lockstep founders
# SPDX-License-Identifier: GPL-3.0-or-later
"""The images of the bed: Debian roots made by mmdebstrap from Debian's own packages, and a small layer on top.

Each is named by the digest of its recipe; the roots are kept as archives in the cache, so that a podman that has
forgotten its images gets them back without the network.
"""

from __future__ import annotations

import concurrent.futures
import dataclasses
import os
import pathlib
import shutil
import subprocess
import typing as t

from testbed import cache, runtime

HERE = pathlib.Path(__file__).resolve().parent
REPOSITORY = "localhost/lockstep-bed"

_HOST_PACKAGES = (
    "systemd systemd-sysv libpam-systemd dbus dbus-user-session openssh-server python3 python3-apt sudo nftables "
    "iproute2 iputils-ping procps ca-certificates curl bzip2 xz-utils less kmod netbase cron zsh"
)
"""What a small Debian server has. zsh: people activate environments in it. python3-apt: Ansible's package modules want it in check mode, too."""

_NO_PAPER = tuple(f"path-exclude=/usr/share/{folder}/*" for folder in ("doc", "man", "locale", "info"))


@dataclasses.dataclass(frozen=True)
class Root:
    """A Debian root file system: release name and packages. ``layer`` is the folder of the Containerfile on top."""

    suite: str
    packages: str
    layer: str = ""


ROOTS = {
    "debian12": Root("bookworm", _HOST_PACKAGES, "host"),
    "debian13": Root("trixie", _HOST_PACKAGES, "host"),
    "web": Root("bookworm", "nginx-light python3"),
}
HOST_IMAGES = tuple(name for name, root in ROOTS.items() if root.layer == "host")


def ensure(name: str, say: t.Callable[[str], None] = lambda text: None) -> str:
    """Return the podman image called ``name``; build it, or load it from the cache, when podman has it not.

    ``say`` gets a line for people when that takes time.
    """
    root = ROOTS[name]
    inputs = (root.suite, " ".join(sorted(root.packages.split())), *_NO_PAPER)
    root_key = cache.content_key(*inputs)
    base = f"{REPOSITORY}/{name}-root:{root_key}"
    layer = HERE / "images" / root.layer if root.layer else None
    image = f"{REPOSITORY}/{name}:{cache.content_key(root_key, layer)}" if layer else base
    podman = runtime.plain_podman()
    if _exists(podman, image):
        return image
    with cache.locked(f"image-{name}"):
        if not _exists(podman, base):
            say(f"image {name}: making it from Debian's packages or from the cache (about a minute, once)")
            entry = cache.built("roots", name, root_key, lambda draft: _bootstrap(name, root, draft))
            podman.run("import", "--quiet", str(entry / "root.tar"), base)
        if layer and not _exists(podman, image):
            build_layer(base, layer, image)
    return image


def ensure_all(names: t.Iterable[str], say: t.Callable[[str], None]) -> dict[str, str]:
    """Return the podman images of these names, made side by side where they are missing: one keeps one processor busy."""
    wanted = sorted(set(names))
    with concurrent.futures.ThreadPoolExecutor(os.cpu_count()) as pool:
        return dict(zip(wanted, pool.map(lambda name: ensure(name, say), wanted)))


def forget() -> list[str]:
    """Remove the bed's images from podman and their roots from the cache; return the images' names."""
    podman = runtime.plain_podman()
    listed = podman.run("images", "--format={{.Repository}}:{{.Tag}}").stdout.split()
    owned = [image for image in listed if image.startswith(REPOSITORY + "/")]
    if owned:
        podman.run("rmi", "--force", *owned)
    shutil.rmtree(cache.cache_root() / "roots", ignore_errors=True)
    return owned


def build_layer(base: str, folder: pathlib.Path, image: str) -> None:
    """Build ``image`` from the Containerfile in ``folder`` on top of ``base``, without network.

    Which settings let a build step run is found as for the hosts: the bare root boots, too.
    """
    podman = runtime.find_podman(base)
    podman.run("build", "--quiet", "--network=none", f"--build-arg=BASE={base}", f"--tag={image}", str(folder))


def _exists(podman: runtime.Podman, image: str) -> bool:
    return podman.run("image", "exists", image, check=False).returncode == 0


def _bootstrap(name: str, root: Root, draft: pathlib.Path) -> None:
    """Write ``root.tar`` into ``draft``. The work directory lies where apt's unprivileged user can go."""
    runtime.require(["mmdebstrap"])
    keyring = pathlib.Path("/usr/share/keyrings/debian-archive-keyring.gpg")
    if not keyring.exists():
        raise runtime.BedError("Debian's archive keys are missing; on Debian: apt-get install debian-archive-keyring")
    work = pathlib.Path("/var/tmp") / f"lockstep-gpufleet-{name}"
    shutil.rmtree(work, ignore_errors=True)
    work.mkdir(mode=0o755)
    # Only what names a way to the network is taken from the caller: the packages' scripts run under this environment.
    environment = {key: value for key, value in os.environ.items() if key.lower().endswith("_proxy")}
    environment.update(PATH="/usr/sbin:/usr/bin:/sbin:/bin", HOME="/root", LC_ALL="C.UTF-8", TMPDIR=str(work))
    command = ["mmdebstrap", "--variant=minbase", f"--include={','.join(root.packages.split())}"]
    command += [f"--dpkgopt={option}" for option in _NO_PAPER]
    try:
        done = subprocess.run(
            [*command, root.suite, str(draft / "root.tar")],
            env=environment, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True,
            check=False,
        )
    finally:
        shutil.rmtree(work, ignore_errors=True)
    if done.returncode:
        tail = "\n".join(done.stdout.splitlines()[-15:])
        raise runtime.BedError(f"mmdebstrap failed to make {root.suite} (is Debian's mirror reachable?):\n{tail}")
