"""`zoo push`: publishes a model on the Hugging Face Hub."""

from typing import Annotated, Any

import typer

from zoo.cli.checks import Name

Text = Annotated[str | None, typer.Option(show_default="the card's")]


def push(
    name: Name,
    repository: Annotated[str, typer.Argument(metavar="OWNER/REPO", help="Made if need be.")],
    license: Annotated[
        str | None, typer.Option(help="Of the weights: CC0.", show_default="the card's")
    ] = None,
    dataset: Annotated[
        str | None, typer.Option(help="What it was trained on.", show_default="the card's")
    ] = None,
    dataset_license: Annotated[
        str | None, typer.Option(help="Of these images.", show_default="the card's")
    ] = None,
    description: Text = None,
    limits: Annotated[
        str | None,
        typer.Option(help="What the weights are not good for.", show_default="the card's"),
    ] = None,
    private: Annotated[bool, typer.Option("--private", help="Make a private repository.")] = False,
    revision: Annotated[
        str | None, typer.Option(metavar="BRANCH", show_default="the main one")
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
