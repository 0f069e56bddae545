"""The doctor: what keeps Counterfoil from working, each with its cure. It looks and changes nothing.

One file for each sort of finding. What needs Redis or the other packages is looked at by the command line and
given here as facts: the core knows neither.
"""

from .finding import Finding

__all__ = ["Finding"]
