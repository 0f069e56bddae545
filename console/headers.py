"""Headers of every response: what a browser may load, whom it may tell, what it may keep (S6, S7)."""

from flask import Flask, Response, request

POLICY = (
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; font-src 'self'; "
    "connect-src 'self'; base-uri 'none'; form-action 'self'; frame-ancestors 'none'"
)

ALWAYS = {
    "Content-Security-Policy": POLICY,
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "same-origin",  # not stricter: the CSRF check over https compares the referrer
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
    "X-Frame-Options": "DENY",
    "Permissions-Policy": "camera=(), geolocation=(), microphone=()",
}

ONE_YEAR = "public, max-age=31536000, immutable"


def install(app: Flask) -> None:
    """Set the headers on every response of the app, error pages included."""
    app.after_request(_set)


def _set(response: Response) -> Response:
    for name, value in ALWAYS.items():
        response.headers[name] = value
    response.vary.update(["HX-Request", "Cookie"])
    if request.endpoint == "static" and response.status_code == 200:
        # A versioned address never changes its content; any other is asked for again.
        response.headers["Cache-Control"] = ONE_YEAR if "v" in request.args else "no-cache"
    elif "Cache-Control" not in response.headers:
        response.headers["Cache-Control"] = "no-store"
    return response
