import numpy as np
import pytest
from PIL import Image

import zoo
from tests.evaluation.stand_ins import ConditionalPainter, Painter, photos
from zoo.errors import DatasetError, InvalidInputError
from zoo.evaluation import sources
from zoo.evaluation.sources import array_parts, draw_parts, read_arrays, read_images


@pytest.fixture
def small_parts(monkeypatch):
    monkeypatch.setattr(sources, "PART", 4)


def joined(parts):
    images, labels = zip(*parts, strict=True)
    labels = None if labels[0] is None else np.concatenate(labels)
    return np.concatenate(images), labels


@pytest.mark.parametrize("painter", [Painter(), ConditionalPainter()])
def test_parts_are_drawn_from_the_latents_and_labels_of_the_whole(small_parts, painter):
    sizes = [len(images) for images, _ in draw_parts(painter, 10, seed=3)]
    assert sizes == [4, 4, 2]
    latents, labels = zip(*painter.calls, strict=True)
    assert np.array_equal(np.concatenate(latents), painter.sample_latent(10, seed=3))
    if isinstance(painter, ConditionalPainter):
        assert np.array_equal(np.concatenate(labels), painter.sample_labels(10, seed=3))
    else:
        assert labels == (None, None, None)


@pytest.mark.parametrize(
    "build",
    [
        lambda: zoo.VanillaGAN((8, 8, 1), latent_dim=3, hidden_units=(4,), seed=0),
        lambda: zoo.ConditionalDCGAN(
            (16, 16, 1), latent_dim=3, base_filters=2, kernel_size=3, seed=0
        ),
    ],
    ids=["unconditional", "conditional"],
)
def test_a_models_parts_are_what_it_generates(small_parts, build):
    model = build()
    images, labels = joined(draw_parts(model, 12, seed=5))
    assert images.dtype == np.uint8
    # In batches of the parts' size: convolutions round differently in others.
    expected = model.generate(12, seed=5, batch_size=4)
    assert np.array_equal(images, expected)
    if hasattr(model, "sample_labels"):
        assert np.array_equal(labels, model.sample_labels(12, seed=5))
    else:
        assert labels is None
    other, _ = joined(draw_parts(model, 12, seed=6))
    assert not np.array_equal(images, other)


def test_an_array_is_taken_in_another_order(small_parts):
    images = photos(10)
    parts = list(array_parts(images, 100, seed=0))
    assert [len(part) for part, _ in parts] == [4, 4, 2]
    taken, labels = joined(parts)
    assert labels is None
    assert not np.array_equal(taken, images)
    assert sorted(image.tobytes() for image in taken) == sorted(i.tobytes() for i in images)


def test_an_arrays_images_are_chosen_by_the_seed(small_parts):
    numbers = np.arange(10)
    (first, _), (again, _), (other, _) = (
        joined(array_parts(numbers, 6, seed)) for seed in (0, 0, 1)
    )
    assert len(set(first)) == 6
    assert np.array_equal(first, again)
    assert not np.array_equal(first, other)
    assert list(array_parts(numbers[:0], 6, seed=0)) == []


def test_reads_the_arrays_of_a_file(tmp_path):
    np.save(tmp_path / "one.npy", photos(2))
    np.savez(tmp_path / "two.npz", a=photos(2)[..., 0], b=photos(3))
    assert list(read_arrays(tmp_path / "one.npy")) == ["one"]
    assert np.array_equal(read_arrays(tmp_path / "one.npy")["one"], photos(2))
    both = read_arrays(str(tmp_path / "two.npz"))
    assert {name: images.shape for name, images in both.items()} == {
        "a": (2, 8, 8, 1),
        "b": (3, 8, 8, 1),
    }


def test_refuses_files_that_hold_no_arrays(tmp_path):
    np.save(tmp_path / "pickle.npy", np.array([{}], dtype=object))
    np.savez(tmp_path / "pickle.npz", a=np.array([{}], dtype=object))
    np.savez(tmp_path / "none.npz")
    np.savez_compressed(tmp_path / "sound.npz", a=photos(20))
    sound = (tmp_path / "sound.npz").read_bytes()
    (tmp_path / "cut.npz").write_bytes(sound[: len(sound) // 2])
    middle = len(sound) // 2
    (tmp_path / "damaged.npz").write_bytes(
        sound[:middle]
        + bytes(byte ^ 255 for byte in sound[middle : middle + 20])
        + sound[middle + 20 :]
    )
    (tmp_path / "text.npz").write_text("not an archive")
    (tmp_path / "empty.npy").write_bytes(b"")
    names = ["pickle.npy", "pickle.npz", "none.npz", "cut.npz", "damaged.npz", "text.npz"]
    for name in [*names, "empty.npy", "missing.npy"]:
        with pytest.raises(InvalidInputError, match=name):
            read_arrays(tmp_path / name)


def test_a_folder_is_one_set_of_pictures(tmp_path):
    folder = tmp_path / "mine"
    folder.mkdir()
    for index in range(3):
        Image.new("RGB", (20, 10), (index, index, index)).save(folder / f"{index}.png")
    sets = read_images(folder, (8, 6, 1))
    assert list(sets) == ["mine"]
    assert sets["mine"].shape == (3, 8, 6, 1)
    assert sets["mine"][:, 0, 0, 0].tolist() == [0, 1, 2]
    with pytest.raises(DatasetError, match="where there is neither"):
        read_images(tmp_path / "missing", (8, 6, 1))


def test_a_file_of_arrays_keeps_its_shape(tmp_path):
    np.save(tmp_path / "a.npy", photos(2))
    assert read_images(str(tmp_path / "a.npy"), (28, 28, 3))["a"].shape == (2, 8, 8, 1)
