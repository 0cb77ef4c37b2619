"""The configuration of a training run, and how two of them differ."""

import json
import re

from zoo import digest
from zoo.hub.checkpoint_files import FORMAT

LONGEST = 4000
"""Characters of the longest value that is kept in full; longer ones are replaced by a hash."""
ANONYMOUS = ("name", "shared_object_id", "build_config", "registered_name")
"""Keys that depend on what else was built before, or have no influence on training."""
REFERENCES = ("keras_history", "input_layers", "output_layers")
"""Keys of references to the layers of a Functional network."""
BACKEND_MODULE = re.compile(r"^keras\.src\.backend\.\w+\.(\w+)\b.*$")


def plain(value, checkpoint_format=FORMAT):
    """Returns a value in JSON's types, without what has no influence on training.

    Args:
        value: anything; what JSON can't hold becomes a string.
        checkpoint_format: int, format of the checkpoint that it is compared with. In format 1,
            layers of Functional networks go by name.
    """
    value = json.loads(json.dumps(value, default=str))
    return portable(_anonymous(value)) if checkpoint_format == 1 else _anonymous(portable(value))


def of_model(model, checkpoint_format=FORMAT):
    """Returns the configuration of a compiled model: its networks, its loss, its optimizers.

    Args:
        model: a compiled model of the zoo.
        checkpoint_format: as of `plain`.

    Returns:
        dict of plain values.
    """
    compiled = model.get_compile_config()
    for key in ("run_eagerly", "steps_per_execution", "jit_compile"):
        compiled.pop(key, None)  # other ways to the same numbers
    config = plain({"model": model.get_config(), "compile": compiled}, checkpoint_format)
    return {
        part: {key: _shortened(value) for key, value in values.items()}
        for part, values in config.items()
    }


def differences(before, now, prefix=""):
    """Lists what differs between two configurations.

    Args:
        before: dict of plain values.
        now: dict of plain values.

    Returns:
        list of str, one for each difference: `"recipe.epochs: 20 then, 30 now"`.
    """
    lines = []
    for key in sorted({*before, *now}, key=str):
        old, new = before.get(key), now.get(key)
        if old == new:
            continue
        name = f"{prefix}{key}"
        if isinstance(old, dict) and isinstance(new, dict):
            lines += differences(old, new, f"{name}.")
        else:
            lines.append(f"{name}: {old!r} then, {new!r} now")
    return lines


def portable(value, layers=None):
    """Returns a value in which no automatic name and no backend's module is left.

    What a checkpoint of format 1 has of a model has no names of layers to replace references by.

    Args:
        value: plain value.
        layers: dict name -> index of the layers of the Functional network that it is part of.
    """
    if isinstance(value, list):
        return [portable(item, layers) for item in value]
    if not isinstance(value, dict):
        return value
    if isinstance(value.get("layers"), list) and "input_layers" in value:
        names = [isinstance(layer, dict) and layer.get("name") for layer in value["layers"]]
        layers = {name: index for index, name in enumerate(names)}
    kept = {
        key: _by_index(item, layers) if layers and key in REFERENCES else portable(item, layers)
        for key, item in value.items()
    }
    # PyTorch's optimizers are classes of their own there, with the names of Keras' own.
    if isinstance(kept.get("module"), str):
        kept["module"] = BACKEND_MODULE.sub(r"keras.\1", kept["module"])
    return kept


def _by_index(value, layers):
    """Returns references `[name, node, tensor]`, in any structure, with indices for names."""
    if isinstance(value, dict):
        return {key: _by_index(item, layers) for key, item in value.items()}
    if not isinstance(value, list):
        return value
    if value and isinstance(value[0], str):
        return [layers.get(value[0], value[0]), *value[1:]]
    return [_by_index(item, layers) for item in value]


def _anonymous(value):
    if isinstance(value, dict):
        kept = {key: _anonymous(item) for key, item in value.items() if key not in ANONYMOUS}
        if isinstance(kept.get("module"), str):
            kept["module"] = _without_folder(kept["module"])
        return kept
    return [_anonymous(item) for item in value] if isinstance(value, list) else value


def _without_folder(module):
    """Returns a module of `zoo` as it was called before there were folders.

    Checkpoints of that time stay valid, and so do those of today when a class moves.
    """
    package, _, name = module.rpartition(".")
    if package.partition(".")[0] != "zoo":
        return module
    return "zoo." + {"fast": "layers", "unconditional": "generative"}.get(name, name)


def _shortened(value):
    return value if len(json.dumps(value)) <= LONGEST else f"sha256:{digest.of_values(value)}"
