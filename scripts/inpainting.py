"""Names that the scripts which measure, release and list inpainting models share."""

from zoo.cli.kinds import RESTORING as FAMILY

__all__ = ["FAMILY", "OURS"]

OURS = "ours"
"""The model's own scores in a card's metrics, beside those of the classical methods."""
