"""What a form says about a field that does not fit."""

from .passwords import LONGEST, SHORTEST, too_weak
from .strings import gettext


def password_complaint(password: str, again: str, name: str) -> str | None:
    """Why a new password is not taken, or None."""
    weak = too_weak(password, name)
    if weak == "short":
        return gettext("Take at least %(n)d characters.", n=SHORTEST)
    if weak == "long":
        return gettext("Take at most %(n)d characters.", n=LONGEST)
    if weak == "simple":
        return gettext("Too easy to guess: take more different characters, and not your name.")
    if password != again:
        return gettext("The two passwords are not the same.")
    return None
