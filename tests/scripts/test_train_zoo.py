"""The queue of trainings: what it runs where, what it prints, and what a stop leaves behind."""

import json
import signal
import subprocess
import sys
import time

import numpy as np
import pytest

from zoo import datasets
from zoo.hub import registry

# The scripts aren't in an installed package or its source archive.
run_progress = pytest.importorskip("scripts.run_progress")
train_zoo = pytest.importorskip("scripts.train_zoo")

SLEEP = "import time; time.sleep(60)"


def fake_start(commands):
    """Stands in for `start`: runs a line of Python by the run's name, and notes the core."""
    cores = []

    def start(run, folder, core):
        cores.append((run.name, core))
        return subprocess.Popen([sys.executable, "-c", commands[run.name]])

    return start, cores


def some_runs(*names):
    return [train_zoo.Run(name, "gan_mnist_small") for name in names]


def test_every_run_is_of_a_model_that_is_registered():
    names = [run.name for run in train_zoo.RUNS]
    assert len(set(names)) == len(names)
    for run in train_zoo.RUNS:
        if run.model == train_zoo.CLASSIFIER:
            assert run.name in datasets.names()
        else:
            spec = registry.find(run.model).with_recipe(**run.recipe)
            spec.build(**{**spec.config, **run.config}, seed=0)


def test_held_out_images_are_a_fixed_random_tenth_at_most():
    kept, held_out = train_zoo.split(60_000)
    assert len(held_out) == train_zoo.HELD_OUT
    assert sorted([*kept, *held_out]) == list(range(60_000))
    assert 25_000 < held_out.mean() < 35_000
    np.testing.assert_array_equal(train_zoo.split(60_000)[1], held_out)
    assert len(train_zoo.split(1000)[1]) == 100


def test_runs_are_done_in_order_one_on_each_core(tmp_path, monkeypatch, capsys):
    commands = {"a": SLEEP, "b": "", "c": "raise SystemExit(1)", "d": ""}
    start, cores = fake_start(commands)
    monkeypatch.setattr(train_zoo, "start", start)
    train_zoo.train_all(some_runs(*commands), tmp_path, [0, 1], hours=8 / 3600)
    assert cores == [("a", 0), ("b", 1), ("c", 1), ("d", 1)]
    assert "c: FAILED" in capsys.readouterr().out


def test_runs_that_are_done_are_left_out(tmp_path, monkeypatch):
    start, cores = fake_start({"b": ""})
    monkeypatch.setattr(train_zoo, "start", start)
    for folder, sha256 in {"a": "0" * 64, "b": None}.items():
        (tmp_path / folder).mkdir()
        card = {"sha256": sha256}  # None: the run has begun
        (tmp_path / folder / "gan_mnist_small.json").write_text(json.dumps(card))
    train_zoo.train_all(some_runs("a", "b"), tmp_path, [5], hours=1)
    assert cores == [("b", 5)]


def test_a_run_is_pinned_and_of_the_lowest_priority(tmp_path, monkeypatch):
    started = []
    monkeypatch.setattr(
        train_zoo.subprocess, "Popen", lambda *args, **kw: started.append((args, kw))
    )
    train_zoo.start(train_zoo.Run("digits", "gan_mnist_small"), tmp_path, core=3)
    train_zoo.start(train_zoo.Run("mnist", train_zoo.CLASSIFIER), tmp_path, core=3)
    for (command,), options in started:
        assert command[:6] == ["taskset", "-c", "3", "nice", "-n", "19"]
        assert options["env"]["OMP_NUM_THREADS"] == "1"
    assert started[0][0][0][-2:] == ["--run", "digits"]
    assert "scripts.train_classifier" in started[1][0][0]


def test_the_queue_is_halted_and_ended_from_outside(tmp_path):
    def call(*arguments):
        return subprocess.run([*command, *arguments], capture_output=True, text=True)

    script = f"""
from scripts import train_zoo
command = [train_zoo.sys.executable, "-c", "{SLEEP}"]
train_zoo.start = lambda run, folder, core: train_zoo.subprocess.Popen(command)
train_zoo.main()
"""
    command = [sys.executable, "-c", script, "--folder", str(tmp_path), "--cores", "0"]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as queue:
        queue.stdout.readline()  # the first run has started
        assert "running in" in call().stderr
        assert call("--pause").returncode == 0
        assert state(queue) == "T"
        assert call("--resume").returncode == 0
        assert state(queue) != "T"
        call("--pause")
        assert call("--stop").returncode == 0
        assert queue.wait(timeout=30) == -signal.SIGTERM
    assert "No queue is running" in call("--stop").stderr


def state(process):
    """One letter, as `ps` shows it."""
    time.sleep(0.2)
    with open(f"/proc/{process.pid}/stat") as file:
        return file.read().split()[2]


def test_progress_adds_up_over_the_parts_of_a_run(tmp_path):
    for passes in (1, 2):
        progress = run_progress.Progress(tmp_path / "progress.json")
        progress.begin()
        progress.end(passes, of=4, scores=[{"epoch": 1, "frechet_distance": 3.0}])
    record = json.loads((tmp_path / "progress.json").read_text())
    assert record["passes"] == 2
    assert record["seconds"] >= record["seconds_per_pass"]


def test_the_table_has_a_row_for_each_run(tmp_path):
    scores = [{"epoch": n, "frechet_distance": d} for n, d in ((2, 9.0), (4, 7.5), (6, 8.25))]
    record = {"passes": 6, "of": 10, "cpu_seconds": 7200, "seconds_per_pass": 1800}
    (tmp_path / "a" / "log").mkdir(parents=True)
    (tmp_path / "a" / "log" / "progress.json").write_text(json.dumps({**record, "scores": scores}))
    _, first, second = train_zoo.table(some_runs("a", "b"), tmp_path)
    assert first.split() == ["a", "6/10", "8.25", "7.50", "4", "2.00", "2.0"]
    assert second.split() == ["b", "-"]


def test_a_run_is_trained_scored_and_gone_on_with(tmp_path, monkeypatch):
    def load(name, split="train"):
        rng = np.random.default_rng(0)
        return rng.integers(0, 256, (200, 28, 28, 1), dtype=np.uint8), np.arange(200) % 10

    monkeypatch.setattr(datasets, "load", load)
    run = train_zoo.Run("digits", "gan_mnist_small", recipe={"epochs": 2, "batch_size": 60})
    train_zoo.train(run, tmp_path / "digits")
    assert train_zoo.is_done(run, tmp_path)
    card = json.loads((tmp_path / "digits" / "gan_mnist_small.json").read_text())
    assert card["training"]["images"] == 180
    assert card["training"]["held_out_images"] == 20
    assert list(card["training"]["frechet_distances"]) == ["1", "2"]
    assert (tmp_path / "digits" / "best.weights.h5").is_file()
    progress = tmp_path / "digits" / "log" / "progress.json"
    record = json.loads(progress.read_text())
    assert [scores["epoch"] for scores in record["scores"]] == [1, 2]
    # Once more: nothing is left to do, and nothing is lost.
    train_zoo.train(run, tmp_path / "digits")
    assert json.loads(progress.read_text()) == record
    assert json.loads((tmp_path / "digits" / "gan_mnist_small.json").read_text()) == card
