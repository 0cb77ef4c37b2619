"""The command line: what it prints and writes, and how it fails."""

import json
import os
import sys
from pathlib import Path

import keras
import numpy as np
import pytest
import typer
from PIL import Image

import zoo
from tests.cli.commands import CONFIG, fail, register, run, run_process, save_pictures, succeed
from zoo import datasets
from zoo.cli import app, tables, training_data
from zoo.cli.training_data import read_training_data
from zoo.hub import registry

# ------------------------------------------------------------------ list, info


def test_list_shows_every_model_once(here):
    lines = succeed("list").splitlines()
    assert lines[0].split() == ["NAME", "FAMILY", "DATASET", "PARAMETERS", "PRETRAINED"]
    assert [line.split()[0] for line in lines[1:]] == zoo.list_models()
    assert max(map(len, lines)) <= 80  # nothing is cut in a terminal


def test_list_takes_wildcards_and_shows_the_pretrained(here, tiny):
    assert "dcgan_mnist" in succeed("list", "dcgan*")
    assert "\ngan_mnist" not in succeed("list", "dcgan*")
    card = zoo.info("tiny")
    values = {"sha256": "0" * 64, "size": 2_340_000, "parameters": {"generator": 1200}}
    zoo.ModelCard(**{**vars(card), **values}).write(here / "weights" / "tiny.json")
    row = ["tiny", "vanilla_gan", "-", "1,200", "2.3", "MB"]
    assert row in [line.split() for line in succeed("list").splitlines()]
    assert row in [line.split() for line in succeed("list", "--pretrained", "t*").splitlines()]


def test_list_says_when_nothing_matches(here):
    result = run("list", "no_such*")
    assert (result.exit_code, result.stdout) == (0, "")
    assert "no_such*" in result.stderr


@pytest.mark.parametrize("name", registry.names())
def test_info_is_a_page_and_as_json_all_of_the_card(here, name, monkeypatch):
    card = zoo.info(name)
    assert json.loads(succeed("info", name, "--json")) == json.loads(json.dumps(vars(card)))
    text = succeed("info", name)
    for value in (name, card.paper, card.dataset, f"batch_size {card.recipe['batch_size']}"):
        assert value in text
    monkeypatch.setattr(tables, "UNLIMITED", 80)
    lines = succeed("info", name).splitlines()
    assert len(lines) <= 45
    assert max(map(len, lines)) <= 80


def test_version_and_help(here):
    result = run_process(
        "--version", code="import runpy; runpy.run_module('zoo', None, '__main__', True)"
    )
    assert result.stdout == f"zoo {zoo.__version__}\n", result.stderr
    assert succeed("--version") == f"zoo {zoo.__version__}\n"
    for arguments in ((), ("--help",), ("-h",)):
        assert all(verb in succeed(*arguments) for verb in ("list", "info", "sample", "train"))
    for command, words in {
        "sample": ("--interpolate", "--labels", "7,7,3", "classes at random"),
        "inpaint": ("--resize-mask", "--weights", "127", "lossy", "PICTURE_restored.png"),
        "progress": ("RUN_DIR", "--frame-ms", "RUN_DIR/progress.gif"),
    }.items():
        text = succeed(command, "--help")
        assert [word for word in words if word not in text] == []


def test_list_is_quick_and_imports_neither_keras_nor_numpy(here):
    code = (
        "import sys, time, atexit\n"
        "heavy = {'keras', 'numpy', 'PIL', 'h5py', 'jax', 'torch', 'tensorflow'}\n"
        "atexit.register(lambda: print('LOADED', *sorted(heavy & set(sys.modules))))\n"
        "atexit.register(lambda: print(time.process_time()))\n"
        "from zoo.cli import main\n"
        "main(['list'])\n"
    )
    times = []
    for _ in range(3):
        result = run_process(code=code)
        assert result.returncode == 0, result.stderr
        *table, seconds, loaded = result.stdout.splitlines()
        assert any(line.startswith("dcgan_mnist ") for line in table)
        assert loaded == "LOADED"
        times.append(float(seconds))  # of the processor: the machine can be busy
    assert min(times) < 1.0


# ---------------------------------------------------------------------- sample


def test_sample_writes_a_grid(weights):
    text = succeed("sample", "tiny", "--weights", weights, "-n", 9, "-o", "made/grid.png")
    assert "made/grid.png" in text
    assert keras.backend.backend() in text
    with Image.open("made/grid.png") as picture:
        assert (picture.format, picture.mode) == ("PNG", "RGB")
        assert picture.size == (32 * 28, 32 * 28)


def test_sample_writes_the_array_that_generate_returns(weights):
    succeed("sample", "tiny", "--weights", weights, "-n", 5, "-o", "a.npy", "--seed", 3)
    images = np.load("a.npy", allow_pickle=False)
    assert (images.dtype, images.shape) == (np.uint8, (5, 8, 8, 3))
    expected = zoo.load("tiny", weights=weights).generate(5, seed=3)
    assert np.array_equal(images, expected)


@pytest.mark.parametrize("option", ["truncation", "psi"])
def test_sample_truncates_what_it_draws_and_walks_between(weights, option):
    options = ["--weights", weights, "-n", 4, f"--{option}", 0.5]
    succeed("sample", "tiny", *options, "-o", "a.npy")
    model = zoo.load("tiny", weights=weights)
    expected = model.generate(4, seed=0, **{option: 0.5})
    assert np.array_equal(np.load("a.npy"), expected)
    assert not np.array_equal(expected, model.generate(4, seed=0))
    seen = []
    draw = type(model).generate
    with pytest.MonkeyPatch.context() as patch:
        spy = lambda self, *_, latents: seen.append(latents) or draw(self, latents=latents)  # noqa: E731
        patch.setattr(type(model), "generate", spy)
        succeed("sample", "tiny", *options, "--interpolate")
    assert np.array_equal(seen[0], model.sample_latent(4, 0, **{option: 0.5}))


def test_sample_walks_from_the_grid_of_the_seed_and_back(weights):
    succeed("sample", "tiny", "--weights", weights, "-n", 4, "-o", "walk.gif", "--interpolate")
    succeed("sample", "tiny", "--weights", weights, "-n", 4, "-o", "still.gif")
    with Image.open("walk.gif") as walk, Image.open("still.gif") as still:
        assert still.n_frames == 1
        assert walk.n_frames > 20
        assert walk.info["loop"] == 0
        frames = []
        for index in range(walk.n_frames):
            walk.seek(index)
            frames.append(np.asarray(walk.convert("RGB"), "float32"))
        first = np.asarray(still.convert("RGB"), "float32")
    assert np.abs(frames[0] - first).max() <= 1
    # Spherical, and closed: the step from the last frame to the first is one like the others.
    steps = [np.abs(a - b).mean() for a, b in zip(frames, [*frames[1:], frames[0]], strict=True)]
    assert steps[-1] <= max(steps[:-1]) * 1.01


@pytest.mark.parametrize(
    ("options", "written"),
    [
        ([], "tiny.png"),
        (["--format", "npy"], "tiny.npy"),
        (["--interpolate"], "tiny.gif"),
        (["--format", "gif"], "tiny.gif"),
        (["--format", "npy", "-o", "array"], "array"),
        (["-o", "A.PNG"], "A.PNG"),
        (["--format", "png", "-o", "epoch.12"], "epoch.12"),
    ],
)
def test_sample_chooses_format_and_name(weights, options, written):
    before = set(os.listdir())
    assert written in succeed("sample", "tiny", "--weights", weights, "-n", 2, *options)
    assert set(os.listdir()) - before == {written}


@pytest.mark.parametrize(
    ("options", "expected"),
    [
        (["-o", "a.jpg"], ".png, .npy or .gif"),
        (["-o", "grid"], ".png, .npy or .gif"),
        (["-o", "a.png", "--format", "npy"], "--format npy"),
        (["-o", "a.png", "--interpolate"], "--interpolate"),
        (["--format", "npy", "--interpolate"], "--interpolate"),
        (["-o", "folder"], "folder"),
        (["-o", "folder/a.gif/b.gif"], "folder"),
        (["-o", "/dev/null", "--format", "png"], "/dev/null"),
        (["-n", "0"], "-n=0"),
        (["-n", "two"], "integer"),
        (["--seed", "-1"], "--seed=-1"),
        (["--truncation", "0"], "--truncation=0.0"),
        (["--psi", "1.5"], "--psi=1.5"),
        (["--format", "jpeg"], "jpeg"),
        (["--weights", "missing.weights.h5"], "no weights file at missing.weights.h5"),
        (["--frobnicate"], "--frobnicate"),
        ([], "zoo train tiny"),
    ],
)
def test_sample_refuses_before_it_builds_a_model(tiny, here, builds_no_model, options, expected):
    (here / "folder").mkdir()
    (here / "folder" / "a.gif").touch()
    assert expected in fail("sample", "tiny", *options)


@pytest.mark.parametrize("command", ["sample", "info", "train", "neighbors", "evaluate", "explore"])
def test_an_unknown_model_names_the_closest(here, command):
    assert "Closest: dcgan_mnist" in fail(command, "dcgan_mnits")


def test_sample_refuses_weights_that_arent(weights, here):
    Path("junk.weights.h5").write_bytes(b"junk")
    Path("grid.png").write_bytes(b"what was here before")
    assert "HDF5" in fail("sample", "tiny", "--weights", "junk.weights.h5", "-o", "grid.png")
    assert Path("grid.png").read_bytes() == b"what was here before"


@pytest.mark.skipif(os.name == "nt" or os.geteuid() == 0, reason="root may write everywhere")
def test_sample_refuses_a_folder_it_cant_write_to(tiny, here):
    (here / "folder").mkdir(mode=0o500)
    assert "Permission denied" in fail("sample", "tiny", "-o", "folder/grid.png")


def test_a_full_disk_is_one_line_and_loses_nothing(weights, monkeypatch):
    Path("grid.png").write_bytes(b"what was here before")

    def full(*_, **__):
        raise OSError(28, "No space left on device", "grid.png")

    monkeypatch.setattr(Image.Image, "save", full)
    error = fail("sample", "tiny", "--weights", weights, "-o", "grid.png")
    assert error == "error: grid.png: No space left on device\n"
    assert Path("grid.png").read_bytes() == b"what was here before"


# ----------------------------------------------------------------------- train


def test_train_on_a_folder_then_sample(tiny, photos, here):
    result = run("train", "tiny", "--data", photos, "--batch-size", 32, "--seed", 5)
    assert result.exit_code == 0, result.output
    assert "epoch 1/1" in result.stderr
    assert "discriminator_loss" in result.stderr
    out = here / "runs" / "tiny"
    files = ["checkpoints", "history.csv", "samples", "tiny.json", "tiny.png", "tiny.weights.h5"]
    assert sorted(os.listdir(out)) == files
    assert os.listdir(out / "samples") == ["epoch_0001.png"]
    card = zoo.ModelCard.read(out / "tiny.json")
    assert (card.recipe["batch_size"], card.recipe["seed"], card.recipe["epochs"]) == (32, 5, 1)
    succeed("sample", "tiny", "--weights", out / "tiny.weights.h5", "-n", 1)
    assert (card.dataset, card.training["data"], card.training["images"]) == ("", "photos", 64)


def test_the_folder_of_a_run_is_all_that_it_takes(tiny, photos, here):
    succeed("train", "tiny", "--data", photos, "--size", "6x10", "--out", "run")
    assert json.loads(succeed("info", "run", "--json"))["config"]["image_shape"] == [6, 10, 3]
    assert "zoo info run --json" in succeed("info", "run")
    for target in ("run", "run/tiny.json", "run/tiny.weights.h5"):
        assert "wrote tiny.npy" in succeed("sample", target, "-n", 2, "--format", "npy")
        assert np.load("tiny.npy").shape == (2, 6, 10, 3)
    # It was trained on other pictures than the registered model's: which, only the user knows.
    for target in ("run", "run/tiny.weights.h5"):
        assert "wasn't trained on a data set of the zoo" in fail("evaluate", target)
    assert "--resume run" in fail("train", "run")
    assert "no folder of a run" in fail("sample", "runs/tiny")


@pytest.mark.parametrize("size", ["0", "32x", "x32", "32x32x3", "-4", "1e3", "32.0"])
def test_a_size_is_one_number_or_two(tiny, photos, size):
    assert f"Received: {size}" in fail("train", "tiny", "--data", photos, f"--size={size}")


def test_colors_that_a_model_does_not_have_are_no_secret(here, photos):
    save_pictures(here / "gray", 2, (8, 8))
    register("gray", image_shape=(8, 8, 1))
    spec = registry.find("gray")
    read_training_data(spec, here / "gray", None)
    with pytest.warns(UserWarning, match="photos have color; gray is a model of gray images"):
        read_training_data(spec, photos, None)


def test_a_name_that_can_not_be_printed_is_no_error(here):
    for encoding, name in {"cp1252": "\u5199\u771f.png", "utf-8:strict": "caf\udce9.png"}.items():
        code = (
            "from zoo import cli\n"
            "@cli.app.command('say')\ndef say(name: str):\n    print('wrote', name)\n"
            "cli.main()"
        )
        result = run_process("say", name, code=code, environment={"PYTHONIOENCODING": encoding})
        assert (result.returncode, result.stderr) == (0, "")
        assert result.stdout == f"wrote {name.encode('ascii', 'backslashreplace').decode()}\n"


@pytest.fixture
def calls(monkeypatch):
    """Calls of `training.train`, which does nothing."""
    made = []

    def train(spec, images, out, callbacks, initial_weights, labels, **options):
        assert options.pop("resume") is False
        assert all(isinstance(callback, keras.callbacks.Callback) for callback in callbacks)
        assert labels is None
        made.append((spec, images, Path(out)))

    monkeypatch.setattr("zoo.training.run.train", train)
    return made


def test_train_passes_the_options_on(tiny, photos, calls):
    succeed("train", "tiny", "--data", photos, "--limit", 10, "--out", "mine", "--epochs", 3)
    spec, images, out = calls.pop()
    assert spec.recipe == registry.find("tiny").with_recipe(epochs=3).recipe
    assert (images.shape, images.dtype, out) == ((10, 8, 8, 3), np.uint8, Path("mine"))
    succeed("train", "tiny", "--data", photos)
    spec, images, out = calls.pop()
    assert spec.recipe == registry.find("tiny").recipe
    assert (len(images), out) == (64, Path("runs/tiny"))
    # This many epochs in all: no previous phase, and rates that fall over these.
    succeed("train", "inpaint_scenes64", "--data", photos, "--epochs", 5, "--out", "b")
    recipe = calls.pop()[0].recipe
    assert (recipe.epochs, recipe.previous, recipe.schedule_epochs) == (5, None, None)


def test_train_uses_the_models_own_data(here, calls, monkeypatch):
    images = np.arange(50, dtype="uint8").reshape(-1, 1, 1, 1) * np.ones((28, 28, 1), "uint8")
    labels = np.zeros(50, "int64")
    asked = []
    monkeypatch.setattr(datasets, "load", lambda *key: asked.append(key) or (images, labels))
    succeed("train", "dcgan_mnist", "--limit", 20)
    assert asked == [("mnist", "train")]
    chosen = calls.pop()[1][:, 0, 0, 0]
    # Sorted by class, the first twenty would be of one.
    assert len(set(chosen)) == 20
    assert chosen.max() > 20
    monkeypatch.setattr(datasets, "load", lambda *_: (images[:, :8], labels))
    assert "(28, 28, 1)" in run("train", "dcgan_mnist").stderr
    assert not calls


def test_train_keeps_an_earlier_run_unless_it_is_to_be_overwritten(tiny, photos, calls, here):
    out = here / "runs" / "tiny"
    (out / "samples").mkdir(parents=True)
    earlier = ["tiny.json", "tiny.weights.h5", "samples/epoch_0020.png"]
    for name in [*earlier, "notes.txt"]:
        (out / name).touch()
    assert "--overwrite" in fail("train", "tiny", "--data", photos)
    assert "nowhere" in fail("train", "tiny", "--data", "nowhere", "--overwrite")
    assert all((out / name).exists() for name in earlier)
    succeed("train", "tiny", "--data", photos, "--overwrite")
    assert not any((out / name).exists() for name in earlier)
    assert (out / "notes.txt").exists()


@pytest.mark.parametrize(
    ("options", "expected"),
    [
        ([], "--data"),
        (["--data", "nowhere"], "nowhere"),
        (["--data", "empty"], "No readable picture"),
        (["--limit", "0"], "--limit=0"),
        (["--precision", "half"], "mixed_bfloat16"),
        (["--log", "csv"], "'tensorboard', 'wandb'"),
        (["--out", "file"], "file"),
        (["--out", "file/run"], "file"),
    ],
)
def test_train_refuses_before_it_starts(tiny, here, calls, options, expected):
    (here / "empty").mkdir()
    (here / "file").touch()
    assert expected in fail("train", "tiny", *options)
    assert not calls


# ---------------------------------------------------------------------- errors


def test_every_command_and_option_says_what_it_does():
    for name, command in typer.main.get_command(app).commands.items():
        assert command.help, name
        for parameter in command.params:
            assert parameter.help, (name, parameter.name)


def test_debug_shows_the_traceback_wherever_it_stands(here):
    for arguments in (["--debug", "info", "nothing"], ["info", "nothing", "--debug"]):
        result = run(*arguments)
        assert result.exit_code == 2
        assert "Traceback (most recent call last)" in result.stderr
        assert "UnknownModelError" in result.stderr


def test_an_error_of_several_lines_becomes_one(here, monkeypatch):
    def broken(*_):
        raise zoo.ZooError("first\n  second")

    monkeypatch.setattr("zoo.hub.loading.info", broken)
    assert fail("info", "dcgan_mnist") == "error: first second\n"


def test_a_bug_keeps_its_traceback(here, monkeypatch):
    monkeypatch.setattr("zoo.hub.loading.info", lambda _: {}["bug"])
    assert isinstance(run("info", "dcgan_mnist").exception, KeyError)


@pytest.mark.parametrize(
    "arguments", [["frob"], ["sample"], ["list", "a", "b"], ["sample", "dcgan_mnist", "-n"]]
)
def test_wrong_usage_points_to_the_help(here, arguments):
    assert "--help" in fail(*arguments)


def test_unknown_and_missing_backends_are_named(tiny, weights, monkeypatch):
    monkeypatch.setenv("KERAS_BACKEND", "theano")
    assert "theano" in fail("sample", "tiny", "--weights", weights)
    monkeypatch.setenv("KERAS_BACKEND", "jax")
    monkeypatch.setattr("importlib.util.find_spec", lambda name: None)
    assert "pip install jax" in fail("sample", "tiny", "--weights", weights)


def test_a_process_fails_without_traceback(here):
    result = run_process("sample", "dcgan_mnits")
    assert (result.returncode, result.stdout) == (2, "")
    assert result.stderr.startswith("error: No model is registered")
    assert "Traceback" not in result.stderr


@pytest.mark.skipif(os.name == "nt", reason="POSIX pipes")
@pytest.mark.parametrize("arguments", [["list"], ["info", "dcgan_mnist", "--json"], ["--help"]])
def test_a_closed_pipe_is_no_error(here, arguments):
    reader, writer = os.pipe()
    os.close(reader)
    try:
        result = run_process(*arguments, stdout=writer)
    finally:
        os.close(writer)
    assert (result.returncode, result.stderr) == (1, "")


def test_a_skipped_picture_is_one_warning_line(tiny, photos, here):
    Path(photos, "bad.png").write_bytes(b"junk")
    code = (
        "import zoo, zoo.imports, zoo.hub.registry\n"
        f"zoo.hub.registry.register('tiny', config={CONFIG!r})(lambda **config: None)\n"
        "def stop(*_): raise zoo.ZooError('stopped')\n"
        "zoo.imports.import_keras = stop\n"
        "from zoo.cli import main; main()\n"
    )
    result = run_process("train", "tiny", "--data", photos, code=code)
    lines = result.stderr.splitlines()
    assert len(lines) == 2, result.stderr
    assert lines[0].startswith("warning: Skipped 'bad.png'")
    assert lines[1] == "error: stopped"


def test_a_backends_noise_is_held_back_and_errors_are_not(here, monkeypatch):
    code = (
        "import os, sys\n"
        "from zoo.cli.quiet import quiet_backend\n"
        "with quiet_backend():\n"
        "    os.write(2, b'I0000 00:00:17 1 port.cc:153] oneDNN\\n')\n"
        "    os.write(2, b'E0000 00:00:17 1 port.cc:153] on fire\\n')\n"
        "    print('a warning', file=sys.stderr)\n"
        "print(os.environ['TF_CPP_MIN_LOG_LEVEL'])\n"
    )
    monkeypatch.delenv("TF_CPP_MIN_LOG_LEVEL", raising=False)
    for level, lines in ((None, 2), ("1", 3)):
        environment = {"TF_CPP_MIN_LOG_LEVEL": level} if level else {}
        result = run_process(code=code, environment=environment)
        assert result.stdout.strip() == (level or "3")
        assert len(result.stderr.splitlines()) == lines
        assert "on fire" in result.stderr


# -------------------------------------------------------------------------------------- streams


def test_streamed_images_give_the_run_of_images_in_memory(tiny, photos, here):
    pytest.importorskip("grain")
    options = ("--data", photos, "--seed", 5)
    assert "from disk" in run("train", "tiny", *options, "--stream", "--out", "streamed").stderr
    assert "from disk" not in run("train", "tiny", *options, "--out", "memory").stderr
    cards = [zoo.ModelCard.read(here / out / "tiny.json") for out in ("streamed", "memory")]
    assert cards[0].sha256 == cards[1].sha256
    assert len(cards[0].training["data_names_and_sizes_sha256"]) == 64
    assert "data_names_and_sizes_sha256" not in cards[1].training


@pytest.mark.no_backend
def test_what_is_read_while_a_model_trains(tiny, photos, monkeypatch):
    pytest.importorskip("grain")
    spec = registry.find(tiny)

    def streams(memory, data=photos, **options):
        monkeypatch.setattr(training_data, "_memory", lambda: memory)
        images, labels = training_data.read_training_data(spec, data, None, **options)
        assert labels is None
        return isinstance(images, zoo.datasets.Stream)

    decoded = 64 * 8 * 8 * 3
    assert streams(memory=4 * decoded - 1)
    assert not streams(memory=4 * decoded)
    assert streams(memory=4 * decoded, stream=True)
    assert "wrote 1 shards" in succeed("shard", photos, "shards", "--size", "8", "--workers", 1)
    assert streams(memory=10**12, data="shards")
    assert training_data._memory() > 2**20


@pytest.mark.no_backend
def test_streaming_needs_pictures_of_ones_own(tiny):
    assert "--data" in fail("train", "tiny", "--stream")


def test_an_interrupted_run_names_its_flags_as_flags(tiny, photos, here, monkeypatch):
    pytest.importorskip("grain")
    told = []
    monkeypatch.setattr("zoo.interrupts.advise", told.append)
    succeed("train", "tiny", "--data", photos, "--stream")
    assert told[-1].endswith("train tiny --data photos --stream --resume runs/tiny")


def test_a_run_is_shown_in_tensorboard_and_what_goes_on_too(tiny, photos, here, monkeypatch):
    pytest.importorskip("tensorboard")
    told = []
    monkeypatch.setattr("zoo.interrupts.advise", told.append)
    succeed("train", "tiny", "--data", photos, "--log", "tensorboard", "--log", "tensorboard")
    assert told[-1].endswith("--log tensorboard --log tensorboard --resume runs/tiny")
    (path,) = (here / "runs" / "tiny" / "tensorboard").iterdir()
    # A run that isn't shown leaves nothing of the one that it replaces.
    succeed("train", "tiny", "--data", photos, "--overwrite")
    assert not path.exists()


@pytest.mark.parametrize(
    ("arguments", "expected"),
    [
        (["nope", "--data", "photos"], "No model is registered"),
        (["tiny"], "Pass yours with --data"),
        (["tiny", "--data", "nowhere"], "Nothing is at nowhere"),
        (["tiny", "--data", "photos", "--size", "0"], "--size"),
        (["tiny", "--data", "photos"], 'pip install "keras-gan-zoo[wandb]"'),
    ],
)
def test_names_and_paths_come_before_a_logger_that_is_missing_and_images_after_it(
    tiny, photos, monkeypatch, arguments, expected
):
    monkeypatch.setitem(sys.modules, "wandb", None)
    monkeypatch.setattr(datasets, "from_folder", lambda *_, **__: pytest.fail("images were read"))
    assert expected in fail("train", *arguments, "--log", "wandb")
