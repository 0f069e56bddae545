"""The route table: every endpoint of the console, its methods and the role it asks for. Closed by default.

To add a page:

1. Write `console/pages/<page>.py`. A view is thin: look up, call one verb of the core, render. Its template
   is `templates/<page>/<fragment>.html`; a whole page extends `base.html`, and a fragment is a file of its
   own that the page includes.
2. Add its line to TABLE: path, endpoint (for `url_for`), view, role, methods. A role is the least that may:
   `viewer`, `operator`, `admin`; `public` asks for no session. One line per role: a page that viewers read
   and operators change has two lines with two endpoints. An endpoint `tickets` or `tickets.show` is
   underlined in the navigation under `tickets`; `layout.py` lists the navigation and shows what exists.

In a view:

- `g.user` is the person (sessions.SignedIn): `g.user.name`, `g.user.may("operator")`, and `g.user.actor`,
  the `Actor(name, via="console")` that acts want. Templates have `g.user` too. It is None only on public
  routes.
- The database is `from ..database import db`: `db.session`, `db.session.connection()` for the core's acts;
  commit yourself. A GET never writes. Strings: `from ..strings import gettext`.
- Answer with `from ..answers import page, toast, go, moved_on, gone, unfit`: `page("tickets/index.html",
  fragment="tickets/rows.html", **context)` renders the fragment when htmx asks; `toast(gettext("Ticket 7
  runs again."), undo="/trail/9/undo")` then `go(url)` answers a POST (303, works with and without
  JavaScript); `moved_on(template, str(refused), **context)` is the 409 with the fresh fragment, `gone(...)`
  the 410, `unfit(...)` the 422 with the form. Never redirect to what a client sent but by `go`.
- `from ..htmx import htmx`: true for htmx; `.target` and `.trigger` are element ids.
- Streams: `from ..stopping import STOP`, set when the process is told to stop: wait on it, end within a
  second; `serve.STREAMS_MOST` is how many a process carries.
- Cache-Control is `no-store` unless the view sets its own (fragments with an ETag: `private, no-cache`).

In a template:

- `{% extends "base.html" %}` with blocks `title`, `content`; strings in `{{ _("...") }}` or `{% trans %}`.
- `icon("pause")`, `when(ticket.due_at)`, `state_chip("errored")` everywhere, without an import;
  `static("name")` for addresses of static files.
- Forms carry `{% include "layout/csrf.html" %}`; htmx sends the token by itself.
- No inline style, script or handler; everything from a ticket is plain, escaped text.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from flask import Flask
from werkzeug.routing import IntegerConverter, Map

from . import live
from .pages import (
    acts,
    batches,
    charts,
    editing,
    error_groups,
    expiring,
    first_entry,
    health,
    notices,
    operating,
    operations,
    overview,
    profile,
    queues,
    reveal,
    roots,
    schedules,
    searches,
    sign_in,
    ticket,
    ticket_data,
    tickets,
    trail,
    undo,
    users,
    view_models,
    wait,
    workers,
)
from .roles import ADMIN, OPERATOR, PUBLIC, VIEWER

View = Callable[..., Any]


@dataclass(frozen=True)
class Route:
    """One line of the table. `view` None: Flask's own (static)."""

    path: str
    endpoint: str
    view: View | None
    role: str
    methods: tuple[str, ...] = ("GET",)


POST = ("POST",)
BOTH = ("GET", "POST")

TABLE = (
    Route("/static/<path:filename>", "static", None, PUBLIC),
    Route("/healthz", "healthz", health.healthz, PUBLIC),
    Route("/readyz", "readyz", health.readyz, PUBLIC),
    Route("/sign-in", "sign_in", sign_in.sign_in, PUBLIC, BOTH),
    Route("/sign-out", "sign_out", sign_in.sign_out, PUBLIC, POST),
    Route("/first-entry/<token>", "first_entry", first_entry.first_entry, PUBLIC, BOTH),
    Route("/wait/<token>", "wait", wait.page, PUBLIC),
    Route("/wait/<token>.json", "wait.json", wait.as_json, PUBLIC),
    Route("/wait/<token>/live", "wait.live", wait.live, PUBLIC),
    Route("/", "overview", overview.overview, VIEWER),
    Route("/charts", "charts", charts.charts, VIEWER),
    Route("/tickets", "tickets", tickets.tickets, VIEWER),
    Route("/tickets/rows", "tickets.rows", tickets.rows, VIEWER),
    Route("/tickets/number", "tickets.number", tickets.number, VIEWER),
    Route("/tickets/words", "tickets.words", tickets.words, VIEWER),
    Route("/tickets/<int:ticket_id>", "tickets.one", ticket.ticket, VIEWER),
    Route("/tickets/<int:ticket_id>.json", "tickets.json", ticket_data.ticket_json, VIEWER),
    Route("/tickets/<int:ticket_id>/export", "tickets.export", ticket_data.export, VIEWER),
    Route("/tickets/<int:ticket_id>/reveal", "tickets.reveal", reveal.reveal, ADMIN, POST),
    Route("/tickets/<int:ticket_id>/edit", "tickets.edit", editing.edit, OPERATOR, POST),
    Route("/tickets/<int:ticket_id>/<verb>", "tickets.act", acts.act_on, OPERATOR, POST),
    Route("/roots/<path:root_id>", "roots", roots.root, VIEWER),
    Route("/roots/<path:root_id>.json", "roots.json", roots.root_json, VIEWER),
    Route("/searches", "searches.save", searches.save, VIEWER, POST),
    Route("/searches/<int:search_id>/delete", "searches.delete", searches.delete, VIEWER, POST),
    Route("/errors", "errors", error_groups.errors, VIEWER),
    Route("/errors/<fingerprint>", "errors.one", error_groups.one, VIEWER),
    Route(
        "/errors/<fingerprint>/acknowledge", "errors.acknowledge", error_groups.acknowledge, OPERATOR, POST
    ),
    Route("/errors/<fingerprint>/mute", "errors.mute", error_groups.mute, OPERATOR, POST),
    Route("/errors/<fingerprint>/unmute", "errors.unmute", error_groups.unmute, OPERATOR, POST),
    Route("/expiring", "expiring", expiring.expiring, VIEWER),
    Route("/operations", "operations", operations.operations, VIEWER),
    Route("/operations", "operations.ask", operations.ask, OPERATOR, POST),
    Route("/operations/<int:operation_id>", "operations.one", operations.one, VIEWER),
    Route("/operations/<int:operation_id>/start", "operations.start", operating.start, OPERATOR, POST),
    Route("/operations/<int:operation_id>/stop", "operations.stop", operating.stop, OPERATOR, POST),
    Route("/operations/<int:operation_id>/go-on", "operations.go_on", operating.go_on, OPERATOR, POST),
    Route("/operations/<int:operation_id>/undo", "operations.undo", operating.undo, OPERATOR, POST),
    Route("/live", "live", live.live, VIEWER),
    Route("/queues", "queues", queues.queues, VIEWER),
    Route("/queues/<path:name>", "queues.one", queues.one, VIEWER),
    Route("/queues/<path:name>/pause", "queues.pause", queues.pause, OPERATOR, POST),
    Route("/queues/<path:name>/resume", "queues.resume", queues.resume, OPERATOR, POST),
    Route("/queues/<path:name>/pool-size", "queues.pool_size", queues.pool_size, OPERATOR, POST),
    Route("/view-models", "view_models", view_models.view_models, VIEWER),
    Route("/view-models/<path:name>", "view_models.one", view_models.one, VIEWER),
    Route("/view-models/<path:name>/pause", "view_models.pause", view_models.pause, OPERATOR, POST),
    Route("/view-models/<path:name>/resume", "view_models.resume", view_models.resume, OPERATOR, POST),
    Route("/view-models/<path:name>/route", "view_models.route", view_models.route, OPERATOR, POST),
    Route("/batches", "batches", batches.batches, VIEWER),
    Route("/batches/<int:batch_id>", "batches.one", batches.one, VIEWER),
    Route("/schedules", "schedules", schedules.schedules, VIEWER),
    Route("/schedules/<name>/pause", "schedules.pause", schedules.pause, OPERATOR, POST),
    Route("/schedules/<name>/resume", "schedules.resume", schedules.resume, OPERATOR, POST),
    Route("/schedules/<name>/run-now", "schedules.now", schedules.now, OPERATOR, POST),
    Route("/workers", "workers", workers.workers, VIEWER),
    Route("/notices", "workers.notices", notices.notices, VIEWER),
    Route("/notices/send-again", "workers.send_again", notices.send_again, OPERATOR, POST),
    Route("/trail", "trail", trail.trail, VIEWER),
    Route("/trail/<int:trail_id>/undo", "trail.undo", undo.undo, OPERATOR, POST),
    Route("/profile", "profile", profile.profile, VIEWER),
    Route("/profile", "profile.change", profile.change, VIEWER, POST),
    Route("/settings/users", "users", users.users, ADMIN),
    Route("/settings/users", "users.add", users.add, ADMIN, POST),
    Route("/settings/users/<int:user_id>/<verb>", "users.change", users.change, ADMIN, POST),
)


class Id(IntegerConverter):
    """`<int:...>`: what fits a 64-bit column; a larger number is no address of ours."""

    def __init__(self, url_map: Map, **options: Any) -> None:
        super().__init__(url_map, **{"max": 2**63 - 1} | options)


def install(app: Flask) -> None:
    """Register every line of the table with the app."""
    app.url_map.converters["int"] = Id
    for route in TABLE:
        if route.view is not None:
            app.add_url_rule(
                route.path,
                endpoint=route.endpoint,
                view_func=route.view,
                methods=[*route.methods],
                provide_automatic_options=False,
            )
    app.extensions["counterfoil_routes"] = {route.endpoint: route for route in TABLE}
