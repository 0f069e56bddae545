"""Postman: makes messages of the notices that moves have left, and sends them.

When: every two seconds, after the commit of what they tell. Messages leave in a thread of their own, so that
a slow mail server holds up no other duty. Each is claimed by one scheduler and sent once; only where a
scheduler dies between the sending and its record is one sent again, under the same id. It does not know
whether anybody reads them.
"""

import threading
import time

from counterfoil import notices

from .channels import CannotBeSent, Channel, open_channels
from .duty import TURN_SECONDS, Beat, log


class Postman:
    """Indexes: counterfoil_notices_waiting, _told, _open."""

    word = "postman"
    every_seconds = 2.0

    def __init__(self) -> None:
        self._thread: threading.Thread | None = None

    def act(self, beat: Beat) -> int:
        """Makes messages and sees that they are being sent; how many notices they tell of."""
        channels = open_channels(beat.settings)
        with beat.transaction() as connection:
            groups = notices.waiting(connection)
        told, end = 0, time.monotonic() + TURN_SECONDS
        for group in groups:
            if time.monotonic() > end:
                break  # the next turn goes on: a bad night holds up no other duty
            with beat.transaction() as connection:
                told += notices.collect(connection, group, channels)
        if self._thread is None or not self._thread.is_alive():
            self._thread = threading.Thread(
                target=self._deliver, args=(beat, channels), name="postman", daemon=True
            )
            self._thread.start()
        return told

    def join(self) -> None:
        """Wait until what is due has been tried."""
        if self._thread is not None:
            self._thread.join()

    def _deliver(self, beat: Beat, channels: dict[str, Channel]) -> None:
        try:
            while self.deliver_one(beat, channels):
                pass
        except Exception:
            log.warning("the postman stopped; the next beat starts it again", exc_info=True)

    def deliver_one(self, beat: Beat, channels: dict[str, Channel]) -> bool:
        """Try one message that is due; whether there was one."""
        with beat.transaction() as connection:
            message = notices.claim(connection)
        if message is None:
            return False
        error, final = None, False
        try:
            if message.channel not in channels:
                raise CannotBeSent(f"the channel {message.channel} is not set up any more")
            channels[message.channel](message)
        except CannotBeSent as refusal:
            error, final = str(refusal), True
        except Exception as failure:
            error = f"{type(failure).__name__}: {failure}"
        with beat.transaction() as connection:
            if error is None:
                notices.sent(connection, message)
            else:
                notices.failed(connection, message, error, final)
        if error is not None:
            log.warning("notice %s by %s was not sent: %s", message.id, message.channel, error)
        return True
