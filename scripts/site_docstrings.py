"""A griffe extension: examples in docstrings that start with `>>>` become blocks of code.

In Markdown, that would begin a quotation.
"""

import re

import griffe

SESSION = re.compile(r"^( *)(>>> .*(?:\n.*\S.*)*)", re.MULTILINE)


class Sessions(griffe.Extension):
    """Fences the interactive sessions of each docstring as it is read."""

    def on_object(self, *, obj, **kwargs):
        """Called for each module, class, function and attribute."""
        del kwargs
        if obj.docstring is not None:
            fenced = r"\1```pycon\n\1\2\n\1```"
            obj.docstring.value = SESSION.sub(fenced, obj.docstring.value)
