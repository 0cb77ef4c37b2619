"""What a training run has done so far and what that cost: written after each pass over its data."""

import json
import time

import keras

from zoo.files import replacing


class Progress:
    """Passes, time and scores of a run, in a JSON file that is replaced as a whole.

    Args:
        path: Path of the file. Times that an earlier part of the run wrote there are added to.

    Attributes:
        seconds: All passes together, waits for the processor included.
        cpu_seconds: Processor time of all passes together.
    """

    def __init__(self, path):
        self.path = path
        earlier = json.loads(path.read_text()) if path.is_file() else {}
        self.seconds = earlier.get("seconds", 0.0)
        self.cpu_seconds = earlier.get("cpu_seconds", 0.0)

    def begin(self):
        """Starts the clocks of a pass."""
        self.began = time.perf_counter(), time.process_time()

    def end(self, passes, of, scores=()):
        """Writes the file after a pass.

        Args:
            passes: How many are done.
            of: How many there will be.
            scores: Dicts with `epoch` and `frechet_distance`.
        """
        seconds = time.perf_counter() - self.began[0]
        self.seconds += seconds
        self.cpu_seconds += time.process_time() - self.began[1]
        record = {
            "passes": passes,
            "of": of,
            "seconds": round(self.seconds, 1),
            "cpu_seconds": round(self.cpu_seconds, 1),
            "seconds_per_pass": round(seconds, 1),
            "scores": list(scores),
        }
        with replacing(self.path) as temporary:
            temporary.write_text(json.dumps(record, indent=1) + "\n")

    def callback(self, evaluation=None):
        """Returns a Keras callback that begins and ends every pass.

        Args:
            evaluation: `zoo.evaluation.EvaluationCallback` whose scores are written along, or
                `None`.
        """
        callback = keras.callbacks.LambdaCallback(
            on_epoch_begin=lambda epoch, logs: self.begin(),
            on_epoch_end=lambda epoch, logs: self.end(
                epoch + 1, callback.params["epochs"], evaluation.history if evaluation else ()
            ),
        )
        return callback
