# Copyright (c) 2026 lockstep founders
# SPDX-License-Identifier: GPL-3.0-or-later
"""The policy from end to end: solved by py-rattler and uv, on channels and pages on disk."""

from __future__ import annotations

import pathlib
import typing as t

import pytest
from ansible_collections.lockstep.gpufleet.plugins.module_utils._conda.network import Network
from ansible_collections.lockstep.gpufleet.plugins.module_utils._plan import Problem
from ansible_collections.lockstep.gpufleet.plugins.plugin_utils._locking import hosts, job, outputs, planning
from ansible_collections.lockstep.gpufleet.plugins.plugin_utils._solving import tools
from ansible_collections.lockstep.gpufleet.plugins.plugin_utils._solving.model import Settings

from .._solving.channel import write_channel

TEXT = """\
# what people wrote
channels:
  - {channel}
  - {other}
dependencies:
  - python=3.10        # the old one
  - "cuda-version=12.4"
  - tool >=1
"""


@pytest.fixture(name="file")
def file_(tmp_path: pathlib.Path) -> pathlib.Path:
    write_channel(
        tmp_path / "channel",
        ("python", "3.10.13", []),
        ("python", "3.10.14", []),
        ("python", "3.11.2", []),
        ("cuda-version", "12.4", []),
        ("tool", "1.5", ["python"]),
    )
    write_channel(tmp_path / "other", ("unrelated", "1.0", []))
    file = tmp_path / "environment.yml"
    channels = {name: (tmp_path / name).as_uri() for name in ("channel", "other")}
    file.write_text(TEXT.format(**channels), encoding="utf-8")
    return file


def lock(file: pathlib.Path, **options: t.Any) -> job.Outcome:
    asked = hosts.Asked(str(file), str(file.parent / "conda-lock.yml"))
    chosen = planning.Options(**options)
    settings = Settings(tools.find(None, None), Network(), str(file.parent / "cache"))
    return job.make(job.observe(asked, job.Input(), chosen), chosen, settings)


def test_loose_pins_are_refused_with_their_lines_and_what_to_write(file: pathlib.Path):
    with pytest.raises(Problem) as caught:
        lock(file)
    text = str(caught.value)
    assert f"{file}, line 6: python=3.10 is not pinned; python==3.10.14 is what was found for it" in text
    assert f"{file}, line 8: tool >=1 is not pinned; tool==1.5" in text
    assert "cuda-version" not in text
    assert "pin: true" in text and "policy: warn" in text


def test_a_warning_locks_and_says_the_same(file: pathlib.Path):
    outcome = lock(file, policy="warn")
    kinds = [finding.kind for finding in outcome.findings]
    assert kinds == ["unused_channel", "loose", "loose"]
    assert list(outcome.texts) == [str(file.parent / "conda-lock.yml")]


def test_off_asks_nothing(file: pathlib.Path, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr("ansible_collections.lockstep.gpufleet.plugins.plugin_utils._solving.conda.look_up", None)
    assert lock(file, policy="off").findings == ()


def test_pins_are_written_and_the_lock_is_that_of_what_was_written(file: pathlib.Path):
    outcome = lock(file, pin=True)
    before = file.read_text(encoding="utf-8")
    text = outcome.texts[str(file)]
    assert text == before.replace("python=3.10 ", "python==3.10.14 ").replace("tool >=1", "tool==1.5")
    outputs.write(outcome.texts)
    asked = hosts.Asked(str(file), str(file.parent / "conda-lock.yml"))
    assert job.observe(asked, job.Input(), planning.Options()).why is None


def test_what_was_locked_laxly_is_looked_at_when_the_policy_is_strict_again(file: pathlib.Path):
    outputs.write(lock(file, policy="off").texts)
    asked = hosts.Asked(str(file), str(file.parent / "conda-lock.yml"))
    assert job.observe(asked, job.Input(), planning.Options(policy="off")).why is None
    assert job.observe(asked, job.Input(), planning.Options()).why == "its pins were not looked at yet"


def test_code_is_compared_with_what_is_asked_for(file: pathlib.Path):
    code = file.parent / "code"
    code.mkdir()
    (code / "train.py").write_text("import os\nimport local_module\nimport numpy.linalg\n", encoding="utf-8")
    (code / "local_module.py").write_text("", encoding="utf-8")
    (code / "look.ipynb").write_text(
        '{"cells": [{"cell_type": "code", "source": ["%matplotlib inline\\n", "from sklearn import svm\\n", "!ls\\n"]},'
        '{"cell_type": "markdown", "source": ["import nothing"]}, {"cell_type": "code", "source": "x ="}]}',
        encoding="utf-8",
    )
    (code / "broken.py").write_text("def (:\n", encoding="utf-8")
    (code / "loop").symlink_to(code)
    findings = {(one.kind, str(one.where)) for one in lock(file, policy="off", code=str(code)).findings}
    assert findings == {
        ("not_imported", f"{file}, line 8"),
        ("not_asked_for", f"{code}/train.py, line 3"),
        ("not_asked_for", f"{code}/look.ipynb, line 2"),
        ("unreadable_code", f"{code}/broken.py"),
    }
