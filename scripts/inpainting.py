"""Names that the scripts which measure, release and list inpainting models share."""

FAMILY = "inpainting_gan"
"""`ModelCard.family` of a model that restores images; all others draw them."""
OURS = "ours"
"""The model's own scores in a card's metrics, beside those of the classical methods."""
