"""rounds serve: the whole service in one process."""

from __future__ import annotations

import argparse
import asyncio
import dataclasses
import errno
import socket
from functools import partial
from typing import Any

from aiohttp import web

from service import logs
from service.commands import waiting
from service.commands.surroundings import CLOCK, UserError, opened, settings
from service.db import rota, tenants
from service.domain.ladder import DEFAULTS, could_end_with_nobody
from service.settings import Settings

HANDLERS_SECONDS = 5.0
"""How long a request under way may last once the service is told to stop, and as long again once it is cancelled. A webhook has a second;
the jobs wind down at the same time (`jobs.heartbeat.DRAIN_SECONDS`), so that all is over well before a service manager's patience is."""


def add_parsers(commands: Any) -> None:
    """Declares the command."""
    serve = commands.add_parser(
        "serve",
        help="run the service",
        description="Runs pages, webhooks and jobs until it is told to stop (Ctrl-C or SIGTERM). Needs the settings of deploy/example.env.",
    )
    serve.add_argument("--port", type=port_number, help="instead of PORT")
    serve.add_argument("--host", help="address to listen on, instead of HOST (127.0.0.1)")
    serve.set_defaults(run_blocking=run_serve)


def run_serve(arguments: argparse.Namespace) -> None:
    """Serves until stopped, first waiting for a database that cannot be asked just now. Raises UserError for a taken port, and what
    settings, database and content raise."""
    from service.app import create_app  # takes a second, which other commands need not wait for

    config = settings()
    host = arguments.host or config.host
    port = config.port if arguments.port is None else arguments.port
    config = dataclasses.replace(config, host=host, port=port)
    logs.configure(config.log_level)
    gone = asyncio.run(waiting.answers(partial(check, config)))
    app = create_app(config)
    listener = listen(host, port)
    if gone is not None and not asyncio.run(waiting.wait(app, listener, partial(check, config), gone)):
        return
    serve(app, listener, f"Rounds serves {config.public_base_url} on {host}, port {listener.getsockname()[1]}. Stop it with Ctrl-C.")


async def check(config: Settings) -> None:
    """Whether the database is one to serve: NotMigrated and KeyringError unless schema and keys are its own, NotApart unless it can hold
    pages to one organization, and its own error when it cannot be written. Raises UserError when a team's ladder could end with nobody:
    an emergency might page no one (safety rules 20, 40)."""
    async with opened(config) as database, database.transaction() as connection:
        await tenants.check(connection)
        crews = await rota.crews(connection, await rota.team_ids(connection), CLOCK.now())
    for crew in crews.values():
        for urgency in DEFAULTS:
            if why := could_end_with_nobody(crew, urgency):
                raise UserError(f"Rounds does not start: {why} (rounds staff paging, rounds ladder set; see rounds who)")


def port_number(text: str) -> int:
    """A port from 0 (any free one) to 65535."""
    if not (text.isascii() and text.isdigit() and int(text) <= 65535):
        raise argparse.ArgumentTypeError("is no port: write a number from 0 to 65535")
    return int(text)


def listen(host: str, port: int) -> socket.socket:
    """A socket that listens, taken before anything else starts. Raises UserError in one line when it cannot be had."""
    try:
        family = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)[0][0]
        listener = socket.socket(family, socket.SOCK_STREAM)
    except OSError:
        raise UserError("the address to listen on is not known: write one such as 127.0.0.1 or 0.0.0.0") from None
    try:
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listener.bind((host, port))
        listener.listen(512)
    except OSError as error:
        listener.close()
        raise UserError(_why_not(error, port)) from None
    listener.setblocking(False)
    return listener


def _why_not(error: OSError, port: int) -> str:
    if error.errno == errno.EADDRINUSE:
        return f"port {port} is taken by another program: stop it, or choose another port with --port"
    if error.errno == errno.EACCES:
        return f"port {port} needs more rights: choose one above 1023 with --port"
    return f"cannot listen on port {port} ({error.strerror}): is the address one of this machine's?"


def serve(app: web.Application, listener: socket.socket, greeting: str) -> None:
    """Runs the application until SIGINT or SIGTERM; the greeting is printed once it answers."""

    def greet(*_: Any) -> None:
        print(greeting, flush=True)

    web.run_app(app, sock=listener, print=greet, access_log=None, shutdown_timeout=HANDLERS_SECONDS)
