"""`python -m examples.shop serve | service | traffic`: the shop, the service it calls, its demo traffic."""

import os
import signal
import threading

import click


@click.group()
def main() -> None:
    """The example shop."""


@main.command()
@click.option("--port", default=8021, show_default=True)
def serve(port: int) -> None:
    """Serve the shop on this machine until TERM or Ctrl-C."""
    from werkzeug.serving import WSGIRequestHandler, make_server

    class Quiet(WSGIRequestHandler):
        """Writes no line for a request; errors still are."""

        def log_request(self, code: int | str = "-", size: int | str = "-") -> None:
            """Not written."""

    os.environ.setdefault("SHOP_URL", f"http://127.0.0.1:{port}")
    from .app import create_app

    server = make_server("127.0.0.1", port, create_app(), threaded=True, request_handler=Quiet)

    def stop(*_: object) -> None:
        # shutdown() waits for serve_forever, which runs in the thread that the signal interrupts.
        threading.Thread(target=server.shutdown).start()

    signal.signal(signal.SIGTERM, stop)
    signal.signal(signal.SIGINT, stop)
    print(f"shop on http://127.0.0.1:{port}", flush=True)
    server.serve_forever()


@main.command()
@click.option("--port", default=8022, show_default=True, help="The next one takes the weather.")
def service(port: int) -> None:
    """The fulfilment service."""
    from .service import run

    try:
        run(port)
    except OSError as error:
        raise click.ClickException(f"port {port} or {port + 1}: {error.strerror}") from None


@main.command()
@click.option("--url", default="http://127.0.0.1:8021", show_default=True, help="Of the shop.")
@click.option("--seed", default=8020, show_default=True)
@click.option("--visitors/--no-visitors", envvar="SHOP_VISITORS", default=True, help="None: a quiet shop.")
def traffic(url: str, seed: int, visitors: bool) -> None:
    """Customers, orders and forms: some hundred at the start, then now and then one."""
    if not visitors:
        return
    from .traffic import Traffic
    from .visitor import Visitor

    def stop(*_: object) -> None:
        raise SystemExit(0)

    signal.signal(signal.SIGTERM, stop)
    signal.signal(signal.SIGINT, stop)
    Traffic(Visitor(url), seed).run()


if __name__ == "__main__":
    main(prog_name="python -m examples.shop")
