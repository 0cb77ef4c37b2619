"""Names that the scripts which measure, release and list inpainting models share."""

from zoo.evaluation.restorers import OURS

FAMILY = "inpainting_gan"

__all__ = ["FAMILY", "OURS"]
