"""The command itself: finds commands when they are called, turns known errors into one line and a code."""

import importlib
import sys
from typing import Any

import click

COMMANDS = {
    "prepare": "prepare",
    "up": "processes",
    "console": "processes",
    "worker": "processes",
    "scheduler": "processes",
    "db": "db",
    "doctor": "doctor",
    "users": "users",
    "queues": "queues",
    "pauses": "pauses",
    "view-models": "view_models",
    "schedules": "schedules",
    "tickets": "tickets",
    "errors": "error_groups",
    "operations": "operations",
    "notices": "notices",
    "trail": "trail",
    "keys": "keys",
    "new": "new",
    "moves": "moves",
}
"""Command -> module of this package; the command is the module's attribute of the same name."""

FAILED = 1
CONFIGURATION = 2
PORT_BUSY = 3

EXIT_CODES = """\b
Exit codes:
  0  well
  1  findings, a refusal or a failure
  2  configuration or usage: mend it, starting again does not help
  3  the port is busy
"""


class Stop(click.ClickException):
    """An error for a person: one line that names the thing and the cure, and an exit code."""

    def __init__(self, message: str, exit_code: int = FAILED) -> None:
        super().__init__(message)
        self.code = exit_code

    @property
    def exit_code(self) -> int:  # type: ignore[override]
        return self.code

    def show(self, file: Any = None) -> None:
        click.echo(f"counterfoil: {self.format_message()}", file=file or sys.stderr)


class Commands(click.Group):
    """A group whose commands are imported when they are named, and that shows no traceback for the known."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        return [*COMMANDS]

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        if cmd_name not in COMMANDS:
            return None
        module = importlib.import_module(f".{COMMANDS[cmd_name]}", __package__)
        found = getattr(module, cmd_name.replace("-", "_"))
        assert isinstance(found, click.Command)
        return found

    def invoke(self, ctx: click.Context) -> Any:
        try:
            return super().invoke(ctx)
        except (click.ClickException, click.exceptions.Exit, click.Abort):
            raise
        except Exception as error:
            from .errors import explained

            known = explained(error)
            if known is None:
                raise
            raise known from None


@click.group(cls=Commands, epilog=EXIT_CODES, context_settings={"max_content_width": 110})
@click.version_option(package_name="counterfoil")
def main() -> None:
    """Counterfoil: tickets for work to be done later, and a console to watch and steer them.

    Settings come from the environment: DATABASE_URL, REDIS_URL, COUNTERFOIL_APP (module:callable) and
    COUNTERFOIL_<setting>.
    """
