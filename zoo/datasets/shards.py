"""Writes pictures into tar shards, resized: the layout of WebDataset."""

import concurrent.futures
import io
import json
import multiprocessing
import os
import signal
import tarfile
from collections.abc import Iterator
from pathlib import Path

from zoo.datasets.class_folders import labels_of
from zoo.datasets.folders import read_resized, readable_suffixes
from zoo.datasets.sources import RECORD, find_source
from zoo.datasets.streaming import end_with_parent
from zoo.errors import DatasetError
from zoo.files import remove_leftovers, replacing

IMAGES_PER_SHARD = 1000


def write_shards(
    path: str | os.PathLike, out: str | os.PathLike, size: tuple[int, int], workers: int = 1
) -> Iterator[tuple[int, int, int]]:
    """Writes the pictures in a directory or a zip, cropped and resized, into tar shards.

    Pictures are PNG, gray or RGB, and named by their number in the order of the paths. If each
    lies in a folder, its label lies beside it (`.cls`). Each shard takes every K-th picture, so
    that it has some of each class. A shard that is there is whole, and is kept; the same pictures
    give the same bytes.

    Args:
        path: a directory or a zip.
        out: directory to write to; created if needed.
        size: `(height, width)`, in pixels.
        workers: int, processes.

    Yields:
        `(done, shards, skipped)`: how many shards there are so far, of how many, and how many
        pictures of the last one could not be decoded.

    Raises:
        DatasetError: if there is no picture, or `out` holds other shards.
    """
    suffixes = readable_suffixes()
    source = find_source(path, suffixes)
    source.keep_pictures(suffixes)
    if not len(source):
        raise DatasetError(f"No picture in {str(path)!r}.")
    in_folders = all("/" in name for name in source.names)
    labels, classes = labels_of(source.names, path) if in_folders else (None, None)
    shards = -(-len(source) // IMAGES_PER_SHARD)
    out = Path(out)
    _check_record(
        out,
        {
            "images": len(source),
            "shards": shards,
            "size": list(size),
            "classes": classes and list(classes),
            "names_and_sizes_sha256": source.digest(),
        },
    )
    remove_leftovers(out, "*.tar")
    missing = [n for n in range(shards) if not _shard_path(out, n).is_file()]
    done = shards - len(missing)
    yield done, shards, 0
    with concurrent.futures.ProcessPoolExecutor(
        workers, multiprocessing.get_context("spawn"), _begin_worker, (source, labels, size, out)
    ) as pool:
        try:
            for skipped in pool.map(_write_shard, missing, [shards] * len(missing)):
                done += 1
                yield done, shards, skipped
        finally:
            pool.shutdown(wait=False, cancel_futures=True)


def _check_record(out, record):
    """Writes what the shards are of; shards of anything else stay as they are."""
    try:
        before = json.loads((out / RECORD).read_text(encoding="utf-8"))
    except FileNotFoundError:
        if out.is_dir() and any(out.glob("*.tar")):
            raise DatasetError(
                f"{out} holds tar files that `zoo shard` did not write. Choose another folder."
            ) from None
        with replacing(out / RECORD) as temporary:
            temporary.write_text(json.dumps(record, indent=1), encoding="utf-8")
        return
    except ValueError:
        before = {}
    changed = [key for key in record if before.get(key) != record[key]]
    if changed:
        raise DatasetError(
            f"{out} holds shards of other pictures, or of another size. They differ in: "
            f"{', '.join(changed)}. Choose another folder, or remove it."
        )


def _shard_path(out, number):
    return out / f"{number:06d}.tar"


_work: tuple


def _begin_worker(*work):
    global _work
    _work = work
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # the terminal sends it to all of them
    end_with_parent(multiprocessing.parent_process())


def _write_shard(number, shards):
    """Writes one shard; returns how many pictures could not be decoded."""
    source, labels, size, out = _work
    digits = max(6, len(str(len(source) - 1)))
    skipped = 0
    with replacing(_shard_path(out, number)) as temporary, tarfile.open(temporary, "w") as archive:
        for index in range(number, len(source), shards):
            png = io.BytesIO()
            try:
                with source.open(index) as file:
                    read_resized(file, size).save(png, "PNG")
            except Exception:  # decoders raise nearly anything on corrupt bytes
                skipped += 1
                continue
            key = f"{index:0{digits}d}"
            _add(archive, f"{key}.png", png.getvalue())
            if labels is not None:
                _add(archive, f"{key}.cls", str(labels[index]).encode())
    return skipped


def _add(archive, name, content):
    member = tarfile.TarInfo(name)  # without times and owners: the same bytes each time
    member.size = len(content)
    archive.addfile(member, io.BytesIO(content))
