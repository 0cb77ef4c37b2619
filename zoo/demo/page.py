"""The page's layout: a tab for each thing that models do, and what its buttons call."""

import functools
import html
import itertools
from typing import Any

from zoo.demo import drawing, restoring
from zoo.demo.figures import arrange, grid_figure, picture_figure, walk_figure
from zoo.demo.models import Models
from zoo.errors import InvalidInputError, ZooError
from zoo.imports import import_optional

PACKAGE = '"keras-gan-zoo[demo]"'
COUNT = 36
"""Default number of images."""
SWEEP_SECONDS, UPLOAD_SECONDS = 10, 60
"""How often uploads are looked at, and the age from which they are deleted."""
PAINT = "#d63384"
"""Rare in photographs."""
BRUSH = 4
"""Radius in pixels: scratches are what models of the zoo restore best."""


def import_gradio() -> Any:
    """Imports and returns `gradio`.

    Raises:
        MissingDependencyError: If it isn't installed.
    """
    return import_optional("gradio", PACKAGE)


def build_page(models: Models) -> Any:
    """Returns the page of some models, a `gradio.Blocks` that isn't served yet.

    Tabs that none of the models fits are left out.

    Args:
        models: `Models`.

    Raises:
        MissingDependencyError: If Gradio isn't installed.
    """
    gradio = import_gradio()
    draws, restores = models.names(restoring=False), models.names(restoring=True)
    sweep = (SWEEP_SECONDS, UPLOAD_SECONDS)
    with gradio.Blocks(title="zoo", analytics_enabled=False, delete_cache=sweep) as page:
        if draws:
            with gradio.Tab("Sample"):
                _sample_tab(gradio, models, draws)
        if restores:
            with gradio.Tab("Restore"):
                _restore_tab(gradio, models, restores)
        if len(draws) > 1:
            with gradio.Tab("Compare"):
                _compare_tab(gradio, models, draws)
    return page


def _sample_tab(gradio, models, names):
    with gradio.Row():
        with gradio.Column(scale=1):
            name = gradio.Dropdown(names, label="Model")
            classes = gradio.Dropdown(
                _class_choices(models, names[0]),
                multiselect=True,
                label="Classes",
                info="None: drawn by the seed.",
                visible=models.spec(names[0]).conditional,
            )
            count, seed, truncation = _latent_inputs(gradio)
            draw = gradio.Button("Draw", variant="primary")
            end = gradio.Number(1, label="Other seed", info="Where a walk leads, and turns back.")
            go = gradio.Button("Walk")
        with gradio.Column(scale=3):
            result = gradio.HTML()

    def show_classes(name):
        choices = _class_choices(models, name)
        return gradio.update(choices=choices, value=[], visible=bool(choices))

    def sample(name, count, seed, truncation, labels):
        images = drawing.sample(models, name, count, seed, truncation or None, labels or ())
        return arrange([grid_figure(images, f"{count} images of {name}, seed {seed}")])

    def walk(name, count, seed, end, truncation, labels):
        frames = drawing.walk(models, name, count, seed, end, truncation or None, labels)
        return arrange([walk_figure(frames, f"{count} images of {name}, seed {seed} to {end}")])

    name.change(_telling(gradio, show_classes), name, classes, api_visibility="private")
    _on_click(gradio, draw, sample, [name, count, seed, truncation, classes], result)
    _on_click(gradio, go, walk, [name, count, seed, end, truncation, classes], result)


def _restore_tab(gradio, models, names):
    turns = itertools.count()
    with gradio.Row():
        with gradio.Column(scale=1):
            name = gradio.Dropdown(names, label="Model")
            editor = gradio.ImageEditor(
                label="Paint the hole",
                sources=("upload", "clipboard"),
                transforms=(),
                layers=False,
                brush=gradio.Brush(BRUSH, colors=[PAINT], color_mode="fixed"),
                format="png",
                buttons=[],
            )
            example = gradio.Button("Example")
            start = gradio.Button("Restore", variant="primary")
        with gradio.Column(scale=2):
            result = gradio.HTML()

    def show_example(name):
        shape = models.spec(name).config.get("image_shape")
        found = restoring.find_examples(shape) if shape else []
        if not found:
            raise InvalidInputError(f"There is no example of the images of {name}: drop in yours.")
        return found[next(turns) % len(found)]

    def restore(name, painting):
        picture, mask = restoring.read_painting(painting)
        restored, left_out = restoring.restore_picture(models, name, picture, mask)
        figures = [picture_figure(image, label) for label, image in restored.items()]
        reasons = "; ".join(f"{method} ({reason})" for method, reason in left_out.items())
        return arrange(figures, f"Left out: {reasons}" if reasons else "")

    _on_click(gradio, example, show_example, [name], editor)
    _on_click(gradio, start, restore, [name, editor], result)


def _compare_tab(gradio, models, names):
    with gradio.Row():
        with gradio.Column(scale=1):
            chosen = gradio.CheckboxGroup(names, value=names[:2], label="Models")
            count, seed, truncation = _latent_inputs(gradio)
            draw = gradio.Button("Compare", variant="primary")
        with gradio.Column(scale=3):
            result = gradio.HTML()

    def compare(names, count, seed, truncation):
        drawn = drawing.compare(models, names, count, seed, truncation or None)
        figures = [grid_figure(images, name) for name, images in drawn.items()]
        return arrange(figures, f"The same {count} latents, seed {seed}")

    _on_click(gradio, draw, compare, [chosen, count, seed, truncation], result)


def _latent_inputs(gradio):
    count = gradio.Slider(1, drawing.MOST, COUNT, step=1, label="Images")
    seed = gradio.Number(0, label="Seed")
    truncation = gradio.Number(
        0, label="Truncation", info="Bound of the latents' numbers, for example 1.5. 0: none."
    )
    return count, seed, truncation


def _class_choices(models, name):
    spec = models.spec(name)
    if not spec.conditional:
        return []
    names = spec.class_names or [str(label) for label in range(spec.config["classes"])]
    return [(name, label) for label, name in enumerate(names)]


def _on_click(gradio, button, function, inputs, output):
    button.click(_telling(gradio, function), inputs, output, api_name=function.__name__)


def _telling(gradio, function):
    """Returns a function that shows the zoo's errors in the page, in one line."""

    @functools.wraps(function)
    def call(*arguments):
        try:
            return function(*arguments)
        except ZooError as error:
            text = html.escape(" ".join(str(error).split()))
            raise gradio.Error(text, print_exception=False) from None

    return call
