"""The word that this process is told to stop: open streams wait for it and end within a second."""

import threading

STOP = threading.Event()
"""Set by the chained signal handler of a web process (serve.py); streams check or wait on it."""
