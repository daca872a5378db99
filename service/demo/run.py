"""The demo from an empty folder to a running application: the real service, with the simulator as its provider."""

from __future__ import annotations

import json
from datetime import timedelta
from pathlib import Path

from aiohttp import web

from service.app import create_app
from service.clock import Clock, SystemClock
from service.content import Content, load_content
from service.db import clinic, migrate
from service.db.database import Database
from service.db.encryption import Keyring, new_key
from service.db.talk import LiveCall, live_calls, opted_out_numbers, said_since
from service.demo.cast import PASSWORD, SENDER, STAFF
from service.demo.laid_out import lay_out, take_up
from service.demo.phones import PhonesPage
from service.demo.seed import seed
from service.providers import Carrier
from service.settings import Settings
from service.telephony.simulator import Simulator, build

LAID_OUT = timedelta(days=6)
"""How far back texts and calls lie on the telephones when the demo starts."""
SEND_RATE = 50.0


class Demo:
    """One demo in one folder: `await prepare()`, then `app()`."""

    def __init__(self, folder: Path, address: str, *, clock: Clock | None = None, content: Content | None = None) -> None:
        """`address`: where browsers and the simulator's webhooks reach it, such as http://127.0.0.1:8080.

        Raises ContentError, unless the content is passed, when a flow or wording file is wrong.
        """
        self.address = address
        self.staff = STAFF
        self.password = PASSWORD
        self._clock = clock or SystemClock()
        self._folder = folder.absolute()
        self._content = content or load_content()
        self._settings = Settings(
            database_url=f"sqlite+aiosqlite:///{self._folder / 'demo.sqlite3'}",
            public_base_url=address,
            keyring=self._keyring(),
            send_rate=SEND_RATE,
            port=0,
            second_factor_required=False,  # whoever tries it signs in with the password that the demo prints
        )
        self.simulator: Simulator = build(public_base_url=address, sender=SENDER, now=self._clock.now)
        self._live: list[LiveCall] = []

    async def prepare(self) -> None:
        """Migrates and fills the database unless that was done before, and lays the newest texts and calls on the telephones."""
        await migrate.upgrade(self._settings.database_url)
        database = Database.open(self._settings.database_url, self._settings.keyring)
        now = self._clock.now()
        try:
            async with database.reading() as connection:
                known = await clinic.list_organizations(connection)
            organization_id = known[0].id if known else await seed(database, self._content.flows, now)
            async with database.reading() as connection:
                said = await said_since(connection, organization_id, now - LAID_OUT)
                silenced = await opted_out_numbers(connection, organization_id)
                self._live = await live_calls(connection, organization_id)
        finally:
            await database.close()
        lay_out(self.simulator.phones, said, silenced, self._live)

    def app(self) -> web.Application:
        """The whole service with the telephones' page; calls that were live when it ended go on once it has started."""
        page = PhonesPage(self.simulator.phones, self.simulator.telephone)
        app = create_app(
            self._settings,
            clock=self._clock,
            content=self._content,
            through=[Carrier(self.simulator.provider, self.simulator.receiver, self.simulator.telephone, self.simulator.voice)],
            extra_routes=page.routes(),
        )
        app.on_startup.append(self._take_up)
        return app

    async def _take_up(self, app: web.Application) -> None:
        take_up(self.simulator, self._live)

    def _keyring(self) -> Keyring:
        """The folder's keys, made at the first start and readable by this user only."""
        path = self._folder / "keys.json"
        if not path.exists():
            path.touch(mode=0o600)
            path.write_text(json.dumps({"encryption_keys": f"demo:{new_key()}", "index_key": new_key()}), encoding="utf-8")
        keys = json.loads(path.read_text(encoding="utf-8"))
        return Keyring.parse(keys["encryption_keys"], keys["index_key"])
