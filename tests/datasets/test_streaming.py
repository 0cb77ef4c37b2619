"""Pictures read while a model trains: the same batches from a folder, a zip and tar shards."""

import io
import multiprocessing
import os
import pickle
import shutil
import tarfile
import zipfile

import numpy as np
import pytest
from PIL import Image

from zoo import datasets
from zoo.datasets import shards, streaming
from zoo.errors import DatasetError, InvalidInputError, MissingDependencyError

grain = pytest.importorskip("grain")
pytestmark = pytest.mark.no_backend

COUNT = 23
SHAPE = (8, 8, 3)


@pytest.fixture
def folder(tmp_path):
    """Pictures of several sizes and modes, in a folder for each of three classes."""
    rng = np.random.default_rng(0)
    for index in range(COUNT):
        path = tmp_path / "photos" / "abc"[index % 3] / f"{index}.png"
        path.parent.mkdir(parents=True, exist_ok=True)
        mode = ("RGB", "L", "RGBA", "P", "I;16")[index % 5]
        if mode == "I;16":
            Image.fromarray(rng.integers(0, 2**16, (12, 9)).astype("uint16")).save(path)
        else:
            pixels = rng.integers(0, 256, (8 + index % 3, 9, 4), "uint8")
            Image.fromarray(pixels, "RGBA" if mode == "RGBA" else None).convert(mode).save(path)
    return tmp_path / "photos"


def zipped(folder):
    return shutil.make_archive(str(folder), "zip", folder)


def sharded(folder, monkeypatch, size=SHAPE[:2]):
    monkeypatch.setattr(shards, "IMAGES_PER_SHARD", 6)
    out = folder.parent / "shards"
    # In this process: what is written is the same, and the number of images is patched.
    monkeypatch.setattr(shards.concurrent.futures, "ProcessPoolExecutor", InThisProcess)
    list(shards.write_shards(folder, out, size))
    return out


class InThisProcess:
    def __init__(self, workers, context, begin, work):
        shards._work = work

    def __enter__(self):
        return self

    def __exit__(self, *error):
        pass

    map = staticmethod(map)

    def shutdown(self, **options):
        pass


def read(stream, batch_size, seed=None):
    rng = None if seed is None else np.random.default_rng(seed)
    with_labels = [
        element["batch"] for element in stream.prefetched(stream.batches(batch_size, rng))
    ]
    return [np.concatenate(parts) for parts in zip(*with_labels, strict=True)]


def test_a_folder_a_zip_and_shards_give_the_same_batches_as_arrays(folder, monkeypatch):
    images, labels, classes = datasets.from_class_folders(folder, SHAPE)
    for path in (folder, zipped(folder), sharded(folder, monkeypatch)):
        stream = datasets.stream(path, SHAPE, labels=True)
        assert (len(stream), stream.classes) == (COUNT, classes)
        batches = [element["batch"] for element in stream.prefetched(stream.batches(5))]
        assert [len(batch[0]) for batch in batches] == [5, 5, 5, 5, 3]
        assert len(batches) == stream.batch_count(5)
        for index, (x, y) in enumerate(batches):
            assert (x.dtype, y.dtype) == (np.uint8, np.int64)
            np.testing.assert_array_equal(x, images[5 * index : 5 * index + 5])
            np.testing.assert_array_equal(y, labels[5 * index : 5 * index + 5])
        np.testing.assert_array_equal(stream[3:5], images[3:5])


@pytest.mark.parametrize("kind", ["folder", "zip", "shards"])
def test_an_epoch_has_every_picture_once_in_the_order_of_its_seed(kind, folder, monkeypatch):
    monkeypatch.setattr(streaming, "BUFFER", 8)
    paths = {"folder": str, "zip": zipped, "shards": lambda path: sharded(path, monkeypatch)}
    stream = datasets.stream(paths[kind](folder), SHAPE)
    orders = [stream._order(np.random.default_rng(seed)).tolist() for seed in (0, 0, 1)]
    assert orders[0] == orders[1] != orders[2]
    for order in orders:
        assert sorted(order) == list(range(COUNT)) != order
    if kind != "shards":  # the order in which `fit` takes arrays
        assert orders[0] == np.random.default_rng(0).permutation(COUNT).tolist()


def test_shards_are_read_one_after_the_other(folder, monkeypatch):
    monkeypatch.setattr(streaming, "BUFFER", 2)
    stream = datasets.stream(sharded(folder, monkeypatch), SHAPE)
    shard = stream._source.table["shard"][stream._order(np.random.default_rng(0))]
    assert np.count_nonzero(np.diff(shard)) <= 8  # 3 without a buffer, 17 or so in a random order


@pytest.mark.parametrize("kind", ["folder", "shards"])
@pytest.mark.parametrize("seed", [None, 0])
@pytest.mark.parametrize("drop", [False, True])
def test_parts_are_the_whole_without_overlap(kind, seed, drop, folder, monkeypatch):
    path = folder if kind == "folder" else sharded(folder, monkeypatch)

    def part(index, count):
        options = grain.sharding.ShardOptions(index, count, drop_remainder=drop)
        stream = datasets.stream(path, SHAPE, shard_options=options)
        rng = None if seed is None else np.random.default_rng(seed)
        order = stream._order(rng)
        assert stream.batch_count(3) == -(-len(order) // 3)
        return order.tolist()

    parts = [part(index, 4) for index in range(4)]
    assert {len(one) for one in parts} == ({5} if drop else {5, 6})
    together = [index for one in parts for index in one]
    assert len(set(together)) == len(together) == (20 if drop else COUNT)
    if kind == "folder":  # global batches are those of one process
        turns = [one[turn] for turn in range(5) for one in parts]
        assert turns == part(0, 1)[:20]


def test_processes_share_each_batch(folder):
    stream = datasets.stream(folder, SHAPE, labels=True, limit=20)

    def epoch(*part):
        return [batch["batch"] for batch in stream.batches(4, np.random.default_rng(1), *part)]

    halves = zip(epoch((0, 2)), epoch((1, 2)), strict=True)
    for whole, (first, second) in zip(epoch(), halves, strict=True):
        for array, *parts in zip(whole, first, second, strict=True):
            assert [len(part) for part in parts] == [2, 2]
            np.testing.assert_array_equal(np.concatenate(parts), array)


def test_workers_read_the_same(folder):
    expected = read(datasets.stream(folder, SHAPE, labels=True), 5, seed=3)
    for got, wanted in zip(
        read(datasets.stream(folder, SHAPE, labels=True, workers=2), 5, seed=3),
        expected,
        strict=True,
    ):
        np.testing.assert_array_equal(got, wanted)
    assert not multiprocessing.active_children()


def test_a_corrupt_picture_is_skipped_for_the_next_one_and_counted(folder):
    images = datasets.from_folder(folder, SHAPE)
    names = datasets.stream(folder, SHAPE)._source.names
    for index in (4, 5, COUNT - 1):  # after the last comes the first
        (folder / names[index]).write_bytes(b"no picture")
    stream = datasets.stream(folder, SHAPE, labels=True)
    elements = list(stream.prefetched(stream.batches(COUNT)))
    expected = images.copy()
    expected[[4, 5, COUNT - 1]] = images[[6, 6, 0]]
    np.testing.assert_array_equal(elements[0]["batch"][0], expected)
    assert elements[0]["batch"][1][-1] == 0
    skipped = set(elements[0]["skipped"].tolist())
    assert skipped == {4, 5, COUNT - 1}
    with pytest.warns(datasets.SkippedImageWarning, match=f"skipped 3 of {COUNT}.*{names[4]}"):
        stream.warn_of(skipped)


def test_nothing_but_corrupt_pictures(tmp_path):
    for index in range(3):
        (tmp_path / f"{index}.png").write_bytes(b"no picture")
    stream = datasets.stream(tmp_path, SHAPE)
    with pytest.raises(DatasetError, match=r"None of 3 pictures .* '0\.png' on.*Unidentified"):
        stream.first(1)


def test_a_limit_takes_the_classes_in_turn(folder, monkeypatch):
    for path in (folder, zipped(folder)):
        images, labels, _ = datasets.from_class_folders(path, SHAPE, limit=7)
        got, got_labels = read(datasets.stream(path, SHAPE, labels=True, limit=7), 3)
        np.testing.assert_array_equal(got, images)
        np.testing.assert_array_equal(got_labels, labels)
    assert len(datasets.stream(sharded(folder, monkeypatch), SHAPE, limit=7)) == 7


def test_the_digest_follows_names_and_sizes_and_what_is_made_of_them(folder):
    before = datasets.stream(folder, SHAPE).digest()
    assert before == datasets.stream(folder, SHAPE, workers=1).digest()
    assert before != datasets.stream(folder, (4, 4, 3)).digest()
    assert before != datasets.stream(zipped(folder), SHAPE).digest()
    with (folder / "a" / "0.png").open("ab") as file:
        file.write(b"more")
    assert before != datasets.stream(folder, SHAPE).digest()


def test_a_zip_takes_little_memory_for_each_picture(folder):
    stream = datasets.stream(zipped(folder), SHAPE)
    assert not stream._source.archive.filelist
    assert len(pickle.dumps(stream._source)) < 5000
    again = pickle.loads(pickle.dumps(stream._source))
    assert again.open(3).read() == stream._source.open(3).read()


def write_tar(path, members):
    with tarfile.open(path, "w") as archive:
        for name, content in members.items():
            member = tarfile.TarInfo(name)
            member.size = len(content)
            archive.addfile(member, io.BytesIO(content))


def png(level):
    file = io.BytesIO()
    Image.new("L", (8, 8), level).save(file, "PNG")
    return file.getvalue()


def test_labels_of_shards_that_others_wrote(tmp_path):
    write_tar(
        tmp_path / "b.tar",
        {
            "x/000001.png": png(1),
            "x/000001.json": b'{"label": 4, "caption": "a cat"}',
            "x/000001.txt": b"a cat",
            "x/000003.json": b'{"cls": 6}',
            "x/000003.png": png(3),
        },
    )
    write_tar(
        tmp_path / "a.tar",
        {"x/000002.json": b"{}", "x/000002.cls": b"5\n", "x/000002.png": png(2)},
    )
    for path in (tmp_path, tmp_path / "b.tar"):
        stream = datasets.stream(path, (8, 8, 1), labels=True)
        images, labels = stream.first(9)
        assert images[:, 0, 0, 0].tolist() == ([1, 2, 3] if path == tmp_path else [1, 3])
        assert labels.tolist() == ([4, 5, 6] if path == tmp_path else [4, 6])
        assert stream.classes is None
    np.testing.assert_array_equal(datasets.from_folder(tmp_path / "b.tar", (8, 8, 1)), images)


@pytest.mark.parametrize(
    ("members", "expected"),
    [
        ({"1.png": png(0)}, r"must have a label beside it.*'1\.png'"),
        ({"1.png": png(0), "1.cls": b"cat"}, r"whole number.*'1\.png'.*cat"),
        ({"1.png": png(0), "1.cls": b"1.5"}, r"whole number"),
        ({"1.png": png(0), "1.json": b'{"name": 1}'}, r"whole number"),
        ({"1.txt": b""}, "No picture"),
    ],
    ids=["none", "text", "fraction", "key", "no picture"],
)
def test_shards_without_labels(tmp_path, members, expected):
    write_tar(tmp_path / "a.tar", members)
    with pytest.raises(DatasetError, match=expected):
        datasets.stream(tmp_path, (8, 8, 1), labels=True).first(1)


def test_a_damaged_tar_is_refused(tmp_path):
    (tmp_path / "a.tar").write_bytes(b"no tar" * 200)
    with pytest.raises(DatasetError, match=r"sound tar file.*a\.tar"):
        datasets.stream(tmp_path, SHAPE)


def test_bad_arguments(folder):
    for options, expected in [
        ({"workers": -1}, "workers"),
        ({"limit": 0}, "limit"),
        ({"shard_options": (0, 2)}, "ShardOptions"),
        ({"image_shape": (8, 8)}, "image_shape"),
    ]:
        with pytest.raises(InvalidInputError, match=expected):
            datasets.stream(folder, **{"image_shape": SHAPE, **options})


def test_without_grain(folder, monkeypatch):
    monkeypatch.setitem(__import__("sys").modules, "grain", None)
    with pytest.raises(MissingDependencyError, match=r'pip install "keras-gan-zoo\[streaming\]"'):
        datasets.stream(folder, SHAPE)


def test_pictures_beside_a_tar_are_no_shards(folder):
    write_tar(folder / "backup.tar", {"1.png": png(0)})
    assert len(datasets.stream(folder, SHAPE)) == COUNT


# ------------------------------------------------------------------------------------ zoo shard


def contents(out):
    return {path.name: path.read_bytes() for path in sorted(out.iterdir())}


def test_shards_are_the_same_each_time_and_have_some_of_each_class(folder, monkeypatch):
    out = sharded(folder, monkeypatch)
    files = contents(out)
    assert list(files) == ["000000.tar", "000001.tar", "000002.tar", "000003.tar", "shards.json"]
    for name in list(files)[:-1]:
        with tarfile.open(out / name) as archive:
            labels = [archive.extractfile(m).read() for m in archive if m.name.endswith(".cls")]
            assert set(labels) == {b"0", b"1", b"2"}
    shutil.rmtree(out)
    sharded(folder, monkeypatch)
    assert contents(out) == files


def test_stopped_shards_are_finished_and_finished_ones_kept(folder, monkeypatch):
    out = sharded(folder, monkeypatch)
    files = contents(out)
    (out / "000001.tar").unlink()
    (out / ".tmpabc.000002.tar").write_bytes(b"half")
    before = os.stat(out / "000000.tar").st_mtime_ns
    with pytest.raises(DatasetError, match=r"must hold 4 shards.*Received: 3.*again"):
        datasets.stream(out, SHAPE)
    sharded(folder, monkeypatch)
    assert contents(out) == files
    assert os.stat(out / "000000.tar").st_mtime_ns == before


def test_shards_of_other_pictures_are_refused(folder, monkeypatch):
    out = sharded(folder, monkeypatch)
    with pytest.raises(DatasetError, match="differ in: size"):
        sharded(folder, monkeypatch, size=(4, 4))
    (folder / "a" / "more.png").write_bytes(png(3))
    with pytest.raises(DatasetError, match="differ in: images, names_and_sizes_sha256"):
        sharded(folder, monkeypatch)
    (out / "shards.json").unlink()
    with pytest.raises(DatasetError, match="did not write"):
        sharded(folder, monkeypatch)


def test_a_picture_that_cant_be_read_is_left_out_of_its_shard(folder, monkeypatch):
    (folder / "a" / "0.png").write_bytes(b"no picture")
    out = sharded(folder, monkeypatch)
    stream = datasets.stream(out, SHAPE)
    assert len(stream) == COUNT - 1
    with pytest.warns(datasets.SkippedImageWarning):
        expected = datasets.from_folder(folder, SHAPE)
    np.testing.assert_array_equal(read(stream, 5)[0], expected)


def test_a_zip_is_sharded_as_its_folder(folder, monkeypatch):
    expected = contents(sharded(folder, monkeypatch))
    with zipfile.ZipFile(folder.parent / "more.zip", "w") as archive:
        for path in sorted(folder.rglob("*.png")):
            archive.write(path, path.relative_to(folder))
    shutil.rmtree(folder.parent / "shards")
    monkeypatch.setattr(shards, "IMAGES_PER_SHARD", 6)
    list(shards.write_shards(folder.parent / "more.zip", folder.parent / "shards", SHAPE[:2]))
    written = contents(folder.parent / "shards")
    assert {k: v for k, v in written.items() if k.endswith("tar")} == {
        k: v for k, v in expected.items() if k.endswith("tar")
    }
