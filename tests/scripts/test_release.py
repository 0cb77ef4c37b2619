"""Measuring and releasing a run, with models that a test can work out by hand."""

import json

import numpy as np
import pytest
from PIL import Image

import zoo
from scripts import measure_drawing, release
from scripts.measure_restoration import FAMILY
from zoo import datasets, evaluation
from zoo.errors import CardError, InvalidInputError
from zoo.evaluation import restorers
from zoo.evaluation.baselines import METHODS
from zoo.evaluation.restorers import OURS
from zoo.hub import registry
from zoo.hub.cards import ModelCard

pytestmark = pytest.mark.no_backend


class QuadrantClassifier:
    """Stands in for a network: the brightness of an image's quarters."""

    card = {"sha256": "c" * 64}  # noqa: RUF012
    name, identity = "mnist", "c" * 64
    image_shape, classes = (28, 28, 1), 2

    def features(self, images, batch_size=500):
        quarters = images.reshape(len(images), 2, 14, 2, 14).mean(axis=(2, 4), dtype=np.float32)
        features = quarters.reshape(len(images), 4)
        return features, np.full((len(images), 2), 0.5, np.float32)


class Restorer:
    """Paints holes black, or adds something to known pixels."""

    def __init__(self, change=0):
        self.calls, self.change = [], change

    def inpaint(self, images, masks, batch_size):
        self.calls.append((len(images), batch_size))
        return np.where(masks[..., None], np.uint8(0), images + np.uint8(self.change))


class Drawer:
    def sample_latent(self, count, seed):
        return np.random.default_rng(seed).integers(0, 255, (count, 28 * 28))

    def generate(self, latents):
        return latents.reshape(-1, 28, 28, 1).astype("uint8")


def some_images(count, seed=0):
    """Slopes, which the classical methods continue well; each image another."""
    rng = np.random.default_rng(seed)
    y, x = np.mgrid[:28, :28] / 28
    slopes = rng.uniform(20, 60, (2, count, 1, 1))
    levels = 60 + slopes[0] * y + slopes[1] * x
    return np.rint(levels)[..., None].astype("uint8")


def center(images):
    masks = np.zeros(images.shape[:3], bool)
    masks[:, 7:21, 7:21] = True
    return masks


@pytest.fixture
def run(tmp_path, monkeypatch):
    """What `zoo train` leaves behind, as far as a release looks at it; a function of a family."""
    sizes = {"train": 90, "test": 70}
    monkeypatch.setenv("ZOO_CACHE_DIR", str(tmp_path / "cache"))
    for module, loader in ((restorers, "load_classifier"), (evaluation, "load_extractor")):
        monkeypatch.setattr(module, loader, lambda name: QuadrantClassifier())
    monkeypatch.setattr(
        datasets, "load", lambda name, split: (some_images(sizes[split]), np.zeros(sizes[split]))
    )

    def make(family, model):
        monkeypatch.setattr(zoo, "load", lambda name, weights: model)
        folder = tmp_path / "run"
        folder.mkdir()
        card = ModelCard(
            "gan_mnist",
            family,
            {},
            dataset="mnist",
            recipe={"seed": 1},
            training={"seconds": 1},
            sha256="0" * 64,
            size=7,
            files={
                "weights": "gan_mnist.weights.h5",
                "card": "gan_mnist.json",
                "picture": "gan_mnist.png",
            },
        )
        card.write(folder / "gan_mnist.json")
        (folder / "gan_mnist.weights.h5").write_bytes(b"weights")
        Image.new("L", (3, 2)).save(folder / "gan_mnist.png")
        return folder

    return make


def test_compares_with_every_classical_method():
    images = some_images(70)
    scores = restorers.compare(Restorer(), images, center(images), QuadrantClassifier())
    assert list(scores) == [*METHODS, OURS]
    for name in METHODS:
        assert scores[name]["psnr"] > scores[OURS]["psnr"] + 10
        assert scores[name]["hole_l1"] < scores[OURS]["hole_l1"]
        assert scores[name]["frechet_distance"] < scores[OURS]["frechet_distance"]
        assert scores[name]["images_per_second"] > 0
    # Black holes of a quarter of the area: their error is their brightness.
    hole = images[center(images)].astype(float)
    assert scores[OURS]["hole_l1"] == pytest.approx(hole.mean() / 255, rel=1e-3)


def test_an_exact_restoration_is_perfect():
    images = np.where(center(some_images(70))[..., None], np.uint8(0), some_images(70))
    scores = restorers.compare(Restorer(), images, center(images), QuadrantClassifier())
    ours = scores[OURS]
    assert (ours["ssim"], ours["hole_l1"], ours["exact_share"]) == (1.0, 0.0, 1.0)
    assert ours["frechet_distance"] == pytest.approx(0.0, abs=1e-6)
    assert np.isfinite(ours["psnr"])
    assert scores["telea"]["exact_share"] == 0.0


def test_a_model_that_changes_known_pixels_is_not_measured():
    images = some_images(70)
    with pytest.raises(InvalidInputError, match=r"known pixels.*ours changed"):
        restorers.compare(Restorer(1), images, center(images), QuadrantClassifier())


def test_methods_take_turns_after_an_untimed_one(monkeypatch):
    clock = iter(range(1000))
    monkeypatch.setattr(restorers.time, "perf_counter", lambda: next(clock))
    monkeypatch.setattr(restorers, "TURN", 128)
    images = some_images(300)
    calls = []

    def method(name, level):
        def restore(images, holes):
            calls.append((name, len(images)))
            return np.where(holes[..., None], np.uint8(level), images)

        return restore

    methods = {"a": method("a", 1), "b": method("b", 2)}
    results = restorers.restore_in_turns(methods, images, center(images))
    # The first and the last turn untimed, then all. 300 = 2 * 128 + 44.
    assert calls == [(name, count) for count in (128, 44, 128, 128, 44) for name in "ab"]
    for name, level in (("a", 1), ("b", 2)):
        restored, seconds = results[name]
        expected = np.where(center(images)[..., None], np.uint8(level), images)
        assert np.array_equal(restored, expected)
        assert seconds == 3


def test_releases_an_inpainting_model_beside_the_classical_methods(run, tmp_path):
    model = Restorer()
    folder = run(FAMILY, model)
    card = release.release(folder, tmp_path / "weights", limit=40)
    assert {batch_size for _, batch_size in model.calls} == {64}
    assert card == ModelCard.read(tmp_path / "weights" / "gan_mnist.json")
    assert card.missing_for_release() == []
    assert card.limits == registry.find("gan_mnist").limits
    metrics = card.metrics
    assert (metrics["split"], metrics["images"]) == ("test", 40)
    assert "40 images of mnist test, drawn with seed 0" in metrics["protocol"]
    assert metrics["classifier_sha256"] == "c" * 64
    assert metrics["masks"]["center"]["mean_share_missing"] == 0.25
    assert 0.2 <= metrics["masks"]["free_form"]["mean_share_missing"] <= 0.3
    for hole in metrics["masks"]:
        assert list(metrics[hole]) == [*METHODS, OURS]
    assert metrics["center"] != metrics["free_form"]
    assert json.dumps(metrics, allow_nan=False)
    assert (tmp_path / "weights" / "gan_mnist.weights.h5").read_bytes() == b"weights"
    with Image.open(tmp_path / "weights" / "gan_mnist.png") as picture:
        assert picture.width > 900, "the run's own picture, not that of the release"


def test_releases_a_drawing_model_with_the_run_s_picture(run, tmp_path, monkeypatch):
    monkeypatch.setattr(measure_drawing, "SAMPLES", 50)
    folder = run("vanilla_gan", Drawer())
    np.savez(tmp_path / "peers.npz", flat=np.full((30, 28, 28, 1), 9, "uint8"))
    card = release.release(folder, tmp_path / "weights", peers=tmp_path / "peers.npz")
    assert card == ModelCard.read(tmp_path / "weights" / "gan_mnist.json")
    others = card.metrics["others"]
    assert set(others) == {"real training images", "flat"}
    assert others["real training images"]["frechet_distance"] < card.metrics["frechet_distance"]
    assert others["flat"]["closest_pair_distance"] == 0.0
    protocol = card.metrics["protocol"]
    assert (protocol["samples"], protocol["reference_images"], protocol["split"]) == (
        50,
        70,
        "test",
    )
    assert card.metrics["memorization"]["median_ratio"] > 1  # noise lies far from any slope
    assert json.dumps(card.metrics, allow_nan=False)
    released = (tmp_path / "weights" / "gan_mnist.png").read_bytes()
    assert released == (folder / "gan_mnist.png").read_bytes()


def test_what_has_shipped_is_measured_anew_by_its_card(run, tmp_path, monkeypatch):
    monkeypatch.setattr(measure_drawing, "SAMPLES", 50)
    folder = run("vanilla_gan", Drawer())
    before = {path.name: path.read_bytes() for path in folder.iterdir()}
    card = release.release(folder / "gan_mnist.json", folder)
    after = {path.name: path.read_bytes() for path in folder.iterdir()}
    assert card.metrics["frechet_distance"] > 0
    assert ModelCard.read(folder / "gan_mnist.json") == card
    del before["gan_mnist.json"], after["gan_mnist.json"]
    assert after == before


@pytest.mark.parametrize(("family", "option"), [(FAMILY, "peers"), ("vanilla_gan", "limit")])
def test_options_of_the_other_kind_are_refused(run, tmp_path, family, option):
    folder = run(family, None)
    with pytest.raises(InvalidInputError, match=f"Received: {option}"):
        release.release(folder, tmp_path / "weights", **{option: 3})
    assert not (tmp_path / "weights").exists()


def test_a_folder_without_a_card_is_refused(tmp_path):
    with pytest.raises(CardError, match="one card"):
        release.release(tmp_path, tmp_path / "weights")


def test_the_command_says_in_one_line_what_it_refuses(tmp_path, monkeypatch, capsys):
    monkeypatch.setattr("sys.argv", ["release", str(tmp_path)])
    with pytest.raises(SystemExit) as raised:
        release.main()
    assert raised.value.code == 2
    assert capsys.readouterr().err.startswith("error: Expected one card")


def test_an_incomplete_card_is_not_released(run, tmp_path, monkeypatch):
    folder = run("vanilla_gan", Drawer())
    monkeypatch.setattr(measure_drawing, "measure", lambda card, weights: {})
    with pytest.raises(CardError, match="lacks metrics"):
        release.release(folder, tmp_path / "weights")
    assert not (tmp_path / "weights").exists()


def test_limited_images_are_drawn_by_chance_and_are_the_same_every_time(monkeypatch):
    images = np.arange(100, dtype=np.uint8)[:, None, None, None]
    monkeypatch.setattr(datasets, "load", lambda name, split: (images, None))
    split, few, all_of_them = restorers.held_out_images("scenes64", 10)
    assert (split, len(few), all_of_them) == ("val", 10, False)
    assert len(np.unique(few)) == 10
    assert few.max() > 50, "the first ones, which are of one class"
    assert np.array_equal(restorers.held_out_images("scenes64", 10)[1], few)
    _, every, all_of_them = restorers.held_out_images("scenes64", 100)
    assert all_of_them
    assert np.array_equal(every, images)
