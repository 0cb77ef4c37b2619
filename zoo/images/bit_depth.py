"""Which picture files hold more than 8 bits a channel: Pillow drops the rest without a word."""

JPEG_2000_SIZES = b"\xff\x4f\xff\x51"
"""Start of a codestream and of the segment with its sizes."""
DEPTH_IN_SIZES = 38
"""Bytes from that segment's length to the first channel's depth."""
AVIF_CONFIGURATION = b"av1C"
HEAD = 2**20
"""Bytes at the start of a file in which both are looked for; profiles may come before."""


def is_deep(image, file):
    """Whether a picture holds more than 8 bits a channel.

    Args:
        image: Pillow image, opened from `file` and not yet decoded.
        file: binary file that can seek; its position stays.

    Returns:
        bool.

    Example:

    ```python
    with open("scan.tif", "rb") as file, Image.open(file) as image:
        deep = is_deep(image, file)
    ```
    """
    # Grayscale alone has modes of its own for it; what becomes RGB has to be asked elsewhere.
    if image.mode.startswith(("I", "F")):
        return True
    if image.format == "JPEG2000":
        return _jpeg_2000_depth(_head(file)) > 8
    if image.format == "AVIF":
        return _is_deep_avif(_head(file))
    return any(_unpacks_deep(image.format, tile) for tile in image.tile)


def _unpacks_deep(format, tile):
    """Whether a part of the file is unpacked from 16 bits, as PNG, TIFF, SGI and PPM name it."""
    decoder, _, _, arguments = tile
    if format == "PPM" and isinstance(arguments, tuple):
        return arguments[-1] > 255  # the value of white
    return decoder == "SGI16" or ";16" in str(arguments)


def _jpeg_2000_depth(head):
    """Bits of the deepest channel; 0 if the file doesn't say."""
    _, _, sizes = head.partition(JPEG_2000_SIZES)
    count = int.from_bytes(sizes[DEPTH_IN_SIZES - 2 : DEPTH_IN_SIZES], "big")
    # Each depth is followed by two steps of sampling.
    depths = sizes[DEPTH_IN_SIZES : DEPTH_IN_SIZES + 3 * count : 3]
    # The highest bit is the sign's; depths are written less one.
    return max(((depth & 0x7F) + 1 for depth in depths), default=0)


def _is_deep_avif(head):
    _, _, configuration = head.partition(AVIF_CONFIGURATION)
    # A version, a profile, and a byte of flags: the second highest means 10 bits or 12.
    return len(configuration) > 2 and bool(configuration[2] & 0x40)


def _head(file):
    position = file.tell()
    file.seek(0)
    head = file.read(HEAD)
    file.seek(position)
    return head
