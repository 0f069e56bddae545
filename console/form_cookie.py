"""Flask's own signed cookie: the form token and the toasts. Who is signed in stands in sessions.py."""

from flask import Flask, request
from flask.sessions import SecureCookieSessionInterface


class FormCookie(SecureCookieSessionInterface):
    """Secure over https and in production, like the other one."""

    def get_cookie_secure(self, app: Flask) -> bool:
        return request.is_secure or super().get_cookie_secure(app)
