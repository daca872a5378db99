"""`python -m tests.faults.workers COUNT < settings.json`: nodes without pages and webhooks, of which any may be killed at any moment.

Content is loaded once; each worker is forked from this process and runs the service's own jobs. A line "kill 2" on standard input kills
worker 2 with SIGKILL, forks another in its place and answers with the dead one's process id; "stop" ends all by SIGTERM.
Each line is answered when it is done.
"""

from __future__ import annotations

import asyncio
import json
import os
import signal
import sys
import traceback
from contextlib import suppress
from typing import Any

from service.clock import SystemClock
from service.db.database import Database
from service.jobs.heartbeat import Heartbeat
from service.jobs.work import Surroundings
from service.logs import configure
from service.telephony.twilio import TwilioProvider
from tests.calls.conftest import known
from tests.story.served import KEYRING


async def work(told: dict[str, Any]) -> None:
    """One worker, until SIGTERM."""
    over = asyncio.Event()
    asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, over.set)
    signal.pthread_sigmask(signal.SIG_UNBLOCK, {signal.SIGTERM})
    database = Database.open(told["database_url"], KEYRING)
    provider = TwilioProvider(**told["twilio"])
    around = Surroundings(
        database,
        {provider.name: provider},
        known(),
        SystemClock(),
        send_rate=told["segments_per_second"],
        concurrency=told["at_once"],
    )
    heartbeat = Heartbeat(around)
    async with database.listening():
        heartbeat.start()
        await over.wait()
        await heartbeat.stop()
    await provider.close()
    await database.close()


def fork(told: dict[str, Any]) -> int:
    """A new worker; its process id."""
    signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGTERM})  # until it listens: a "stop" may follow at once
    child = os.fork()
    if child:
        signal.pthread_sigmask(signal.SIG_UNBLOCK, {signal.SIGTERM})
    else:
        sys.stdin.close()
        try:
            asyncio.run(work(told))
        except BaseException:
            traceback.print_exc()
            os._exit(1)
        os._exit(0)
    return child


def main() -> None:
    """Forks the workers and does what the lines say."""
    told = json.loads(sys.stdin.readline())
    configure("warning")
    known()  # read once, before the first fork
    workers = [fork(told) for _ in range(int(sys.argv[1]))]
    try:
        obey(workers, told)
    finally:  # also when the test has failed and says nothing more: its database may be another one's soon
        for worker in workers:
            with suppress(ProcessLookupError):
                os.kill(worker, signal.SIGKILL)


def obey(workers: list[int], told: dict[str, Any]) -> None:
    """Until "stop", or until nobody is there to say it."""
    print("ready", flush=True)
    for line in iter(sys.stdin.readline, ""):
        what, _, which = line.strip().partition(" ")
        if what == "kill":
            place = int(which)
            os.kill(workers[place], signal.SIGKILL)
            dead, status = os.waitpid(workers[place], 0)
            workers[place] = fork(told)
            print(f"killed {dead}" if os.WIFSIGNALED(status) else "had ended", flush=True)
        else:
            for worker in workers:
                os.kill(worker, signal.SIGTERM)
            ended = [os.waitpid(worker, 0)[1] for worker in workers]
            workers.clear()
            print("stopped" if not any(ended) else f"ended with {ended}", flush=True)
            return


if __name__ == "__main__":
    main()
