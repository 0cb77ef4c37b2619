"""Models of one's own: what `FILE.py:NAME` stands for, and what it must not."""

from pathlib import Path

import pytest

from benchmarks.cli import main
from benchmarks.measure import contestants, flops, own_model, worker
from benchmarks.measure.processes import CellProcess
from tests.benchmarks import light_workers
from tests.benchmarks.tiny_cells import DEVICES, cell
from zoo.hub import registry

FILE = Path(__file__).parents[1] / "own_models.py"


@pytest.fixture
def own_models(monkeypatch):
    """Builds a model of the file as each process does: once per process, so its names are free."""
    monkeypatch.setattr("sys.path", ["", *own_model.sys.path])

    def build(name):
        if "gan_for_benchmarks" in registry.names():
            registry.unregister("gan_for_benchmarks")
        return own_model.build(f"{FILE}:{name}")

    yield build
    own_model.sys.modules.pop("own_models", None)
    if "gan_for_benchmarks" in registry.names():
        registry.unregister("gan_for_benchmarks")


@pytest.mark.parametrize("name", ["points", "Labeled"])
@pytest.mark.parametrize(
    ("variant", "data"), [("fit", "numpy"), ("step", "device"), ("generate", "numpy")]
)
def test_they_are_timed_as_they_are(own_models, name, variant, data):
    model = own_models(name)
    compiled = model.setup
    mode = "sample" if variant == "generate" else "train"
    contestant = contestants.make_contestant(
        cell(model=f"{FILE}:{name}", variant=variant, mode=mode, data=data), model, DEVICES
    )
    assert contestant.prepare(2) == 2
    first, second = contestant.run(), contestant.run()
    assert (first is None) if mode == "sample" else (first != second)
    assert compiled is None or model.setup is compiled


@pytest.mark.parametrize("name", ["registered", "gan_for_benchmarks"])
def test_a_registered_model_has_its_configuration(own_models, name):
    assert own_models(name).config["hidden_units"] == (5,)


@pytest.mark.parametrize(
    ("name", "words"),
    [
        (
            "broken",
            r"Building .*:broken failed: RuntimeError: what is wrong \(line \d+ of .*models.py\)$",
        ),
        ("network", "must be a model of the zoo.* Received: Sequential"),
        ("number", "must be a model of the zoo.* Received: int"),
        ("wants_arguments", "failed: TypeError: .*missing 1 required positional argument"),
        ("nothing", "has no nothing. It defines: Labeled, broken, network, points, registered, "),
    ],
)
def test_what_is_no_model(own_models, name, words):
    with pytest.raises(own_model.OwnModelError, match=words) as raised:
        own_models(name)
    assert "\n" not in str(raised.value)


def test_a_file_that_cannot_be_imported(tmp_path):
    path = tmp_path / "no_such_import.py"
    path.write_text("import no_such_package\n")
    with pytest.raises(own_model.OwnModelError, match=r"Importing .* failed: ModuleNotFoundError"):
        own_model.build(f"{path}:MyGAN")


def test_a_compiled_model_is_not_compiled_again(own_models):
    model = own_models("points")
    with pytest.raises(own_model.OwnModelError, match=r"compiled already.* Received: --jit on"):
        contestants.make_contestant(cell(model=f"{FILE}:points", jit="on"), model, DEVICES)


def test_what_cannot_be_counted_has_no_rate(own_models):
    labeled, sampling = own_models("Labeled"), cell(mode="sample", variant="generate")
    with pytest.raises(flops.UncountedError, match="Conv1D"):
        flops.gflop_per_image(labeled, "train")
    assert worker._work(labeled, cell())["gflop_per_image"] is None
    assert worker._work(labeled, sampling)["gflop_per_image"] == pytest.approx(2e-9 * 5 * 12)
    assert worker._work(own_models("points"), cell())["gb_per_step"] is None  # with a penalty


@pytest.mark.no_backend
def test_it_ends_the_run():
    process = CellProcess(cell(), worker_settings(), target=light_workers.own_model)
    try:
        with pytest.raises(own_model.OwnModelError, match="no such model"):
            process.call("prepare", cell())
    finally:
        process.close()


def worker_settings():
    from benchmarks.measure.cells import Settings

    return Settings(timeout=60)


@pytest.mark.no_backend
@pytest.mark.parametrize(
    ("options", "words"),
    [
        ("--module no_file.py:MyGAN", "There is no file no_file.py"),
        ("--module MyGAN", "must be FILE.py:NAME"),
        (f"--module {FILE}:points --model gan28", "leave out `--model`"),
        (f"--module {FILE}:points --implementation native", "leave out `--implementation`"),
        (f"--module {FILE}:points --mode overhead", "--mode overhead"),
    ],
)
def test_options_that_mean_nothing(options, words, capsys):
    with pytest.raises(SystemExit) as raised:
        main(["run", *options.split()])
    assert raised.value.code == 2
    error = capsys.readouterr().err
    assert error.startswith("error: ")
    assert words in error
    assert error.count("\n") == 1
