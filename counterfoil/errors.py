"""What went wrong with an attempt, as safe text: class, message, traceback, fingerprint.

The work may raise anything: an exception whose text raises, ten megabytes of text, text that no database can
store. Nothing here may fail.
"""

import hashlib
import re
import sys
import sysconfig
import traceback
from dataclasses import dataclass
from types import FrameType, TracebackType

from .concealing import Conceal, plainly

ERROR_LIMIT = 4_000
TRACEBACK_LIMIT = 64_000
PLACE_LIMIT = 400

_NOT_OWN = ("counterfoil", "sqlalchemy", "flask", "flask_sqlalchemy", "rq", "werkzeug")
_STANDARD_LIBRARY = sysconfig.get_path("stdlib")
_MONTH = (
    r"(?:jan(?:uary)?|feb(?:ruary)?|mar(?:ch)?|apr(?:il)?|may|june?|july?|aug(?:ust)?|sept?(?:ember)?|"
    r"oct(?:ober)?|nov(?:ember)?|dec(?:ember)?)"
)
_NOISE = re.compile(
    r"(?<!\w)'(?:[^'\n]|'(?=\w))*'(?!\w)|\"[^\"\n]*\"|`[^`\n]*`|“[^”\n]*”"  # an apostrophe is no quote
    r"|[\w.+-]+@[\w-]+(?:\.[\w-]+)+"  # mail
    r"|[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}"  # UUIDs
    r"|0x[0-9a-f]+|\b(?=[a-f]*\d)(?=\d*[a-f])[0-9a-f]{6,}\b|\b[0-9a-f]{16,}\b"
    r"|\b(?:[0-9a-f]{0,4}:){2,7}[0-9a-f]{0,4}(?:\.\d+)?"  # IPv6, and times of day
    rf"|\b(?:mon|tues?|wed(?:nes)?|thu(?:rs)?|fri|sat(?:ur)?|sun)(?:day)?,? +(?=\d|{_MONTH} )"
    rf"|\b{_MONTH}\.? +(?=\d)|(?<=\d ){_MONTH}\b"
    r"|[+-]?\d+(?:[.,:/T-]\d+)*Z?",
    re.IGNORECASE,
)


class WorkCutOff(RuntimeError):
    """What hooks are given for work whose process was ended in the middle: no exception of its own is left.

    Its text is the ticket's error. `kind`: timeout, or lost (killed, crashed, or its worker is gone).
    """

    def __init__(self, text: str, kind: str) -> None:
        super().__init__(text)
        self.kind = kind


@dataclass(frozen=True)
class Failure:
    """A failed attempt. `kind` is one of ticket.ERROR_KINDS, `text` short, `traceback` may be long.

    `seconds`: when to try again, if the exception said so (`retry_after`), else the back-off decides.
    """

    kind: str
    text: str
    traceback: str | None = None
    fingerprint: str | None = None
    seconds: float | None = None
    place: str | None = None
    """`module:function` of the innermost frame of the application's own code."""
    untold: bool = False
    """Its process could not call the application's hooks any more: the next drain does (`untold`)."""


def safe(text: str, limit: int) -> str:
    """Text that every database stores: no NUL, no lone surrogates, bounded."""
    clean = text.replace("\x00", "\\x00").encode("utf-8", "backslashreplace").decode("utf-8")
    return clean if len(clean) <= limit else f"{clean[: limit - 30]} ... ({len(clean)} characters)"


def told(exception: BaseException, conceal: Conceal = plainly) -> str:
    """`Class: message`, whatever the exception's own text does; `conceal` before anything is cut."""
    try:
        message = str(exception)
    except BaseException as error:
        message = f"(its text raises {type(error).__name__})"
    name = type(exception).__qualname__
    return safe(conceal(f"{name}: {message}" if message else name), ERROR_LIMIT)


def describe(exception: BaseException, kind: str = "run", conceal: Conceal = plainly) -> Failure:
    """The failure that an exception of the work stands for."""
    text = told(exception, conceal)
    try:
        lines = "".join(traceback.format_exception(exception, limit=-60))
    except BaseException:
        lines = "".join(traceback.format_tb(exception.__traceback__, limit=-60)) + text
    seconds = getattr(exception, "retry_after", None)
    place = safe(innermost(exception.__traceback__), PLACE_LIMIT)
    return Failure(
        kind=kind,
        text=text,
        traceback=safe(conceal(lines), TRACEBACK_LIMIT),
        fingerprint=fingerprint(type(exception).__qualname__, place, text),
        seconds=float(seconds) if isinstance(seconds, int | float) and 0 <= seconds <= 366 * 86400 else None,
        place=place or None,
    )


def fingerprint(class_name: str, place: str, text: str) -> str:
    """Groups failures of one cause: class, innermost own frame without line, text without variables.

    Out of the text go quoted strings, UUIDs, hex, mail and network addresses, times and numbers.
    """
    plain = _NOISE.sub("?", text[:1000])[:300]
    return hashlib.sha256(f"{class_name}|{place}|{plain}".encode()).hexdigest()[:32]


def innermost(trace: TracebackType | None) -> str:
    """The innermost frame of the application's own code, as `module:function`."""
    found = ""
    while trace is not None:
        if is_own(trace.tb_frame):
            found = f"{trace.tb_frame.f_globals.get('__name__', '?')}:{trace.tb_frame.f_code.co_name}"
        trace = trace.tb_next
    return found


def is_own(frame: FrameType) -> bool:
    """Whether a frame belongs to the application rather than to us or a library under us."""
    module = str(frame.f_globals.get("__name__", ""))
    place = frame.f_code.co_filename
    return (
        module.partition(".")[0] not in _NOT_OWN
        and "site-packages" not in place
        and not place.startswith((_STANDARD_LIBRARY, "<"))
    )


def calling_line() -> str:
    """`file:line in function` of the application's code that called us."""
    frame: FrameType | None = sys._getframe(1)
    while frame is not None and not is_own(frame):
        frame = frame.f_back
    if frame is None:
        return "an unknown line"
    return f"{frame.f_code.co_filename}:{frame.f_lineno} in {frame.f_code.co_name}"
