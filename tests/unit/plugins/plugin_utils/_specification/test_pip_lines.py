# Copyright (c) 2026 lockstep founders
# SPDX-License-Identifier: GPL-3.0-or-later
"""Requirements, their options and the files that they refer to."""

from __future__ import annotations

import pytest

from ansible_collections.lockstep.gpufleet.plugins.module_utils._plan import Problem
from ansible_collections.lockstep.gpufleet.plugins.plugin_utils._specification import pip_lines, reading

A = "a" * 64
WHEEL = "https://w.example/my_pkg-1.0-py3-none-any.whl"


def parse(text, path="r.txt"):
    return reading.parse(text.encode(), path, python="3.10.14", pypi_names={"python-ours": "ours"})


def refusal(text, path="r.txt"):
    with pytest.raises(Problem) as caught:
        parse(text, path)
    return str(caught.value)


@pytest.mark.parametrize(
    ("text", "lines"),
    [
        ("a\nb\n", [(1, "a"), (2, "b")]),
        ("a # x\n# y\n\n  b#c\n", [(1, "a"), (4, "b#c")]),
        ("a \\\n  --hash=1 \\\n  --hash=2\nb", [(1, "a   --hash=1   --hash=2"), (4, "b")]),
        ("a \\\n# the end\nb", [(1, "a"), (3, "b")]),
        ("a \\", [(1, "a")]),
        ("# a \\\nb", [(2, "b")]),
    ],
)
def test_logical_lines(text, lines):
    assert list(pip_lines.logical_lines(text)) == lines


@pytest.mark.parametrize(
    ("line", "name", "text"),
    [
        ("requests", "requests", "requests"),
        ("Ruamel.YAML == 0.18", "ruamel-yaml", "Ruamel.YAML == 0.18"),
        ("rich[jupyter]>=13; python_version < '4'", "rich", "rich[jupyter]>=13; python_version < '4'"),
        (f"My.Pkg @ {WHEEL}", "my-pkg", f"My.Pkg @ {WHEEL}"),
        (f"My.Pkg[a,b]@{WHEEL} ; python_version < '4'", "my-pkg", f'My.Pkg[a,b] @ {WHEEL} ; python_version < "4"'),
        (f"My.Pkg @ {WHEEL} --hash=sha256:{A}", "my-pkg", f"My.Pkg @ {WHEEL}#sha256={A}"),
        (f"{WHEEL}#sha256={A}", "my-pkg", f"my_pkg @ {WHEEL}#sha256={A}"),
    ],
)
def test_requirements(line, name, text):
    (found,) = parse(line).pip
    assert (found.name, found.text, str(found.where)) == (name, text, "r.txt, line 1")


@pytest.mark.parametrize(
    ("line", "says"),
    [
        ("a\nnumpy=1.26", "line 2: numpy=1.26 is written as for conda; pip wants numpy==1.26"),
        ("a\nnumpy=1.26=py310_0", "pip wants numpy==1.26"),
        ("py torch\nnumpy\nrich==1", "line 1: py torch is no requirement of pip's; write NAME==VERSION"),
        ("${LOCK_UNSET}==1\nnumpy", "line 1: the environment variable LOCK_UNSET is not set"),
        ("numpy 1.26", "numpy 1.26 is no requirement of pip's; write numpy==1.26"),
        ("a\n!", "line 2: ! is no requirement"),
        ("a\n-z", "line 2: -z is no option that a requirements file may have"),
        ("a\n--index-url", "line 2: --index-url lacks its value"),
        ("a\n-i 'x", "line 2: a quotation mark is never closed"),
        ("a\n-i ftp://h/simple", "line 2: ftp://h/simple is no address of an index"),
        ("a\n--pre b", "line 2: something that is no option follows an option"),
        (f"a @ {WHEEL} --hash=md5:1", "line 1: --hash=md5:1 is no hash; write --hash=sha256: and 64 hex digits"),
        (f"a==1 --hash=sha256:{A} --hash=sha256:{A}0", f"--hash=sha256:{A}0 is no hash"),
        (f"a @ {WHEEL}#sha256=zz", "line 1: --hash=sha256:zz is no hash"),
        ("a\n-r none.txt", "line 2: none.txt cannot be read: No such file"),
        ("a\n-r https://h/r.txt", "line 2: a requirements file on a server is not read"),
        ("a\n-r ''", "line 2: -r lacks its value"),
        ("a\n--constraint=", "line 2: --constraint lacks its value"),
        ("a\n--index-url=", "line 2: --index-url lacks its value"),
        ("a\n-f file:///no/where", "line 2: /no/where does not exist on the controller"),
        ("a; python_version < 3", 'line 1: a; python_version < 3: python_version < 3 is no marker (PEP 508); write such as python_version < "3.12"'),
        ("a; platform == 'x'", "platform == 'x' is no marker"),
        ("a==1# why", "line 1: a==1# why is no requirement of pip's; a comment begins with a blank and #"),
        ("a\nPython==3.12", "line 2: Python==3.12: pip installs no Python; conda does"),
        ("a\n-f nowhere", "nowhere does not exist on the controller"),
        ("a @ ftp://h/a-1.0-py3-none-any.whl", "line 1: a @ is followed by no address to fetch from"),
        ("a\n-i https://${LOCK_UNSET}@h/simple", "line 2: the environment variable LOCK_UNSET is not set on the controller"),
        ("a\nb @ https://${LOCK_UNSET}/b-1.0-py3-none-any.whl", "variable LOCK_UNSET is not set"),
    ],
)
def test_slips(line, says):
    assert says in refusal(line)


def test_what_would_have_to_be_built_is_listed_with_one_remedy():
    text = refusal(
        "numpy\n"
        "-e git+ssh://me:secret@h/x.git#egg=x\n"
        "-e .\n"
        "x @ git+https://me:secret@h/x@main\n"
        "./local\n"
        "/srv/y-1.0-py3-none-any.whl\n"
        "z-1.0-py3-none-any.whl\n"
        "q @ file:///srv/q-1.0-py3-none-any.whl\n"
        "s @ https://h/s-1.0.tar.gz\n"
        "https://me:secret@h/t-1.0.zip\n"
        "u @ https://h/u\n"
    )
    assert text.splitlines() == [
        "r.txt cannot be locked as it stands:",
        "- r.txt, line 2: -e git+ssh://***@h/x.git#egg=x is a checkout",
        "- r.txt, line 3: -e . is a checkout",
        "- r.txt, line 4: git+https://***@h/x@main is a checkout (git)",
        "- r.txt, line 5: ./local lies on this machine",
        "- r.txt, line 6: /srv/y-1.0-py3-none-any.whl lies on this machine",
        "- r.txt, line 7: z-1.0-py3-none-any.whl lies on this machine",
        "- r.txt, line 8: file:///srv/q-1.0-py3-none-any.whl lies on this machine",
        "- r.txt, line 9: https://h/s-1.0.tar.gz is a source archive",
        "- r.txt, line 10: https://***@h/t-1.0.zip is a source archive",
        "- r.txt, line 11: https://h/u is no wheel",
        "Only wheels are locked, since building a package would run its code as root on every host. Build the wheel once "
        "(pip wheel --no-deps PACKAGE), serve it, and write NAME @ URL of the wheel.",
    ]


@pytest.mark.parametrize(
    "url", ["https:/me:s3cret@h/x", "https//me:s3cret@h/x", "me:s3#cret@h/x", "https://me:s3/cret@h/x", "http://[me:s3cret@h/x"]
)
@pytest.mark.parametrize("line", ["{}", "-i {}", "-e {}", "-z {}", "-f {}", "x @ {}", "x {}", "-r {}", "--hash={}"])
def test_passwords_in_addresses_that_are_written_wrongly(url, line):
    said = refusal("numpy\n" + line.format(url))
    assert "s3" not in said and "cret" not in said


def test_what_pip_freeze_says_of_packages_that_conda_built():
    work = "file:///home/conda/feedstock_root/build_artifacts"
    found = parse(
        f"numpy @ {work}/numpy_1707225342954/work/dist/numpy-1.26.4-cp310-cp310-linux_x86_64.whl#sha256={A}\n"
        "Jupyter-Client @ file:///croot/jupyter_client_1699455897726/work\n"
        "PyYAML @ file:///tmp/build/80754af9/pyyaml_1635327075321/work\n"
        "torch @ file:///croot/pytorch_1686931851744/work\n"
        f"torchvision @ {work}/torchvision-split_1707225342954/work\n"
        f"tables @ {work}/pytables-suite_1707225342954/work\n"
        "Ours @ file:///croot/ours-split_1686931851744/work\n"
        "jupyter-core @ file:///home/conda/feedstock_root/build_artifacts/bld/rattler-build_jupyter_core_1756220668/work\n"
        "requests==2.32.3\n"
    )
    assert [(one.name, one.text, one.where.number) for one in found.conda] == [
        ("python", "python==3.10.14", 0),
        ("numpy", "numpy==1.26.4", 1),
        ("jupyter_client", "jupyter_client", 2),
        ("pyyaml", "pyyaml", 3),
        ("pytorch", "pytorch", 4),
        ("torchvision", "torchvision", 5),
        ("pytables", "pytables", 6),
        ("python-ours", "python-ours", 7),
        ("jupyter_core", "jupyter_core", 8),
    ]
    assert [one.text for one in found.pip] == ["requests==2.32.3"]
    assert found.notes[:2] == (
        "r.txt, line 1: numpy was built by conda; conda's package numpy==1.26.4 provides it.",
        "r.txt, line 2: Jupyter-Client was built by conda; conda's package jupyter_client provides it.",
    )


def test_options(tmp_path, monkeypatch):
    monkeypatch.setenv("LOCK_TOKEN", "s3cret")
    (tmp_path / "wheels").mkdir()
    found = parse(
        "-i https://old/simple\n"
        "--index-url=https://me:${LOCK_TOKEN}@h/simple\n"
        "--extra-index-url https://b/simple --extra-index-url https://c/simple\n"
        "-f wheels\n--find-links https://h/wheels\n"
        "--pre\n--no-index\n--prefer-binary\n--only-binary :all:\n--require-hashes\n"
        "--trusted-host h\n--no-binary :all:\n"
        f"numpy==1.0 --hash=sha256:{A} \\\n    --hash=sha256:{A}\n"
        "# the end\n",
        f"{tmp_path}/r.txt",
    )
    options = found.pip_options
    assert options.index_url == "https://me:s3cret@h/simple"
    assert options.extra_index_urls == ("https://b/simple", "https://c/simple")
    assert options.find_links == (f"{tmp_path}/wheels", "https://h/wheels")
    assert options.pre and options.no_index
    assert found.notes == (
        f"{tmp_path}/r.txt, line 11: --trusted-host is ignored; certificates are always checked (ca_bundle names those to trust).",
        f"{tmp_path}/r.txt, line 12: --no-binary is ignored; only wheels are locked.",
    )
    assert found.pip[0].hashes == {A}
    assert "s3cret" not in repr(found)


def test_what_conda_built_limits_nothing(tmp_path):
    (tmp_path / "c.txt").write_text("numpy @ file:///croot/numpy_1707225342954/work\nrich<14\n")
    found = parse("rich\n-c c.txt\n", f"{tmp_path}/r.txt")
    assert [one.text for one in found.pip_options.constraints] == ["rich<14"]
    assert found.notes == (f"{tmp_path}/c.txt, line 1: numpy was built by conda, so it limits nothing for pip.",)


@pytest.mark.parametrize(
    "line",
    ["-r ${LOCK_TOKEN}/r.txt", "-c /etc/${LOCK_TOKEN}", "-f /${LOCK_TOKEN}", "-f wheels-${LOCK_TOKEN}", "-f file:///${LOCK_TOKEN}"],
)
def test_what_variables_hold_is_in_no_error(line, monkeypatch):
    monkeypatch.setenv("LOCK_TOKEN", "s3cret")
    said = refusal(f"a\n{line}\n")
    assert "${LOCK_TOKEN}" in said and "s3cret" not in said


@pytest.mark.parametrize(
    ("line", "hashes", "compared"),
    [
        (f"a==1 --hash=sha256:{A} --hash sha256:{'B' * 64}", {A, "b" * 64}, True),
        (f"a==1 --hash=sha256:{A} --hash=sha512:{A}{A}", {A}, True),
        (f"a==1 --hash=sha512:{A}{A}", set(), False),
        (f"a @ {WHEEL}#md5={'a' * 32}", set(), False),
        (f"a @ {WHEEL} --hash=sha512:{A}{A}", set(), False),
        (f"a @ {WHEEL}#egg=a", set(), True),
        (f"a @ {WHEEL} --hash=sha256:{A} --hash=sha256:{'b' * 64}", {A, "b" * 64}, True),
    ],
)
def test_hashes(line, hashes, compared):
    found = parse(line)
    assert found.pip[0].hashes == hashes
    assert found.notes == (() if compared else ("r.txt, line 1: the hash is not compared, since it is no sha256.",))


def test_files_that_refer_to_others(tmp_path):
    (tmp_path / "deep").mkdir()
    (tmp_path / "deep" / "more.txt").write_text("# x\nrich\n-r ../base.txt\n-c limits.txt\n")
    (tmp_path / "deep" / "limits.txt").write_text("numpy<2\n-r more-limits.txt\n")
    (tmp_path / "deep" / "more-limits.txt").write_text("pandas<3\n")
    (tmp_path / "base.txt").write_bytes(b"\xef\xbb\xbfrequests\r\n--pre\r\n")
    path = f"{tmp_path}/environment.yml"
    found = parse("dependencies:\n- pip\n- pip:\n  - -r deep/more.txt\n  - -r base.txt\n  - -rbase.txt\n  - numpy\n", path)
    assert [(one.text, str(one.where)) for one in found.pip] == [
        ("rich", f"{tmp_path}/deep/more.txt, line 2"),
        ("requests", f"{tmp_path}/base.txt, line 1"),
        ("numpy", f"{path}, line 7"),
    ]
    assert [(one.text, str(one.where)) for one in found.pip_options.constraints] == [
        ("numpy<2", f"{tmp_path}/deep/limits.txt, line 1"),
        ("pandas<3", f"{tmp_path}/deep/more-limits.txt, line 1"),
    ]
    assert found.pip_options.pre


def test_files_that_refer_to_themselves(tmp_path):
    (tmp_path / "a.txt").write_text("-r b.txt\n")
    (tmp_path / "b.txt").write_text("x\n-r a.txt\n")
    text = refusal((tmp_path / "a.txt").read_text(), f"{tmp_path}/a.txt")
    assert text == f"{tmp_path}/b.txt, line 2: {tmp_path}/a.txt refers to itself, through {tmp_path}/b.txt."
    for number in range(40):
        (tmp_path / f"{number}.txt").write_text(f"-r {number + 1}.txt\n")
    assert "over more than 20 levels" in refusal("-r 0.txt\n", f"{tmp_path}/c.txt")


def test_mistakes_in_several_files_are_one_error(tmp_path):
    (tmp_path / "more.txt").write_text("x\n-e .\nnumpy=1\n")
    path = f"{tmp_path}/environment.yml"
    text = refusal("dependencies:\n- numpy===1\n- pip:\n  - -r more.txt\n  - '!'\n", path)
    assert [line.partition(": ")[0] for line in text.splitlines()[1:-1]] == [
        *[f"- {path}, line 2", f"- {tmp_path}/more.txt, line 2", f"- {tmp_path}/more.txt, line 3", f"- {path}, line 5"]
    ]
