"""`zoo push`: publishes a model on the Hugging Face Hub."""

from typing import Annotated, Any

import typer

from zoo.cli.checks import Name


def _fact(help):
    """Returns an option for a text of the card."""
    return typer.Option(help=help, show_default="the card's")


def push(
    name: Name,
    repository: Annotated[
        str,
        typer.Argument(metavar="OWNER/REPO", help="Repository to publish in; made if need be."),
    ],
    license: Annotated[str | None, _fact("License of the weights: CC0.")] = None,
    dataset: Annotated[str | None, _fact("Images that the model was trained on.")] = None,
    dataset_license: Annotated[str | None, _fact("License of these images.")] = None,
    description: Annotated[str | None, _fact("What the model draws or restores.")] = None,
    limits: Annotated[str | None, _fact("What the weights are not good for.")] = None,
    private: Annotated[bool, typer.Option("--private", help="Make a private repository.")] = False,
    revision: Annotated[
        str | None,
        typer.Option(metavar="BRANCH", help="Branch to write to.", show_default="the main one"),
    ] = None,
):
    """Publish a model on the Hugging Face Hub: weights, card, picture and README.

    Log in with `hf auth login` first, or set HF_TOKEN. A card that lacks the license, the data set
    or its license is refused before anything is sent.
    """
    from zoo.cli.activity import activity
    from zoo.hub import sharing

    facts = {
        "license": license,
        "dataset": dataset,
        "dataset_license": dataset_license,
        "description": description,
        "limits": limits,
    }
    given: dict[str, Any] = {key: value for key, value in facts.items() if value is not None}
    with activity("publishing"):
        address = sharing.push(name, repository, private=private, revision=revision, **given)
    print(f"published {address}")
