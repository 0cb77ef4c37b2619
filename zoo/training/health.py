"""Whether a training run is well: what the step counted, told and acted on once an epoch."""

import warnings

import keras

from zoo.checks import check_fraction
from zoo.errors import DivergenceError, InvalidInputError

ACTIONS = ("skip", "rollback", "stop")
EPOCHS_TO_VARY = 10
"""In which a generator that starts from noise has to come to varied samples."""


class HealthCallback(keras.callbacks.Callback):
    """Tells, once an epoch, of steps with NaN or infinity and of mode collapse; acts if asked to.

    The step itself leaves such a batch out (`compile(skip_nonfinite=True)`, the default): no
    weight, no batch statistic, no average has seen it. What this callback reads is counted on the
    device, without a wait per step.

    Args:
        on_nonfinite: `"skip"` goes on after such steps, and says how many there were.
            `"rollback"` puts back the last checkpoint after an epoch with any, and multiplies both
            rates by `rate_factor`; the epoch counts as spent. `"stop"` raises.
        checkpoint: `zoo.Checkpoint` of the same `fit`, ahead of this callback in its list, for
            `"rollback"`. Put its first checkpoint before the trouble: there is none in epoch 1.
        rate_factor: float in [0, 1).
        least_diversity: float in [0, 1): warn of collapse when the `diversity` of an epoch's logs,
            see `relative_diversity` in `zoo.adversarial.guard`, falls under it, or hasn't come up
            to it in the first ten epochs.

    Raises:
        InvalidInputError: for an argument out of range.
        DivergenceError: after an epoch with such steps for `"stop"`, or where there is nothing to
            go back to; after an epoch of nothing else for any.

    Example:

    ```python
    checkpoint = zoo.Checkpoint("runs/digits/checkpoints")
    watch = zoo.HealthCallback("rollback", checkpoint)
    model.fit(images, epochs=20, callbacks=[watch, checkpoint])
    ```
    """

    def __init__(self, on_nonfinite="skip", checkpoint=None, rate_factor=0.5, least_diversity=0.1):
        super().__init__()
        if on_nonfinite not in ACTIONS:
            raise InvalidInputError(
                f"`on_nonfinite` must be one of {', '.join(map(repr, ACTIONS))}. "
                f"Received: on_nonfinite={on_nonfinite!r}"
            )
        if on_nonfinite == "rollback" and checkpoint is None:
            raise InvalidInputError("'rollback' needs the `checkpoint` callback to go back with.")
        check_fraction("rate_factor", rate_factor)
        check_fraction("least_diversity", least_diversity)
        self.on_nonfinite, self.checkpoint = on_nonfinite, checkpoint
        self.rate_factor, self.least_diversity = rate_factor, least_diversity

    def on_train_begin(self, logs=None):
        self._varied = self._told = False

    def on_epoch_end(self, epoch, logs=None):
        logs = logs or {}
        skipped = round(float(logs.get("skipped_steps", 0)))
        if skipped:
            self._act(epoch + 1, skipped, self.params.get("steps"))
        if "diversity" in logs:
            self._watch_diversity(epoch + 1, float(logs["diversity"]))

    def _watch_diversity(self, epoch, diversity):
        """Warns once whenever the samples stop to vary."""
        if diversity >= self.least_diversity:
            self._varied, self._told = True, False
        elif (self._varied or epoch >= EPOCHS_TO_VARY) and not self._told:
            self._told = True
            warnings.warn(
                f"epoch {epoch}: generated samples differ among each other {diversity:.2g} times "
                "as much as real ones do; the generator may have collapsed to few modes. Lower "
                "rates, an R1 penalty or a moving average help",
                stacklevel=2,
            )

    def _act(self, epoch, skipped, steps):
        told = f"epoch {epoch}: NaN or infinity in {skipped} of {steps or 'its'} steps"
        if skipped == steps or self.on_nonfinite == "stop":
            raise DivergenceError(
                f"{told}. Nothing of them reached the weights. Lower the rates, check the data, or "
                "train in float32."
            )
        if self.on_nonfinite == "skip":
            warnings.warn(f"{told}; they were skipped", stacklevel=2)
            return
        path = self.checkpoint.last
        if path is None:
            raise DivergenceError(f"{told}, and there is no checkpoint to go back to yet.")
        self.checkpoint.restore(path)
        self.model.optimizer.lower_rates(self.rate_factor)
        self.model.make_train_function(force=True)  # a schedule is compiled into it
        warnings.warn(
            f"{told}; went back to {path.name}, with rates {self.rate_factor:g} times as high",
            stacklevel=2,
        )
