"""Settings of the documentation site; `make docs` builds it."""

import sys
from pathlib import Path

from sphinx.application import Sphinx

sys.path.insert(0, str(Path(__file__).parent))

import docstrings
import mimolearn
import reference

project = "mimolearn"
author = "the mimolearn authors"
version = release = mimolearn.__version__

extensions = ["myst_parser", "sphinx.ext.autodoc"]
exclude_patterns = ["_build", "generated/*-table.md"]
html_theme = "furo"
html_title = f"mimolearn {release}"
html_copy_source = False

myst_heading_anchors = 4
smartquotes = False
autodoc_default_options = {"members": True}
autodoc_inherit_docstrings = False
autodoc_preserve_defaults = True
python_use_unqualified_type_names = True

nitpicky = True
# Types in signatures name other libraries and files that a class is not shown under.
nitpick_ignore_regex = [("py:.*", ".*")]


def setup(app: Sphinx) -> None:
    """The pages that are made from the library itself, and docstrings as they are written here."""
    app.connect("builder-inited", lambda app: reference.write(Path(app.srcdir) / "generated"))
    app.connect("autodoc-process-docstring", docstrings.as_restructured_text)
