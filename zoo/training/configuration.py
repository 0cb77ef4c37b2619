"""The configuration of a training run, and how two of them differ."""

import json

from zoo import digest

LONGEST = 4000
"""Characters of the longest value that is kept in full; longer ones are replaced by a hash."""
ANONYMOUS = ("name", "shared_object_id", "build_config", "registered_name")
"""Keys that depend on what else was built before, or have no influence on training."""


def plain(value):
    """Returns a value in JSON's types, without what has no influence on training."""
    return _anonymous(json.loads(json.dumps(value, default=str)))


def of_model(model):
    """Returns the configuration of a compiled model: its networks, its loss, its optimizers.

    Args:
        model: a compiled model of the zoo.

    Returns:
        dict of plain values.
    """
    compiled = model.get_compile_config()
    for key in ("run_eagerly", "steps_per_execution", "jit_compile"):
        compiled.pop(key, None)  # other ways to the same numbers
    config = plain({"model": model.get_config(), "compile": compiled})
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
