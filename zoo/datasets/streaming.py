"""Reads pictures from disk while a model trains on them, through grain."""

import functools
import os
import signal
import threading
import warnings
from collections.abc import Sequence
from typing import Any

import numpy as np

from zoo import digest
from zoo.checks import check_count
from zoo.datasets.class_folders import in_turn, labels_of
from zoo.datasets.folders import (
    SkippedImageWarning,
    check_limit,
    check_picture_shape,
    read_image,
    readable_suffixes,
)
from zoo.datasets.sources import Source, TarSource, find_source
from zoo.errors import DatasetError, InvalidInputError
from zoo.imports import import_optional

GRAIN = '"keras-gan-zoo[streaming]"'
BUFFER = 10_000
"""Images that are shuffled among each other when tar shards are read one after the other."""
BATCHES_AHEAD = 4
"""Batches that each reader holds ready."""
LONGEST_GAP = 1000
"""Unreadable files in a row that are taken for damage, not for a set that can be trained on."""


def stream(
    path: str | os.PathLike,
    image_shape: Sequence[int],
    *,
    labels: bool = False,
    limit: int | None = None,
    workers: int = 0,
    shard_options: Any = None,
) -> "Stream":
    """Opens more pictures than memory holds: they are read while a model trains on them.

    Reads what `from_folder` reads, in the same way, and tar shards in WebDataset's layout: a
    `.tar` file, or a directory of them, with `000001.jpg` beside `000001.cls` (a number) or
    `000001.json` (a number under "label" or "cls"). `zoo shard` writes them. Memory holds the
    names, 8 bytes of order for each picture, and a few batches.

    A picture that can't be decoded is skipped: the next readable one takes its place, so that an
    epoch always has as many batches, and a warning at the epoch's end counts and names them.

    Args:
        path: a directory, a zip file, a tar file, or a directory of tar files.
        image_shape: `(height, width, channels)`, in pixels, as in `from_folder`.
        labels: bool, whether batches have labels: indices into the sorted names of the subfolders,
            or the numbers beside the pictures of tar shards.
        limit: largest number of pictures, the first ones; with labels from the classes in turn.
            `None` takes all.
        workers: int, processes that read and decode; 0 uses threads of this process. What comes
            out is the same. They start anew each epoch, and import the main program: a script
            needs its `if __name__ == "__main__":`.
        shard_options: `grain.sharding.ShardOptions`, the part that this process reads. All parts
            together are the whole, without overlap; `drop_remainder` makes them equally long.

    Returns:
        `Stream`, for `fit`, `zoo.train` and `evaluate`.

    Raises:
        InvalidInputError: for an argument out of range.
        DatasetError: if there is no picture, or one without a label if `labels`.
        MissingDependencyError: if grain isn't installed.

    Example:

    ```python
    photos = zoo.datasets.stream("cats.zip", image_shape=(64, 64, 3))
    model = zoo.DCGAN(image_shape=(64, 64, 3), base_filters=64, kernel_size=4)
    model.compile()
    model.fit(photos, batch_size=64, epochs=50)
    ```
    """
    image_shape = check_picture_shape(image_shape)
    check_limit(limit)
    check_count("workers", workers, minimum=0)
    grain = import_optional("grain", GRAIN)
    if shard_options is None:
        shard_options = grain.sharding.NoSharding()
    if not isinstance(shard_options, grain.sharding.ShardOptions):
        raise InvalidInputError(
            "`shard_options` must be a `grain.sharding.ShardOptions`, or None. Received: "
            f"shard_options={shard_options!r}"
        )
    source, classes, known = _list_pictures(path, labels, limit)
    return Stream(source, image_shape, labels, classes, known, workers, shard_options)


def _list_pictures(path, labels, limit):
    """Returns the `Source`, the names of its classes, and the labels that the listing tells."""
    suffixes = readable_suffixes()
    source = find_source(path, suffixes)
    seen = len(source)
    source.keep_pictures(suffixes)
    if not len(source):
        raise DatasetError(
            f"No picture in {str(path)!r}. Expected files, also in subfolders, that end in .png, "
            f".jpg, .webp or another of the {len(suffixes)} suffixes that Pillow reads. Received: "
            f"{seen} files seen"
        )
    classes = known = None
    if labels and isinstance(source, TarSource):
        classes = source.record().get("classes")
        if not source.table["label_size"].all():
            source.label(int(np.argmin(source.table["label_size"])))  # raises, and names it
    elif labels:
        known, classes = labels_of(source.names, path)
    if limit is not None and limit < len(source):
        chosen = np.arange(limit) if known is None else in_turn(known, limit)
        source.keep(chosen.tolist())
        known = None if known is None else known[chosen]
    return source, None if classes is None else tuple(classes), known


class Stream:
    """Pictures on disk, in the order of their paths; made by `zoo.datasets.stream`.

    Attributes:
        image_shape: `(height, width, channels)`, in pixels.
        classes: names of the classes; `None` without labels, and if tar shards don't tell.
        labels: bool, whether batches have labels.
        workers: int.
        shard_options: `grain.sharding.ShardOptions`.
    """

    def __init__(self, source, image_shape, labels, classes, known, workers, shard_options):
        self.image_shape, self.labels, self.classes = image_shape, labels, classes
        self.workers, self.shard_options = workers, shard_options
        self._source = source
        self._read = _Reader(source, image_shape, labels, known)

    def __len__(self) -> int:
        """The number of pictures, of all parts together."""
        return len(self._source)

    def __getitem__(self, index: slice) -> np.ndarray:
        """Reads some pictures: uint8 array (n, H, W, C)."""
        return self._read(np.arange(len(self))[index])["batch"][0]

    def first(self, count: int) -> tuple[np.ndarray, ...]:
        """Reads the first pictures: `(images,)` or `(images, labels)`."""
        return self._read(np.arange(min(count, len(self))))["batch"]

    def warn_of(self, skipped: set[int], where: str = "", shown: int = 3) -> None:
        """Warns of pictures that could not be decoded: their number, and the first of them."""
        names = [repr(self._source.names[index]) for index in sorted(skipped)]
        more = f" and {len(names) - shown} more" if len(names) > shown else ""
        warnings.warn(
            f"{where}skipped {len(names)} of {len(self)} pictures, which can't be read, for the "
            f"next ones in the order of their paths: {', '.join(names[:shown])}{more}",
            SkippedImageWarning,
            stacklevel=3,
        )

    def digest(self) -> str:
        """Returns the sha256 of what is read: names and sizes of the files, not their pixels."""
        values = [self._source.digest(), list(self.image_shape), self.labels]
        return digest.of_values(values)

    def batch_count(self, batch_size: int) -> int:
        """Returns how many batches an epoch of this process has; the last may be smaller."""
        part, parts = self.shard_options.shard_index, self.shard_options.shard_count
        whole, rest = divmod(len(self), parts)
        count = whole + (part < rest and not self.shard_options.drop_remainder)
        return -(-count // batch_size)

    def batches(
        self,
        batch_size: int,
        rng: np.random.Generator | None = None,
        part: tuple[int, int] = (0, 1),
    ) -> Any:
        """Returns one epoch of this process's part as a `grain.MapDataset`.

        Shuffled, pictures in directories and zips come in one random order of all, as arrays do in
        `fit`, and parts take turns in it. Tar shards come whole, one after the other, in a random
        order; each part reads its own stretch of it, and shuffles 10,000 images at a time.

        Args:
            batch_size: int; the last batch may be smaller.
            rng: generator of the order; `None` keeps the order of the paths.
            part: `(number, parts)`: which of equal parts of each batch to read.

        Returns:
            `grain.MapDataset` of dicts: "batch" is `(images,)` or `(images, labels)`, uint8 and
            int64 arrays; "skipped" has the indices of pictures that could not be decoded.
        """
        grain = import_optional("grain", GRAIN)
        dataset = grain.MapDataset.source(self._order(rng)).batch(batch_size)
        if part != (0, 1):
            dataset = dataset.map(functools.partial(_take_part, part))
        return dataset.map(self._read)

    def _order(self, rng):
        """Returns the indices of the pictures that this process reads in an epoch."""
        part, parts = self.shard_options.shard_index, self.shard_options.shard_count
        count = len(self)
        if self.shard_options.drop_remainder:
            count -= count % parts
        if rng is None:
            return np.arange(len(self))[:count][part::parts]
        if not isinstance(self._source, TarSource):
            return rng.permutation(len(self))[:count][part::parts]
        shard = self._source.table["shard"]
        rank = rng.permutation(len(self._source.shards))[shard]
        order = np.lexsort((self._source.table["offset"], rank))
        order = np.array_split(order[:count], parts)[part]
        for begin in range(0, len(order), BUFFER):
            rng.shuffle(order[begin : begin + BUFFER])
        return order

    def prefetched(self, batches: Any) -> Any:
        """Returns a `grain.IterDataset` that reads batches ahead, in threads or processes."""
        grain = import_optional("grain", GRAIN)
        threads = 1 if self.workers else min(BATCHES_AHEAD, os.cpu_count() or 1)
        dataset = batches.to_iter_dataset(grain.ReadOptions(threads, BATCHES_AHEAD))
        flags = import_optional("absl.flags", GRAIN).FLAGS
        if self.workers and not flags.is_parsed():  # grain's workers read flags of absl's
            flags.mark_as_parsed()
        options = grain.multiprocessing.MultiprocessingOptions(self.workers, BATCHES_AHEAD)
        dataset = dataset.mp_prefetch(options, worker_init_fn=_begin_worker)
        # Through pipes: shared memory would be left behind by a run that is killed.
        through_pipes = grain.experimental.DatasetOptions(min_shm_size=2**62)
        return grain.experimental.WithOptionsIterDataset(dataset, through_pipes)


def _take_part(part, indices):
    number, parts = part
    return np.split(indices, parts)[number]


class _Reader:
    """Reads and decodes the pictures of a batch, in whichever process."""

    def __init__(self, source: Source, image_shape, labels, known):
        self.source, self.image_shape = source, image_shape
        self.labels, self.known = labels, known

    def __call__(self, indices):
        images = np.empty((len(indices), *self.image_shape), np.uint8)
        labels = np.empty(len(indices), np.int64)
        skipped: list[int] = []
        for row, index in enumerate(indices):
            read = self._read_or_next(int(index), images[row], skipped)
            if self.labels:
                labels[row] = self._label(read)
        batch = (images, labels) if self.labels else (images,)
        return {"batch": batch, "skipped": np.array(skipped, np.int64)}

    def _label(self, index):
        return self.source.label(index) if self.known is None else self.known[index]

    def _read_or_next(self, index, out, skipped):
        """Decodes a picture, or the first readable one after it, and returns its index."""
        for step in range(min(LONGEST_GAP, len(self.source))):
            other = (index + step) % len(self.source)
            try:
                with self.source.open(other) as file:
                    out[...] = read_image(file, self.image_shape)
                return other
            except Warning:
                raise  # if the user turned warnings into errors
            except Exception as error:  # decoders raise nearly anything on corrupt bytes
                skipped.append(other)
                last = error
        raise DatasetError(
            f"None of {step + 1} pictures in {str(self.source.root)!r} can be read, from "
            f"{self.source.names[index]!r} on. The last error: {type(last).__name__}: {last}"
        )


def _begin_worker(index, count):
    """Lets a worker end with the process that it reads for, however that ends."""
    import multiprocessing

    del index, count
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # the terminal sends it to all of them
    end_with_parent(multiprocessing.parent_process())


def end_with_parent(parent):
    """Ends this process when its parent has ended, be it killed: nothing else would."""

    def watch():
        parent.join()
        os._exit(1)

    threading.Thread(target=watch, daemon=True).start()
