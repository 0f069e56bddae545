"""The command line: the one place that knows the core, the console and the worker.

Every command stands in a module of its own and is imported when it is called: `counterfoil --help` loads
neither Flask nor RQ. Console and worker are loaded by location (`siblings`).
"""

from .group import main

__all__ = ["main"]
