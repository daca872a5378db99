"""A whole flow on its page: all that is asked, flagged and played stands there, in both languages, under the strict policy."""

from __future__ import annotations

import aiohttp
from aiohttp.test_utils import TestServer
from markupsafe import escape

from service.db.database import Database
from service.engine.steps import HandOverStep
from service.evaluation.flows.readable import reason_words
from tests.seed import Clinic
from tests.web.conftest import Browser, HandClock, make_app, shelf_of


async def test_all_that_is_asked_and_flagged_stands_on_the_page_in_both_languages(database: Database, clinic: Clinic) -> None:
    shelf = shelf_of("heart_failure")
    flow = shelf.flows["heart_failure/daily"]
    async with (
        TestServer(make_app(database, HandClock(), shelf=shelf)) as server,
        aiohttp.ClientSession(cookie_jar=aiohttp.CookieJar(unsafe=True)) as session,
    ):
        nora = Browser(session, str(server.make_url("")).rstrip("/"))
        assert await nora.sign_in(clinic.nora) == 303
        status, text, response = await nora.get(f"/flows/{flow.key}")
    assert status == 200
    assert "<script" not in text
    assert ' style="' not in text
    assert "script-src 'self'; style-src 'self'" in response.headers["Content-Security-Policy"]
    for question in flow.questions:
        for written in (question.ask, question.ask_again, question.say):
            for form in written.values():
                assert str(escape(form.plain)) in text
                assert str(escape(form.detail)) in text
        for flag in question.red_flags:
            assert str(escape(reason_words(flag.reason))) in text
            assert str(escape(flow.sources[flag.source])) in text
    for step in flow.steps:
        if isinstance(step, HandOverStep):
            assert str(escape(reason_words(step.hand_over.reason))) in text
    cases = shelf.cases(flow.key)
    assert cases
    for case in cases:
        assert str(escape(case.name)) in text
    assert '<svg xmlns="http://www.w3.org/2000/svg"' in text
