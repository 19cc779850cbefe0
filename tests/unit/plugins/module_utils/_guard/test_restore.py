# Copyright (c) 2026 lockstep founders
# SPDX-License-Identifier: GPL-3.0-or-later
"""The restore program, run for real in a private directory: what it puts back, and who wins the token."""

from __future__ import annotations

import os
import pathlib
import subprocess

import pytest
from ansible_collections.lockstep.gpufleet.plugins.module_utils._guard import restore, snapshot


@pytest.fixture
def place(tmp_path):
    """A guard's directory, and a directory with things to cover."""
    directory = tmp_path / "guard 'x'"
    covered = tmp_path / "etc"
    directory.mkdir()
    covered.mkdir()
    return directory, covered


def arm(directory: pathlib.Path, paths: list[pathlib.Path]) -> pathlib.Path:
    """Take a snapshot of ``paths`` and lay down the program and the token; return the program."""
    saved = snapshot.take(snapshot.Cover(tuple(map(str, paths))), str(directory))
    unit = directory.parent / "units" / "g.service"
    text = restore.restore_program("g", str(directory), str(directory.parent / "marker"), saved, str(unit))
    program = directory / "restore.sh"
    program.write_text(text)
    (directory / restore.ARMED).touch()
    return program


def run(program: pathlib.Path) -> subprocess.CompletedProcess[str]:
    return subprocess.run(["/bin/sh", str(program)], capture_output=True, text=True, timeout=60, check=False)


def report(program: pathlib.Path) -> list[str]:
    return (program.parent / "report").read_text().splitlines()[1:]


def test_files_directories_links_and_absence_come_back(place):
    directory, covered = place
    file, absent, folder, link = (covered / name for name in ("a file", "absent", "folder", "link"))
    file.write_text("old\n")
    file.chmod(0o640)
    folder.mkdir()
    (folder / "in").write_text("old\n")
    link.symlink_to("old target")
    program = arm(directory, [file, absent, folder, link])
    file.write_text("new\n")
    file.chmod(0o666)
    absent.mkdir()
    (absent / "litter").write_text("x")
    (folder / "in").unlink()
    (folder / "more").write_text("x")
    link.unlink()
    link.symlink_to("elsewhere")
    assert run(program).returncode == 0
    assert (file.read_text(), file.stat().st_mode & 0o777) == ("old\n", 0o640)
    assert not absent.exists()
    assert [entry.name for entry in folder.iterdir()] == ["in"]
    assert os.readlink(link) == "old target"
    assert report(program) == [
        f"put back {file}", f"removed {absent}", f"put back {folder}", f"put back {link}", "complete",
    ]
    assert (directory / restore.RESTORED).exists()
    assert sorted(entry.name for entry in covered.iterdir()) == ["a file", "folder", "link"]


def test_what_did_not_change_is_not_reported(place):
    directory, covered = place
    (covered / "file").write_text("same")
    program = arm(directory, [covered / "file", covered / "absent"])
    run(program)
    assert report(program) == ["complete"]


def test_a_file_that_became_a_directory_or_a_link_comes_back(place):
    directory, covered = place
    file = covered / "file"
    file.write_text("old")
    program = arm(directory, [file])
    file.unlink()
    file.symlink_to("/nonexistent")
    assert run(program).returncode == 0
    assert not file.is_symlink() and file.read_text() == "old"


def test_a_confirmed_guard_restores_nothing(place):
    directory, covered = place
    file = covered / "file"
    file.write_text("old")
    program = arm(directory, [file])
    file.write_text("new")
    os.rename(directory / restore.ARMED, directory / restore.CONFIRMED)
    assert run(program).returncode == 0
    assert file.read_text() == "new"
    assert not (directory / "report").exists()


def test_a_restore_that_was_cut_off_goes_on(place):
    directory, covered = place
    file = covered / "file"
    file.write_text("old")
    program = arm(directory, [file])
    file.write_text("new")
    os.rename(directory / restore.ARMED, directory / restore.RESTORING)
    assert run(program).returncode == 0
    assert file.read_text() == "old"
    assert run(program).returncode == 0


def test_exactly_one_of_many_claims_the_token(place):
    directory, covered = place
    file = covered / "file"
    file.write_text("old")
    program = arm(directory, [file])
    file.write_text("new")
    processes = [subprocess.Popen(["/bin/sh", str(program)], stdout=subprocess.DEVNULL) for _number in range(8)]
    confirmed = False
    try:
        os.rename(directory / restore.ARMED, directory / restore.CONFIRMED)
        confirmed = True
    except FileNotFoundError:
        pass
    for process in processes:
        process.wait(timeout=60)
    assert file.read_text() == ("new" if confirmed else "old")
    assert (directory / restore.CONFIRMED).exists() == confirmed
    assert (directory / restore.RESTORED).exists() != confirmed


def test_one_path_that_cannot_be_put_back_does_not_keep_the_others(place):
    directory, covered = place
    first, second = covered / "gone" / "first", covered / "second"
    first.parent.mkdir()
    first.write_text("old")
    second.write_text("old")
    program = arm(directory, [first, second])
    first.unlink()
    first.parent.rmdir()
    second.write_text("new")
    assert run(program).returncode == 1
    assert second.read_text() == "old"
    assert report(program) == [f"could not put back {first}", f"put back {second}", "incomplete, trying again"]
    assert (directory / restore.RESTORING).exists()


def test_what_could_not_be_put_back_is_tried_again_and_told_once(place):
    directory, covered = place
    file = covered / "gone" / "file"
    file.parent.mkdir()
    file.write_text("old")
    program = arm(directory, [file])
    file.unlink()
    file.parent.rmdir()
    assert run(program).returncode == 1
    assert run(program).returncode == 1
    file.parent.mkdir()
    assert run(program).returncode == 0
    assert file.read_text() == "old"
    assert report(program) == [f"put back {file}", "complete"]
    assert (directory / restore.RESTORED).exists()


def test_what_a_killed_module_left_beside_a_file_goes(place):
    directory, covered = place
    file = covered / "file"
    file.write_text("old")
    program = arm(directory, [file, covered / "new"])
    for name in (".file.abcd1234", ".new.abcd1234"):
        (covered / name).write_text("half")
    others = [".file.swp", ".file.abcd12345", "file.abcd1234"]
    for name in others:
        (covered / name).write_text("of somebody else")
    assert run(program).returncode == 0
    assert sorted(path.name for path in covered.iterdir()) == sorted(["file", *others])


def test_the_unit_runs_before_all_that_reads_what_it_restores():
    unit = restore.guard_unit("g", "/var/lib/lockstep/guard/g")
    for line in (
        "DefaultDependencies=no", "After=local-fs.target", "WantedBy=sysinit.target",
        "ExecStart=/bin/sh /var/lib/lockstep/guard/g/restore.sh",
        "ConditionPathExists=|/var/lib/lockstep/guard/g/armed",
    ):
        assert line in unit.splitlines()
    before = next(line for line in unit.splitlines() if line.startswith("Before=ssh"))
    assert {"ssh.service", "sshd.service", "ssh.socket", "nftables.service", "network-pre.target"} <= set(
        before.partition("=")[2].split()
    )


def test_a_table_is_replaced_whether_or_not_it_exists():
    assert restore.table_file("inet x", None) == "table inet x\ndelete table inet x\n"
    assert restore.table_file("inet x", "table inet x {\n}\n").endswith("table inet x {\n}\n")


def start_time(pid: int) -> str:
    """Field 22 of /proc/PID/stat."""
    return pathlib.Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[19]


@pytest.fixture
def at_work():
    """A process with a name that is hard to read, and a child: a module and a program that it has started."""
    process = subprocess.Popen(
        ["python3", "-c", "import subprocess, time; open('/proc/self/comm', 'w').write('a) S 1 (b'); "
         "print(subprocess.Popen(['sleep', '60']).pid, flush=True); time.sleep(60)"],
        stdout=subprocess.PIPE, text=True,
    )
    child = int(process.stdout.readline())
    yield process, child
    process.kill()
    process.wait()
    if pathlib.Path(f"/proc/{child}").exists():
        os.kill(child, 9)


def test_whoever_is_still_at_work_is_stopped_with_its_children_before_anything_is_put_back(place, at_work):
    directory, covered = place
    process, child = at_work
    (covered / "file").write_text("old")
    program = arm(directory, [covered / "file"])
    (covered / "file").write_text("new")
    (directory.parent / "marker").touch()
    (directory / restore.APPLIERS).write_text(f"{process.pid} {start_time(process.pid)}\n")
    os.kill(process.pid, 19)  # frozen: it will not hear anything but this
    assert run(program).returncode == 0
    assert process.wait(timeout=10) == -9
    assert not pathlib.Path(f"/proc/{child}/stat").exists() or " Z " in pathlib.Path(f"/proc/{child}/stat").read_text()
    assert report(program) == [
        f"stopped the process {process.pid}, which was still changing this host", f"put back {covered / 'file'}", "complete",
    ]


@pytest.mark.parametrize("marker", [True, False])
def test_another_process_that_has_got_the_number_is_left_alone(place, at_work, marker):
    directory, covered = place
    process, _child = at_work
    program = arm(directory, [covered / "absent"])
    if marker:
        (directory.parent / "marker").touch()
    began = int(start_time(process.pid)) - (1 if marker else 0)  # after a reboot not even the same time says anything
    (directory / restore.APPLIERS).write_text(f"{process.pid} {began}\n1 \n999999999 7\n")
    assert run(program).returncode == 0
    assert process.poll() is None
    assert report(program) == ["complete"]


def test_a_watching_guard_restores_again_and_says_only_what_it_did(place):
    directory, covered = place
    file = covered / "file"
    file.write_text("old")
    program = arm(directory, [file])
    (directory / restore.WATCHING).touch()
    (directory.parent / "marker").touch()
    file.write_text("new")
    assert run(program).returncode == 0
    before = report(program)
    assert before == [f"put back {file}", "complete"]
    assert run(program).returncode == 0
    assert report(program) == before
    file.write_text("newer")
    assert run(program).returncode == 0
    assert file.read_text() == "old"
    assert [line.partition(",")[0] for line in report(program)[2:]] == ["restoring again", f"put back {file}", "complete"]


def test_a_watching_guard_stops_after_a_while(place):
    directory, covered = place
    program = arm(directory, [covered / "absent"])
    (directory / restore.WATCHING).touch()
    (directory.parent / "marker").touch()
    for _pass in range(restore.WATCHES + 1):
        assert (directory / restore.WATCHING).exists()
        run(program)
    assert not (directory / restore.WATCHING).exists()
    (covered / "absent").touch()
    run(program)
    assert (covered / "absent").exists()


def test_a_reboot_ends_the_watch(place):
    directory, covered = place
    program = arm(directory, [covered / "absent"])
    (directory / restore.WATCHING).touch()
    assert run(program).returncode == 0
    assert not (directory / restore.WATCHING).exists()
    assert (directory / "report").read_text().startswith("restoring at boot")


def test_a_confirmed_guard_does_not_watch(place):
    directory, covered = place
    program = arm(directory, [covered / "absent"])
    (directory / restore.WATCHING).touch()
    (directory.parent / "marker").touch()
    os.rename(directory / restore.ARMED, directory / restore.CONFIRMED)
    (covered / "absent").touch()
    run(program)
    assert (covered / "absent").exists()


def test_a_copy_that_is_gone_does_not_empty_the_file(place):
    directory, covered = place
    (covered / "file").write_text("old")
    program = arm(directory, [covered / "file"])
    (covered / "file").write_text("new")
    (directory / "path-0").unlink()
    assert run(program).returncode == 1
    assert (covered / "file").read_text() == "new"


def test_a_socket_comes_back_together_with_the_service_that_it_started():
    text = "\n".join(restore._unit_commands(restore.SavedUnit("ssh.socket", True)))
    assert (
        "systemctl --no-block restart ssh.socket $(systemctl is-active --quiet ssh.service && echo ssh.service)"
        " && say 'restarted ssh.socket' || fail 'restart ssh.socket'" in text
    )
    assert "reload-or-restart" not in text
