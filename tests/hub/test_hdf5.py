"""The reader of HDF5: reads what h5py wrote, bit by bit, and nothing that isn't plain numbers."""

import zlib

import h5py
import numpy as np
import pytest

from zoo import hdf5
from zoo.errors import WeightsFormatError
from zoo.hdf5 import open_hdf5, source, storage

pytestmark = pytest.mark.no_backend

rng = np.random.default_rng(0)


def read(path):
    with open_hdf5(path) as file:
        return {name: dataset.read() for name, dataset in file.datasets.items()}


@pytest.fixture
def path(tmp_path):
    return tmp_path / "a.h5"


def write(path, array, **options):
    with h5py.File(path, "w") as file:
        file.create_dataset("group/array", data=array, **options)


# ----------------------------------------------------------------- what h5py writes


@pytest.mark.parametrize(
    "options",
    [
        {},
        {"compression": "gzip"},
        {"compression": "gzip", "shuffle": True},
        {"shuffle": True},
        {"chunks": (3, 4)},
        {"chunks": (3, 4), "compression": "gzip", "shuffle": True},
        {"chunks": (1, 1), "compression": "gzip"},  # over a thousand chunks: a tree of levels
    ],
    ids=str,
)
@pytest.mark.parametrize("dtype", ["float16", "float32", "float64", "int8", "uint32", "int64"])
def test_arrays_are_read_as_h5py_wrote_them(path, options, dtype):
    array = rng.integers(0, 100, (37, 31)).astype(dtype)
    write(path, array, **options)
    found = read(path)["group/array"]
    assert found.dtype == array.dtype
    np.testing.assert_array_equal(found, array)


@pytest.mark.parametrize("shape", [(), (1,), (0,), (3, 0, 2), (2, 3, 4, 5, 6)])
def test_shapes_of_all_ranks(path, shape):
    array = rng.standard_normal(shape).astype("float32")
    write(path, array)
    found = read(path)["group/array"]
    assert found.shape == shape
    np.testing.assert_array_equal(found, array)


def test_chunks_that_deflate_could_not_make_smaller(path):
    array = rng.integers(0, 256, (40,)).astype("uint8")  # HDF5 stores them as they are
    write(path, array, chunks=(5,), compression="gzip")
    np.testing.assert_array_equal(read(path)["group/array"], array)


def test_an_array_within_its_header(path):
    with h5py.File(path, "w") as file:
        plist = h5py.h5p.create(h5py.h5p.DATASET_CREATE)
        plist.set_layout(h5py.h5d.COMPACT)
        space = h5py.h5s.create_simple((4,))
        made = h5py.h5d.create(file.id, b"array", h5py.h5t.IEEE_F32LE, space, plist)
        h5py.Dataset(made)[:] = [1, 2, 3, 4]
    assert read(path)["array"].tolist() == [1, 2, 3, 4]


def test_groups_of_many_members(path):
    with h5py.File(path, "w") as file:
        for index in range(700):  # leaves of a tree hold at most eight names
            file[f"group/{index}"] = np.float32(index)
    found = read(path)
    assert len(found) == 700
    assert all(found[f"group/{index}"] == index for index in range(700))


def test_a_file_changed_by_h5py_is_read(path):
    write(path, np.zeros(3, "float32"))
    with h5py.File(path, "r+") as file:
        file.move("group/array", "group/moved")
        file["group/other"] = np.ones(2, "int32")
        del file["group/other"]
    assert list(read(path)) == ["group/moved"]


def test_large_plain_arrays_come_in_pieces(path, monkeypatch):
    monkeypatch.setattr(storage, "PIECE_BYTES", 64)
    array = np.arange(1000, dtype="float32").reshape(20, 50)
    write(path, array)
    with open_hdf5(path) as file:
        dataset = file.datasets["group/array"]
        sizes = [len(values) for _, values in dataset.pieces()]
        assert sum(sizes) == 1000
        assert max(sizes) == 16
        np.testing.assert_array_equal(dataset.read(), array)
        assert dataset.stored_bytes() == dataset.unpacked_bytes == 4000


# ----------------------------------------------------------------- attributes


@pytest.mark.parametrize("text", ["", "short", "é" * 20_000, '{"epoch": 3}'])
@pytest.mark.parametrize("fixed", [False, True])
def test_text_attributes(path, text, fixed):
    with h5py.File(path, "w") as file:
        file.attrs["other"] = 3
        file.attrs["record"] = np.bytes_(text.encode() or b"\0") if fixed else text
        file.attrs["last"] = "last"
    with open_hdf5(path) as file:
        assert file.attribute("record", 100_000) == text
        assert file.attribute("last", 4) == "last"
        assert file.attribute("none", 100) is None
        with pytest.raises(WeightsFormatError, match="'other' must be a text"):
            file.attribute("other", 100)
        if len(text) > 3:
            with pytest.raises(WeightsFormatError, match=r"'record' must have at most 3 bytes"):
                file.attribute("record", 3)


@pytest.mark.parametrize("value", [["a", "b"], h5py.Empty("S3"), np.zeros(3), b"\xff\xfe"])
def test_other_attributes_are_refused(path, value):
    with h5py.File(path, "w") as file:
        file.attrs["record"] = value
    with open_hdf5(path) as file, pytest.raises(WeightsFormatError, match="'record'"):
        file.attribute("record", 1000)


# ----------------------------------------------------------------- what is refused


@pytest.mark.parametrize(
    ("options", "name"),
    [
        ({"compression": "lzf"}, "lzf"),
        ({"fletcher32": True}, "fletcher32"),
        ({"compression": "gzip", "fletcher32": True}, "deflate, fletcher32"),
        ({"scaleoffset": 2}, "scaleoffset"),
    ],
)
def test_other_filters_are_refused_by_name(path, options, name):
    write(path, np.zeros((50,), "float32"), **options)
    with pytest.raises(WeightsFormatError, match=f"group/array .*shuffle and deflate.*: {name}$"):
        read(path)


@pytest.mark.parametrize(
    ("array", "name"),
    [
        (np.array(["a"], object), "variable-length"),
        (np.array([b"abc"]), "string of 3"),
        (np.zeros(2, [("a", "f4"), ("b", "i2")]), "compound of 6"),
        (np.zeros(2, bool), "enumeration of 1"),
        (np.zeros(2, "complex64"), "compound of 8"),
        (np.zeros(2, ">f4"), "float of 4"),
    ],
)
def test_other_types_have_a_name_and_are_not_read(path, array, name):
    with h5py.File(path, "w") as file:
        kind = h5py.string_dtype() if array.dtype == object else array.dtype
        file.create_dataset("array", data=array, dtype=kind)
    with open_hdf5(path) as file:
        dataset = file.datasets["array"]
        assert dataset.dtype is None
        assert dataset.type_name.startswith(name)
        with pytest.raises(WeightsFormatError, match="array holds no numbers"):
            dataset.read()


@pytest.mark.parametrize("options", [{"libver": "latest"}, {"track_order": True}], ids=str)
def test_newer_forms_are_refused_with_what_to_do(path, options):
    with h5py.File(path, "w", **options) as file:
        file["array"] = np.zeros(3)
    with pytest.raises(WeightsFormatError, match=r"newer form of HDF5.*save_weights"):
        read(path)


@pytest.mark.parametrize("count", [1, 20])  # h5py keeps few links and many in different ways
def test_external_links_are_refused(path, count):
    with h5py.File(path, "w") as file:
        for index in range(count):
            file[f"group/{index}"] = h5py.ExternalLink("other.h5", "/array")
    with pytest.raises(WeightsFormatError, match=r"is a link|newer form"):
        read(path)


def test_an_object_with_two_names_is_refused(path):
    with h5py.File(path, "w") as file:
        file["a"] = np.zeros(3)
        file["b"] = file["a"]
    with pytest.raises(WeightsFormatError, match="b is there twice"):
        read(path)


@pytest.mark.parametrize(
    ("name", "value", "match"),
    [
        ("MAX_OBJECTS", 5, "more than 5 groups and arrays"),
        ("MAX_DEPTH", 1, "nested too deeply"),
        ("MAX_PATH", 10, "too long a name"),
    ],
)
def test_the_number_of_objects_and_their_names_are_limited(path, monkeypatch, name, value, match):
    with h5py.File(path, "w") as file:
        for index in range(6):
            file[f"one/two/three{index}"] = index
    monkeypatch.setattr(hdf5, name, value)
    with pytest.raises(WeightsFormatError, match=match):
        read(path)


def test_names_have_at_most_255_bytes(path):
    with h5py.File(path, "w") as file:
        file["x" * 256] = 1
    with pytest.raises(WeightsFormatError, match="over 255 bytes"):
        read(path)


def test_the_structure_has_a_budget(path, monkeypatch):
    write(path, np.zeros(3))
    monkeypatch.setattr(source, "MAX_STRUCTURE_BYTES", 500)
    with pytest.raises(WeightsFormatError, match="too large, or goes round in a circle"):
        read(path)


def test_a_tree_that_points_to_itself_ends(path):
    with h5py.File(path, "w") as file:
        for index in range(700):  # a root above its leaves
            file[str(index)] = index
    content = bytearray(path.read_bytes())
    root = content.index(b"TREE\0\1")
    content[root + 32 : root + 40] = root.to_bytes(8, "little")
    path.write_bytes(content)
    with pytest.raises(WeightsFormatError, match="tangled"):
        read(path)


def test_chunks_are_of_a_limited_size_and_number(path, monkeypatch):
    write(path, np.zeros((10, 10), "float32"), chunks=(5, 5))
    monkeypatch.setattr(storage, "MAX_CHUNK_BYTES", 99)
    with pytest.raises(WeightsFormatError, match=r"chunks of at most 99 bytes. Received: 100"):
        read(path)
    monkeypatch.undo()
    monkeypatch.setattr(storage, "MAX_CHUNKS", 3)
    with pytest.raises(WeightsFormatError, match=r"at most 3 chunks. Received: 4"):
        read(path)


def with_chunk(path, data, mask=0):
    with h5py.File(path, "w") as file:
        dataset = file.create_dataset("array", (10,), "float32", chunks=(10,), compression="gzip")
        dataset.id.write_direct_chunk((0,), data, mask)


@pytest.mark.parametrize(
    ("data", "mask", "match"),
    [
        (zlib.compress(bytes(41)), 0, "inflates to more than its 40 bytes"),
        (zlib.compress(bytes(39)), 0, "must have 40 bytes. Received: 39"),
        (zlib.compress(bytes(40))[:-3], 0, "is cut short"),
        (zlib.compress(bytes(40))[:-1] + b"x", 0, "incorrect data check"),
        (b"no deflate", 0, "incorrect header"),
        (bytes(39), 1, "must have 40 bytes. Received: 39"),
        (bytes(500), 1, "out of place"),
    ],
)
def test_chunks_that_are_not_what_they_should_be(path, data, mask, match):
    with_chunk(path, data, mask)
    with pytest.raises(WeightsFormatError, match=match):
        read(path)


def test_missing_chunks_are_refused(path):
    with h5py.File(path, "w") as file:
        file.create_dataset("array", (10,), "float32", chunks=(5,))[:5] = 1
    with pytest.raises(WeightsFormatError, match=r"must have 2 chunks. Received: 1"):
        read(path)


def test_an_array_that_was_never_written_is_refused(path):
    with h5py.File(path, "w") as file:
        file.create_dataset("array", (10,), "float32")
    with pytest.raises(WeightsFormatError, match=r"beyond its end|must have 40 bytes"):
        read(path)


def test_a_folder_or_a_missing_file_is_refused(tmp_path):
    for path in (tmp_path, tmp_path / "none.h5"):
        with pytest.raises(WeightsFormatError, match="no regular file"):
            read(path)
