"""Records what torch-fidelity computes: `python -m tests.evaluation.torch_fidelity_values`.

Only its arithmetic is used, on random features. Needs `torch-fidelity` and `scipy`.
"""

import json
import sys
from pathlib import Path
from types import ModuleType

import numpy as np

VALUES = Path(__file__).with_name("torch_fidelity.json")
KERNEL_SIZE = 500


def features():
    """Returns 600 and 500 correlated feature vectors of width 16, and 600 logits of 10 classes."""
    rng = np.random.default_rng(2026)
    features1 = rng.normal(size=(600, 16)) @ rng.normal(size=(16, 16))
    features2 = rng.normal(size=(500, 16)) @ rng.normal(size=(16, 16)) + rng.normal(size=16)
    return features1, features2, 2.0 * rng.normal(size=(600, 10))


def torch_fidelity_values():
    """Computes the scores of `features()` by torch-fidelity."""
    _stand_in_for_torchvision()
    import torch
    import torch_fidelity
    from torch_fidelity import metric_fid, metric_isc, metric_kid

    features1, features2, logits = map(torch.from_numpy, features())
    moments = [metric_fid.fid_features_to_statistics(f) for f in (features1, features2)]
    fid = metric_fid.fid_statistics_to_metric(*moments, verbose=False)
    # One subset that holds everything: which vectors are drawn, and their order, doesn't matter.
    kid = metric_kid.kid_features_to_metric(
        features1[:KERNEL_SIZE],
        features2,
        kid_subsets=1,
        kid_subset_size=KERNEL_SIZE,
        verbose=False,
    )
    isc = metric_isc.isc_features_to_metric(logits, splits=1, shuffle=False)
    return {
        "torch_fidelity": torch_fidelity.__version__,
        "frechet_distance": fid["frechet_inception_distance"],
        "kernel_distance": kid["kernel_inception_distance_mean"],
        "inception_score": isc["inception_score_mean"],
    }


class _StandIn(ModuleType):
    """A module that has any class that is imported from it."""

    __path__ = ()

    def __getattr__(self, name):
        if not name[0].isupper():
            raise AttributeError(name)
        return object


def _stand_in_for_torchvision():
    # torch-fidelity imports it for its data sets and networks, none of which is used here; a
    # torchvision built for another PyTorch wouldn't even import.
    for name in ("", ".datasets", ".transforms", ".transforms.functional"):
        sys.modules[f"torchvision{name}"] = _StandIn(f"torchvision{name}")


def main(path=VALUES):
    Path(path).write_text(json.dumps(torch_fidelity_values(), indent=2) + "\n")


if __name__ == "__main__":
    main(*sys.argv[1:])
