"""Python that somebody else wrote, parsed here and never run here."""

from __future__ import annotations

import ast
import warnings


def parse(code: str) -> ast.Module:
    """Parse code without warning of it; raises what `ast.parse` raises."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # such as `"\\d"`, which is somebody else's to mend
        return ast.parse(code)
