"""The programs of bench/ run, and every row of theirs is a model."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

import oriel
import oriel.ort as ort


@pytest.fixture(scope="module")
def rows(root):
    sys.path.insert(0, str(root / "bench"))
    try:
        import operators
    finally:
        sys.path.pop(0)
    return operators.all_rows()


def test_rows_have_names_of_their_own(rows):
    names = [row.name for row in rows]
    assert len(names) == len(set(names))


def test_every_row_loads(rows):
    options = ort.SessionOptions()
    options.log_severity_level = 4
    options.intra_op_num_threads = 1
    for row in rows:
        model, feeds = row.model()
        try:
            session = ort.InferenceSession(model, options, providers=["CPUExecutionProvider"])
        except Exception as error:
            pytest.fail(f"{row.name}: {error}")
        assert sorted(i.name for i in session.get_inputs()) == sorted(feeds), row.name


@pytest.fixture
def program(root, tmp_path):
    """Runs a program of bench/; returns what it printed and what it wrote as JSON."""

    def run(name, *arguments):
        package = str(Path(oriel.__file__).parents[1])
        environment = {k: v for k, v in os.environ.items() if k not in ("ORIEL_PYTHON", "PEERS_PYTHON")}
        environment["PYTHONPATH"] = os.pathsep.join([package, environment.get("PYTHONPATH", "")])
        command = [sys.executable, root / "bench" / name, "--rounds", "1", "--seconds", "0.001", "--json", tmp_path / "out.json", *arguments]
        done = subprocess.run(list(map(str, command)), env=environment, capture_output=True, text=True, timeout=300)
        assert done.returncode == 0, done.stderr
        return done.stdout, json.loads((tmp_path / "out.json").read_text())

    return run


def test_operators(program):
    pytest.importorskip("onnxruntime")
    printed, results = program("ops.py", "--only", "^(relu|topk .5 of|stringconcat)")
    assert [r["op"] for r in results] == ["Relu", "TopK", "StringConcat"]
    assert all(r["ratio"] > 0 and r["ort"]["difference"] == 0 for r in results)
    assert "3 rows compared with ort" in printed


def test_report(program, digits_model, tmp_path):
    pytest.importorskip("onnxruntime")
    printed, results = program("report.py", digits_model, "--operators", "^relu$", "--dim", "batch=2", "--peers", "ort", "--chart", tmp_path / "chart.svg")
    assert [(r["name"], r["kind"]) for r in results] == [("digits", "model"), ("Relu", "operator")]
    assert all(r["engines"]["ort"]["ratio"] > 0 and r["engines"]["ort"]["difference"] < 1e-4 for r in results)
    assert "onnxruntime over Oriel, 1 thread(s)" in printed
    assert (tmp_path / "chart.svg").read_text().count("<rect") == 2 + len(results)


def test_sweep_repeats_by_seed(program):
    pytest.importorskip("onnxruntime")
    arguments = ["--seed", "7", "--convolutions", "2", "--products", "2", "--peers", "ort"]
    printed, first = program("sweep.py", *arguments)
    _, second = program("sweep.py", *arguments)
    assert "seed 7" in printed and first["seed"] == 7
    assert [r["row"] for r in first["results"]] == [r["row"] for r in second["results"]]
    assert all(r["ort"]["difference"] < 1e-3 for r in first["results"])
