# Copyright (c) 2026 lockstep founders
# SPDX-License-Identifier: GPL-3.0-or-later
"""What a list of environments asks for, and the kernel.json that comes of it."""

from __future__ import annotations

import json

import pytest
from ansible_collections.lockstep.gpufleet.plugins.module_utils._jupyter.kernelspec import (
    Interpreter,
    Kernel,
    is_ours,
    parse_kernels,
    parse_text,
    render,
    to_text,
    without_added,
)
from ansible_collections.lockstep.gpufleet.plugins.module_utils._plan import Problem


@pytest.mark.parametrize(
    ("entry", "kernel"),
    [
        ({"name": "ai_env", "kernel": {}}, Kernel("ai_env", "ai_env", "Python (ai_env)")),
        ({"name": "AI", "kernel": {}}, Kernel("ai", "AI", "Python (AI)")),
        ({"name": "ai_env", "lock": "x.yml", "kernel": {"name": "a.b-c_1"}}, Kernel("a.b-c_1", "ai_env", "Python (ai_env)")),
        ({"name": "ai_env", "kernel": {"display_name": "Über 🚀"}}, Kernel("ai_env", "ai_env", "Über 🚀")),
        (
            {"name": "ai_env", "kernel": {"env": {"B": 8, "A": "x"}}},
            Kernel("ai_env", "ai_env", "Python (ai_env)", (("A", "x"), ("B", "8"))),
        ),
        (
            {"name": "e", "kernel": {"env_presets": ["cuda"], "env": {"CUDA_MODULE_LOADING": "EAGER"}}},
            Kernel("e", "e", "Python (e)", (("CUDA_DEVICE_ORDER", "PCI_BUS_ID"), ("CUDA_MODULE_LOADING", "EAGER"))),
        ),
        ({"name": "e", "kernel": {"metadata": {"b": 1, "a": []}}}, Kernel("e", "e", "Python (e)", metadata='{"a": [], "b": 1}')),
        (
            {"name": "e", "kernel": {"logos": {"logo-svg.svg": "PHN2Zy8+"}}},
            Kernel("e", "e", "Python (e)", logos=(("logo-svg.svg", b"<svg/>"),)),
        ),
        ({"name": "e", "kernel": {"scope": "env"}}, Kernel("e", "e", "Python (e)", inside=True)),
        ({"name": "e", "state": "absent", "kernel": {}}, Kernel("e", "e", "Python (e)", wanted=False)),
        ({"name": "e", "state": "rolled_back", "kernel": {}}, Kernel("e", "e", "Python (e)")),
    ],
)
def test_an_entry_becomes_a_kernel(entry, kernel):
    assert parse_kernels([entry]) == [kernel]


def test_entries_without_a_kernel_ask_for_none():
    assert parse_kernels([{"name": "a"}, {"name": "b", "kernel": None, "lock": "b.yml"}]) == []


def test_state_absent_asks_for_the_absence_of_all():
    assert [kernel.wanted for kernel in parse_kernels([{"name": "a", "kernel": {}}], "absent")] == [False]


@pytest.mark.parametrize(
    ("environments", "words"),
    [
        (["ai_env"], ["entry 1", "dictionary"]),
        ([{"name": "ok"}, {"kernel": {}}], ["entry 2", "name"]),
        ([{"name": "", "kernel": {}}], ["name"]),
        ([{"name": "../x", "kernel": {}}], ["path"]),
        ([{"name": "..", "kernel": {}}], ["path"]),
        ([{"name": "e", "kernel": "Python"}], ["'e'", "dictionary"]),
        ([{"name": "e", "kernel": {"displayname": "x"}}], ["displayname", "display_name"]),
        ([{"name": "e", "state": "gone", "kernel": {}}], ["gone", "absent"]),
        ([{"name": "e", "kernel": {"name": "My Kernel"}}], ["My Kernel", "legal"]),
        ([{"name": "e", "kernel": {"name": "Upper"}}], ["Upper", "'upper'"]),
        ([{"name": "e", "kernel": {"name": "a/b"}}], ["a/b", "legal"]),
        ([{"name": "e", "kernel": {"name": ".."}}], ["legal"]),
        ([{"name": "e", "kernel": {"name": "a\n"}}], ["legal"]),
        ([{"name": "e", "kernel": {"name": "ümlaut"}}], ["legal"]),
        ([{"name": "e", "kernel": {"display_name": ""}}], ["display_name"]),
        ([{"name": "e", "kernel": {"env": ["A=1"]}}], ["env", "dictionary"]),
        ([{"name": "e", "kernel": {"env": {"A B": "1"}}}], ["A B"]),
        ([{"name": "e", "kernel": {"env": {"A": True}}}], ["env.A", "quotes"]),
        ([{"name": "e", "kernel": {"env": {"A": None}}}], ["env.A"]),
        ([{"name": "e", "kernel": {"env_presets": ["x"]}}], ["'e'", "env_presets", "'x'"]),
        ([{"name": "e", "kernel": {"metadata": ["x"]}}], ["metadata", "dictionary"]),
        ([{"name": "e", "kernel": {"metadata": {"lockstep": {}}}}], ["metadata", "'lockstep'"]),
        ([{"name": "e", "kernel": {"metadata": {"x": float("nan")}}}], ["metadata", "JSON"]),
        ([{"name": "e", "kernel": {"logos": {"logo.png": ""}}}], ["logos", "logo.png", "logo-64x64.png"]),
        ([{"name": "e", "kernel": {"logos": {"logo-64x64.png": "PHN2Zy8+"}}}], ["logo-64x64.png", "PNG"]),
        ([{"name": "e", "kernel": {"logos": {"logo-svg.svg": "!"}}}], ["logo-svg.svg", "base64"]),
        ([{"name": "e", "kernel": {"logos": ["x"]}}], ["logos", "controller"]),
        ([{"name": "e", "kernel": {"scope": "system"}}], ["kernel.scope", "'system'", "jupyter_kernel_scope"]),
        ([{"name": "e", "kernel": {"scope": "env", "logos": {"logo-svg.svg": "PHN2Zy8+"}}}], ["kernel.logos", "scope: env"]),
        ([{"name": "a", "kernel": {"name": "k"}}, {"name": "b", "kernel": {"name": "k"}}], ["'a'", "'b'", "'k'"]),
    ],
)
def test_bad_input_is_named(environments, words):
    with pytest.raises(Problem) as caught:
        parse_kernels(environments)
    for word in words:
        assert word in str(caught.value)


def test_the_kernelspec_follows_the_one_that_the_package_ships():
    # The template is what the wheel of ipykernel 7.3.0 holds (share/jupyter/kernels/python3/kernel.json).
    shipped = {
        "argv": ["python", "-m", "ipykernel_launcher", "-f", "{connection_file}"],
        "display_name": "Python 3 (ipykernel)",
        "language": "python",
        "metadata": {"debugger": True, "supported_encryption": "curve"},
        "kernel_protocol_version": "5.5",
    }
    interpreter = Interpreter("/s/generations/1/envs/e", True, "7.3.0", shipped, ("-Xfrozen_modules=off",))
    document = render(Kernel("e", "e", "E", (("OMP_NUM_THREADS", "8"),)), interpreter, "/s")
    assert document == {
        "argv": [
            "/s/generations/1/envs/e/bin/python", "-Xfrozen_modules=off",
            "-m", "ipykernel_launcher", "-f", "{connection_file}",
        ],
        "display_name": "E",
        "language": "python",
        "metadata": {
            "debugger": True, "supported_encryption": "curve", "lockstep": {"environment": "e", "root": "/s"},
        },
        "kernel_protocol_version": "5.5",
        "env": {"PYTHONNOUSERSITE": "1", "PYTHONPATH": "", "PYTHONHOME": "", "OMP_NUM_THREADS": "8"},
    }  # fmt: skip
    assert shipped["metadata"] == {"debugger": True, "supported_encryption": "curve"}, "the template is not changed"


def test_without_a_shipped_kernelspec_the_defaults_of_ipykernel_stand():
    document = render(Kernel("e", "e", "E"), Interpreter("/p"), "/s")
    assert document["argv"] == ["/p/bin/python", "-m", "ipykernel_launcher", "-f", "{connection_file}"]
    assert document["metadata"]["debugger"] is True


def test_rendering_twice_adds_nothing():
    first = render(Kernel("e", "e", "E"), Interpreter("/p", python_options=("-Xfrozen_modules=off",)), "/s")
    again = render(Kernel("e", "e", "E"), Interpreter("/p", template=first), "/s")
    assert again == first


def test_the_users_metadata_is_added_and_can_be_told_apart():
    shipped = {"metadata": {"debugger": True, "mine": 0}}
    kernel = Kernel("e", "e", "E", metadata='{"mine": 1, "team": "x"}')
    document = render(kernel, Interpreter("/p", template=shipped), "/s")
    assert (document["metadata"]["debugger"], document["metadata"]["mine"], document["metadata"]["team"]) == (True, 1, "x")
    assert document["metadata"]["lockstep"]["added"] == ["mine", "team"]
    assert without_added(document)["metadata"] == {"debugger": True}


def test_a_kernel_in_its_environment_leaves_the_interpreter_to_jupyter():
    assert render(Kernel("e", "e", "E", inside=True), Interpreter("/p"), "/s")["argv"][0] == "python"


def test_a_user_can_let_the_user_site_in():
    document = render(Kernel("e", "e", "E", (("PYTHONNOUSERSITE", ""),)), Interpreter("/p"), "/s")
    assert document["env"]["PYTHONNOUSERSITE"] == ""


@pytest.mark.parametrize("content", [b"", b"{", b"[]", b"\xff\xfe", b"null"])
def test_what_is_no_kernelspec_is_none(content):
    assert parse_text(content) is None


@pytest.mark.parametrize(
    ("document", "ours"),
    [(None, False), ({}, False), ({"metadata": None}, False), ({"metadata": {"lockstep": {}}}, True)],
)
def test_the_mark(document, ours):
    assert is_ours(document) is ours


def test_text_and_document_are_the_same():
    document = render(Kernel("e", "e", "Ü"), Interpreter("/p"), "/s")
    assert parse_text(to_text(document).encode()) == document == json.loads(to_text(document))
