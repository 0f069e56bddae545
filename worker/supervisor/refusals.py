"""Why the supervisor does not start."""


class CannotStart(RuntimeError):
    """A reason not to start, naming the thing and the cure. `exit_code` as the command's help lists it."""

    exit_code = 2


class PortBusy(CannotStart):
    """Somebody listens on a port that is needed."""

    exit_code = 3
