"""Requests to Telnyx's API v2 and what goes wrong with them, in the port's words."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

import aiohttp

from service.telephony.exchange import (
    TIMEOUT_SECONDS,
    USABLE_CONNECTIONS,
    Answered,
    AnswerTooLarge,
    Dated,
    Exchange,
    NotConnected,
    TooManyRequests,
)
from service.telephony.port import PermanentFailure, TransientFailure, UnknownOutcome
from service.telephony.telnyx import codes

TELNYX_API_BASE = "https://api.telnyx.com"


class Api:
    """One account, by its API key. Answers come as JSON documents."""

    def __init__(
        self,
        *,
        api_key: str,
        api_base: str = "",
        connections: int = USABLE_CONNECTIONS,
        timeout_seconds: float = TIMEOUT_SECONDS,
        dated: Dated = lambda at: None,
    ) -> None:
        """Opens nothing yet; `api_base` "" means Telnyx's own address."""
        self._base = f"{(api_base or TELNYX_API_BASE).rstrip('/')}/v2"
        self._headers = {"Authorization": f"Bearer {api_key}", "Accept": "application/json"}
        self._exchange = Exchange(connections=connections, timeout_seconds=timeout_seconds, dated=dated)

    async def create(self, path: str, body: Mapping[str, Any], *, headers: Mapping[str, str] | None = None) -> dict[str, Any]:
        """One POST of JSON that makes a text or a call; its document.

        Whatever does not say for certain that nothing was made is an UnknownOutcome. Raises the port's three failures only.
        """
        try:
            answer = await self._exchange.send("POST", self._base + path, json=dict(body), headers={**self._headers, **(headers or {})})
        except TooManyRequests as busy:
            raise codes.failure((), 429, busy.retry_after_seconds) from None
        except NotConnected:
            raise TransientFailure("not_connected", "no connection to the provider, nothing was sent") from None
        except TimeoutError:
            raise UnknownOutcome("timeout", "the provider did not answer in time") from None
        except (aiohttp.ClientError, OSError):
            raise UnknownOutcome("connection_lost", "the connection broke during the request") from None
        except (AnswerTooLarge, ValueError):
            raise UnknownOutcome("unreadable_answer", "the provider's answer was not understood") from None
        document = _document(answer)
        if not 200 <= answer.status < 300:
            raise codes.failure(_errors(document), answer.status)
        if document is None:
            raise UnknownOutcome("unreadable_answer", "the provider's answer was not understood")
        return document

    async def read(self, path: str, params: Mapping[str, str] | None = None) -> dict[str, Any] | None:
        """One GET; its document, None for what Telnyx does not know (404).

        Nothing can be lost by it, so all but a refusal is a TransientFailure; a refusal is a PermanentFailure.
        """
        return await self._ask("GET", path, params=params)

    async def change(self, path: str, form: Mapping[str, str]) -> dict[str, Any] | None:
        """One POST of a form that changes something in a way that may be repeated; otherwise as `read`."""
        return await self._ask("POST", path, form=form)

    async def _ask(
        self, method: str, path: str, *, params: Mapping[str, str] | None = None, form: Mapping[str, str] | None = None
    ) -> dict[str, Any] | None:
        try:
            answer = await self._exchange.send(method, self._base + path, params=params, form=form, headers=self._headers)
        except TooManyRequests as busy:
            raise codes.failure((), 429, busy.retry_after_seconds) from None
        except (NotConnected, TimeoutError, aiohttp.ClientError, OSError):
            raise TransientFailure("not_connected", "no answer from the provider") from None
        except (AnswerTooLarge, ValueError):
            raise TransientFailure("unreadable_answer", "the provider's answer was not understood") from None
        if answer.status == 404:
            return None
        document = _document(answer)
        if not 200 <= answer.status < 300:
            failure = codes.failure(_errors(document), answer.status)
            raise failure if isinstance(failure, PermanentFailure) else TransientFailure(failure.code, failure.meaning)
        if document is None:
            raise TransientFailure("unreadable_answer", "the provider's answer was not understood")
        return document

    async def close(self) -> None:
        """Frees the connections."""
        await self._exchange.close()


def _document(answer: Answered) -> dict[str, Any] | None:
    try:
        document = json.loads(answer.text)
    except (ValueError, RecursionError):
        return None
    return document if isinstance(document, dict) else None


def _errors(document: dict[str, Any] | None) -> list[Any]:
    errors = (document or {}).get("errors")
    return errors if isinstance(errors, list) else []
