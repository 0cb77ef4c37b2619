"""Where pictures lie: a directory, a zip or tar shards; lists the files in it, and opens each.

A source is small, can be pickled, and is read from several threads: workers that decode pictures
get a copy of it.
"""

import contextlib
import hashlib
import io
import json
import os
import tarfile
import zipfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any, BinaryIO

import numpy as np

from zoo.errors import DatasetError, InvalidInputError

RECORD = "shards.json"
"""What `zoo shard` says of the shards beside it."""

# No picture under Pillow's own pixel limit needs more; a zip bomb does.
_MAX_MEMBER_BYTES = 2**30

_ZIP_FIELDS = {
    "header_offset": "int64",
    "compress_size": "int64",
    "file_size": "int64",
    "CRC": "uint32",
    "compress_type": "uint16",
    "flag_bits": "uint16",
}
_TAR_FIELDS = {
    "shard": "int32",
    "offset": "int64",
    "size": "int64",
    "label_offset": "int64",
    "label_size": "int64",  # 0 without a label
}


class Source:
    """Visible files in a directory, in the order of their paths.

    Args:
        root: path of the directory.
        names: list of str, the files' paths in it.

    Attributes:
        table: structured array with a row for each file, or `None`.
    """

    table: np.ndarray | None = None

    def __init__(self, root: Path, names: list[str]):
        self.root, self.names = root, names

    def __len__(self):
        return len(self.names)

    def keep(self, indices: list[int]) -> None:
        """Forgets all files but these."""
        self.names = [self.names[index] for index in indices]
        if self.table is not None:
            self.table = self.table[indices]

    def keep_pictures(self, suffixes: set[str]) -> None:
        """Forgets all files whose names don't end as pictures' do."""
        self.keep([i for i, name in enumerate(self.names) if is_picture(name, suffixes)])

    def open(self, index: int) -> BinaryIO:
        """Opens a file."""
        return (self.root / self.names[index]).open("rb")

    def label(self, index: int) -> int:
        """Reads the label that lies beside a file: in tar shards only."""
        raise DatasetError(f"{self.names[index]!r} has no label. It takes tar shards.")

    def sizes(self) -> Any:
        """Returns numbers that differ, nearly always, if the contents of the files do."""
        # Strings: a `Path` for each file takes longer than asking for its size.
        root = os.path.join(self.root, "")
        return np.array([os.stat(root + name).st_size for name in self.names], "int64")

    def digest(self) -> str:
        """Returns the sha256 of the files' names and sizes; it reads no file."""
        digest = hashlib.sha256("\n".join(self.names).encode("utf-8", "surrogateescape"))
        digest.update(np.ascontiguousarray(self.sizes()).tobytes())
        return digest.hexdigest()

    def close(self) -> None:
        """Closes what is open."""


class ZipSource(Source):
    """Visible files in a zip."""

    def __init__(self, root: Path):
        archive = self._read_directory(root)
        # A zip can have two entries of one name: the later counts.
        members = {
            member.filename: member
            for member in archive.infolist()
            if not member.is_dir() and _is_visible(member.filename)
        }
        super().__init__(root, sorted(members))
        rows = [
            tuple(getattr(members[name], field) for field in _ZIP_FIELDS) for name in self.names
        ]
        self.table = np.array(rows, list(_ZIP_FIELDS.items()))
        self._keep_open(archive)

    @staticmethod
    def _read_directory(root):
        try:
            return zipfile.ZipFile(root)
        except FileNotFoundError:
            raise DatasetError(
                f"Expected a directory, a zip file or tar shards. Received: {str(root)!r}, where "
                "there is neither"
            ) from None
        except (OSError, ValueError, NotImplementedError, zipfile.BadZipFile) as error:
            raise DatasetError(
                f"Expected a directory, a sound zip file or tar shards. Received: {str(root)!r} "
                f"({error})"
            ) from error

    def _keep_open(self, archive):
        # The table says the same in a tenth of the memory.
        archive.filelist.clear()
        archive.NameToInfo.clear()
        self.archive = archive

    def __getstate__(self):
        return {**self.__dict__, "archive": None}

    def open(self, index):
        if self.archive is None:  # in a worker
            self._keep_open(self._read_directory(self.root))
        assert self.table is not None
        member = zipfile.ZipInfo(self.names[index])
        for field in _ZIP_FIELDS:
            setattr(member, field, int(self.table[field][index]))
        if member.file_size > _MAX_MEMBER_BYTES:
            raise OSError(f"it unpacks to {member.file_size} bytes, more than {_MAX_MEMBER_BYTES}")
        # All in memory: decoders seek back and forth, and a zip unpacks again on each step back.
        with self.archive.open(member) as file:
            return io.BytesIO(file.read())

    def sizes(self):
        assert self.table is not None
        return self.table[["file_size", "CRC"]]

    def close(self):
        if self.archive is not None:
            self.archive.close()


class TarSource(Source):
    """Pictures in tar files, in the order of their keys, with the labels beside them.

    The layout is WebDataset's: the members of a sample follow each other, and share a name up to
    the first dot, their key. `000001.jpg` goes with `000001.cls`, a number, or `000001.json`, with
    a number under "label" or "cls".

    Args:
        root: path of the tar file, or of the directory.
        shards: list of Path, the tar files.
        suffixes: set of str, of pictures.
    """

    def __init__(self, root: Path, shards: list[Path], suffixes: set[str]):
        self.shards = shards
        rows: list[tuple] = []
        for number, shard in enumerate(shards):
            rows += _list_shard(number, shard, suffixes)
        rows.sort(key=lambda row: (row[0], row[2]))
        super().__init__(root, [name for _, name, *_ in rows])
        self.table = np.array([tuple(row[2:]) for row in rows], list(_TAR_FIELDS.items()))

    def open(self, index):
        assert self.table is not None
        return io.BytesIO(self._read(index, "offset", "size"))

    def label(self, index):
        assert self.table is not None
        if not self.table["label_size"][index]:
            raise DatasetError(
                f"Every picture in {str(self.root)!r} must have a label beside it, in a file .cls "
                f"or .json. Received: {self.names[index]!r} without one"
            )
        text = self._read(index, "label_offset", "label_size")
        try:
            label = json.loads(text)
            if isinstance(label, dict):
                label = label["label"] if "label" in label else label["cls"]
            if isinstance(label, bool) or int(label) != label:
                raise ValueError("no whole number")
        except (ValueError, KeyError, TypeError) as error:
            raise DatasetError(
                f"A label must be a whole number in a file .cls, or one under 'label' or 'cls' in "
                f"a file .json. Received, for {self.names[index]!r}: {text[:80]!r}"
            ) from error
        return int(label)

    def _read(self, index, offset, size):
        assert self.table is not None
        row = self.table[index]
        if row[size] > _MAX_MEMBER_BYTES:
            raise OSError(f"it has {row[size]} bytes, more than {_MAX_MEMBER_BYTES}")
        with self.shards[row["shard"]].open("rb", buffering=0) as file:
            file.seek(int(row[offset]))
            return file.read(int(row[size]))

    def sizes(self):
        return self.table

    def record(self) -> dict:
        """Returns what `zoo shard` wrote beside the shards; an empty dict beside others."""
        try:
            return json.loads((self.root / RECORD).read_text(encoding="utf-8"))
        except (OSError, ValueError):
            return {}


@contextlib.contextmanager
def open_source(path, suffixes: set[str]) -> Iterator[Source]:
    """Opens a directory, a zip, a tar file, or a directory of tar files and no pictures.

    Args:
        path: its path.
        suffixes: set of str, of pictures, in lower case with the dot.

    Raises:
        InvalidInputError: if `path` is no path.
        DatasetError: if there is none of these.
    """
    source = find_source(path, suffixes)
    try:
        yield source
    finally:
        source.close()


def find_source(path, suffixes: set[str]) -> Source:
    """Returns the `Source` that `open_source` yields, to be closed by the caller."""
    try:
        root = Path(os.path.expanduser(path))
    except TypeError:
        raise InvalidInputError(
            f"`path` must be the path of a directory, a zip or a tar file. Received: path={path!r}"
        ) from None
    if root.is_dir():
        try:
            names = sorted(_walk(root))
        except OSError as error:
            raise DatasetError(f"The directory can't be listed. Received: {error}") from error
        shards = [root / name for name in names if name.lower().endswith(".tar")]
        if shards and not any(is_picture(name, suffixes) for name in names):
            return _check_complete(TarSource(root, shards, suffixes))
        return Source(root, names)
    if root.suffix.lower() == ".tar" and root.is_file():
        return TarSource(root, [root], suffixes)
    return ZipSource(root)


def is_picture(name: str, suffixes: set[str]) -> bool:
    """Returns whether a name ends as a picture's."""
    return os.path.splitext(name)[1].lower() in suffixes


def _check_complete(source):
    expected = source.record().get("shards", len(source.shards))
    if len(source.shards) < expected:
        raise DatasetError(
            f"{str(source.root)!r} must hold {expected} shards, says {RECORD}. Received: "
            f"{len(source.shards)}. Run the same `zoo shard` again: it goes on where it stopped."
        )
    return source


def _list_shard(number, path, suffixes):
    """Lists the pictures of a tar file as `(key, name, *_TAR_FIELDS)`; reads nothing else."""
    rows, labels = [], {}
    try:
        with tarfile.open(path, "r:") as archive:
            while (member := archive.next()) is not None:
                archive.members.clear()  # it would keep all
                folder, _, base = member.name.rpartition("/")
                stem, _, suffix = base.partition(".")
                key = f"{folder}/{stem}" if folder else stem
                if not member.isreg() or not _is_visible(member.name):
                    continue
                if f".{suffix.lower()}" in suffixes:
                    rows.append((key, member.name, number, member.offset_data, member.size))
                elif suffix == "cls" or (suffix == "json" and key not in labels):
                    labels[key] = (member.offset_data, member.size)
    except (OSError, tarfile.TarError) as error:
        raise DatasetError(
            f"Expected a sound tar file, not compressed. Received: {str(path)!r} ({error})"
        ) from error
    return [(*row, *labels.get(row[0], (0, 0))) for row in rows]


def _walk(root: Path) -> Iterator[str]:
    folders = [""]
    while folders:
        folder = folders.pop()
        with os.scandir(root / folder) as entries:
            for entry in entries:
                name = f"{folder}{entry.name}"
                if not _is_visible(entry.name):
                    continue
                if entry.is_dir(follow_symlinks=False):
                    folders.append(f"{name}/")
                elif entry.is_file():  # not a pipe or a socket, which would never end
                    yield name


def _is_visible(name: str) -> bool:
    parts = [part for part in name.split("/") if part != "."]  # some zips have "./a.png"
    return not any(part.startswith(".") or part == "__MACOSX" for part in parts)
