"""Watches the health of a training run, and acts once an epoch on what the step counted."""

import warnings

from zoo.adversarial.epochs import RefusedBatches
from zoo.checks import check_fraction
from zoo.errors import DivergenceError, InvalidInputError
from zoo.training.checkpoint_callback import Checkpoint

ACTIONS = ("skip", "rollback", "stop")
EPOCHS_TO_VARY = 10
"""Epochs within which a generator that starts from noise must produce varied samples."""


class HealthCallback(RefusedBatches):
    """Reports, once an epoch, steps with NaN or infinity and mode collapse; acts on request.

    The step itself leaves such a batch out (`compile(skip_nonfinite=True)`, the default): it
    reaches no weight, no batch statistic and no average. What this callback reads is counted on the
    device, without waiting for each step. A batch with other values than the model trains on is
    left out likewise; `"stop"` raises for it too, and `"rollback"` does nothing: the same data
    would come again.

    Args:
        on_nonfinite: `"skip"` continues after such steps and reports their number. `"rollback"`
            restores the last checkpoint after an epoch with any, and multiplies both rates by
            `rate_factor`; the epoch counts as done. `"stop"` raises.
        checkpoint: for `"rollback"`, the `zoo.Checkpoint` of the same `fit`, with the default
            `time_fraction`: no clock may decide which epoch a run goes back to. Put it behind this
            callback in the list, or it would save the epoch that is to be rolled back. An epoch
            before the first checkpoint can't be rolled back.
        rate_factor: float in [0, 1).
        least_diversity: float in [0, 1): warns of mode collapse when the `diversity` of an epoch's
            logs (see `relative_diversity` in `zoo.adversarial.guard`) falls below it, or hasn't
            reached it within the first ten epochs.

    Raises:
        InvalidInputError: for an argument out of range; when training begins, if `checkpoint` is
            ahead of this callback.
        DivergenceError: for `"stop"`, after an epoch with such steps; for `"rollback"`, if there
            is no checkpoint yet; always after an epoch that consists of such steps.

    Example:

    ```python
    checkpoint = zoo.Checkpoint("runs/digits/checkpoints")
    health = zoo.HealthCallback("rollback", checkpoint)
    model.fit(images, epochs=20, callbacks=[health, checkpoint])
    ```
    """

    def __init__(
        self,
        on_nonfinite: str = "skip",
        checkpoint: Checkpoint | None = None,
        rate_factor: float = 0.5,
        least_diversity: float = 0.1,
    ):
        super().__init__()
        if on_nonfinite not in ACTIONS:
            raise InvalidInputError(
                f"`on_nonfinite` must be one of {', '.join(map(repr, ACTIONS))}. "
                f"Received: on_nonfinite={on_nonfinite!r}"
            )
        if on_nonfinite == "rollback" and checkpoint is None:
            raise InvalidInputError("'rollback' needs a `checkpoint` callback. Received: None")
        if on_nonfinite == "rollback" and checkpoint and checkpoint.time_fraction < 1.0:
            raise InvalidInputError(
                "'rollback' needs a `checkpoint` with time_fraction=1.0: with less, the clock "
                "decides which epoch a run goes back to, and a resumed run can end elsewhere. "
                f"Received: time_fraction={checkpoint.time_fraction}"
            )
        check_fraction("rate_factor", rate_factor)
        check_fraction("least_diversity", least_diversity)
        self.on_nonfinite, self.checkpoint = on_nonfinite, checkpoint
        self.rate_factor, self.least_diversity = rate_factor, least_diversity

    def on_train_begin(self, logs=None):
        self._varied = self._warned = False
        if self.on_nonfinite == "rollback" and self.checkpoint.begun:
            raise InvalidInputError(
                "The `checkpoint` of a `HealthCallback` must come after it in the list of "
                "callbacks: ahead of it, an epoch would be saved before it is rolled back."
            )

    def on_epoch_end(self, epoch, logs=None):
        logs = logs or {}
        skipped = round(float(logs.get("skipped_steps", 0)))
        if skipped:
            self._act(epoch + 1, skipped, self.refused, self.params.get("steps"))
        if "diversity" in logs:
            self._watch_diversity(epoch + 1, float(logs["diversity"]))

    def _watch_diversity(self, epoch, diversity):
        """Warns once each time the samples stop varying."""
        if diversity >= self.least_diversity:
            self._varied, self._warned = True, False
        elif (self._varied or epoch >= EPOCHS_TO_VARY) and not self._warned:
            self._warned = True
            warnings.warn(
                f"epoch {epoch}: generated samples vary only {diversity:.2g} times as much as real "
                "ones; the generator may have collapsed to few modes. Lower rates, an R1 penalty "
                "or a moving average can help",
                stacklevel=2,
            )

    def _act(self, epoch, skipped, refused, steps):
        counts = {"NaN or infinity": skipped - refused, "data of other values": refused}
        found = " and ".join(f"{what} in {count}" for what, count in counts.items() if count)
        report = f"epoch {epoch}: {found} of {steps or 'its'} steps"
        if skipped == steps or self.on_nonfinite == "stop":
            advice = "Lower the rates, check the data, or train in float32."
            if skipped == refused:
                advice = f"The model trains on {self.model.data_rule}."
            raise DivergenceError(f"{report}. None of them reached the weights. {advice}")
        if skipped == refused:
            return  # a warning of these comes at the end of every epoch
        if self.on_nonfinite == "skip":
            warnings.warn(f"{report}; they were skipped", stacklevel=2)
            return
        path = self.checkpoint.last
        if path is None:
            raise DivergenceError(f"{report}, and there is no checkpoint to go back to yet.")
        self.checkpoint.restore(path)
        self.model.optimizer.lower_rates(self.rate_factor)
        self.model.make_train_function(force=True)  # a schedule is compiled into it
        warnings.warn(
            f"{report}; went back to {path.name}, with rates {self.rate_factor:g} times as high",
            stacklevel=2,
        )
