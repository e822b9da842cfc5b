"""Milvus, as a server or as milvus-lite.

pymilvus imports pandas, and pandas imports pyarrow where it finds it, which it does because milvus-lite brings it.
Nothing here uses either: pandas is imported first, and finds no pyarrow, which is 34 MB less in every process.
"""

import sys
from typing import Any

_modules: dict[str, Any] = sys.modules
if "pyarrow" not in _modules:
    _modules["pyarrow"] = None  # what the import system takes for "there is no such module"
    try:
        import pandas  # type: ignore[import-untyped]  # noqa: F401  # it publishes no types
    finally:
        del _modules["pyarrow"]
