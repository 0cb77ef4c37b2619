"""Shows a run on Weights & Biases."""

import json
import os
import secrets
import shutil
from pathlib import Path
from typing import Any

from zoo.errors import InvalidInputError
from zoo.files import replacing
from zoo.imports import LOGGERS, import_optional
from zoo.training.epoch_logger import EpochLogger


class WandbLogger(EpochLogger):
    """Logs figures, samples and configuration of every epoch to Weights & Biases.

    Wandb's own settings decide where they go: `WANDB_MODE=offline` needs no account, and leaves
    files in `folder/wandb` for `wandb sync`. A run that resumes has the id of its first part; in
    offline mode its files replace those of the earlier part, once it ends.

    Put it behind callbacks whose figures belong to an epoch, and ahead of `zoo.Checkpoint`.

    Args:
        folder: folder of the run; `history.csv` and `samples/` go there as well.
        images: real images, uint8 array of shape `(N, H, W, C)`, for the samples of a model that
            restores.
        configuration: dict of plain values to show; by default the model's own and how it was
            compiled.
        project: name of the project on Weights & Biases.

    Raises:
        MissingDependencyError: if wandb isn't installed.
        InvalidInputError: when training begins, if wandb can't begin a run, for want of an account
            for example.

    Example:

    ```python
    model.fit(images, epochs=20, callbacks=[zoo.WandbLogger("runs/digits", project="digits")])
    ```
    """

    def __init__(
        self,
        folder: str | os.PathLike,
        images: Any = None,
        configuration: dict[str, Any] | None = None,
        project: str = "zoo",
    ):
        super().__init__(folder, images, configuration)
        self.project = project
        self._wandb = import_optional("wandb", LOGGERS["wandb"])
        self._run: Any = None

    def open(self, shown, resumed):
        record = self.folder / "wandb" / "run.json"
        name = json.loads(record.read_text())["id"] if resumed and record.is_file() else None
        if name is None:
            name = secrets.token_hex(4)
            with replacing(record) as temporary:
                temporary.write_text(json.dumps({"id": name}))
        try:
            self._run = self._wandb.init(
                project=self.project,
                id=name,
                name=self.folder.resolve().name,
                dir=self.folder,
                config=shown,
                resume="allow",
                settings=self._wandb.Settings(console="off"),
            )
        except self._wandb.Error as error:
            raise InvalidInputError(
                f"wandb can't begin a run: {error} Without an account, set WANDB_MODE=offline."
            ) from error
        # Of a run that is resumed on the server, which takes no step twice.
        self._first = self._run.starting_step

    def log(self, epoch, figures, picture):
        if epoch < self._first:
            return
        samples = {} if picture is None else {"samples": self._wandb.Image(str(picture))}
        self._run.log({**figures, **samples}, step=epoch, commit=True)

    def close(self):
        if self._run is None:
            return
        current, name = Path(self._run.dir).parent, self._run.id
        self._run.finish()
        self._run = None
        for earlier in current.parent.glob(f"offline-run-*-{name}"):
            if earlier != current and current.name.startswith("offline-run-"):
                shutil.rmtree(earlier, ignore_errors=True)
