"""The keeper's process: its folder and its listening socket are given by the one that starts it."""

import socket
import sys
from pathlib import Path

from .keeper import keep

keep(Path(sys.argv[1]), socket.socket(fileno=int(sys.argv[2])))
