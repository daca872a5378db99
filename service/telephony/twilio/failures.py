"""What goes wrong between us and Twilio, in the port's words: when something is made, and when something is only read."""

from __future__ import annotations

from collections.abc import Awaitable, Iterator
from contextlib import contextmanager
from typing import TypeVar

import aiohttp
from twilio.base.exceptions import TwilioException, TwilioRestException, TwilioServiceException

from service.telephony.exchange import AnswerTooLarge, NotConnected, TooManyRequests
from service.telephony.port import PermanentFailure, ProviderError, TransientFailure, UnknownOutcome
from service.telephony.twilio.dialect import Dialect

_Found = TypeVar("_Found")

_MISREAD = (ValueError, TypeError, AttributeError, KeyError, AnswerTooLarge)
"""What the library raises over an answer that is not as it should be."""


@contextmanager
def creating(dialect: Dialect) -> Iterator[None]:
    """Around one request that makes a text or a call: whatever does not say for certain that nothing was made is an unknown outcome."""
    try:
        yield
    except TooManyRequests as busy:
        raise dialect.failure(429, 429, busy.retry_after_seconds) from None
    except NotConnected:
        raise TransientFailure("not_connected", "no connection to the provider, nothing was sent") from None
    except TimeoutError:
        raise UnknownOutcome("timeout", "the provider did not answer in time") from None
    except (aiohttp.ClientError, OSError):
        raise UnknownOutcome("connection_lost", "the connection broke during the request") from None
    except (TwilioRestException, TwilioServiceException) as error:
        raise dialect.failure(error.code, error.status) from None
    except (TwilioException, *_MISREAD):
        raise UnknownOutcome("unreadable_answer", "the provider's answer was not understood") from None


@contextmanager
def reading(dialect: Dialect) -> Iterator[None]:
    """Around requests that only read: nothing can be lost by them, so all but a refusal is transient."""
    try:
        yield
    except (TooManyRequests, NotConnected, TimeoutError, aiohttp.ClientError, OSError, TwilioException) as error:
        raise _unread(dialect, error) from None
    except _MISREAD:
        raise TransientFailure("unreadable_answer", "the provider's answer was not understood") from None


async def fetched(dialect: Dialect, request: Awaitable[_Found]) -> _Found | None:
    """What was asked for by its id, None when the provider knows no such thing; raises as `reading` does."""
    with reading(dialect):
        try:
            return await request
        except (TwilioRestException, TwilioServiceException) as error:
            if error.status == 404:
                return None
            raise


def _unread(dialect: Dialect, error: Exception) -> ProviderError:
    if isinstance(error, TooManyRequests):
        return dialect.failure(429, 429, error.retry_after_seconds)
    if isinstance(error, TwilioRestException | TwilioServiceException):
        failure = dialect.failure(error.code, error.status)
    elif isinstance(error, TwilioException) and len(error.args) > 1:
        status = getattr(error.args[1], "status_code", 500)  # a page: the library hands over the answer itself
        failure = dialect.failure(status, status)
    else:
        return TransientFailure("not_connected", "no answer from the provider")
    if isinstance(failure, PermanentFailure):
        return failure
    return TransientFailure(failure.code, failure.meaning)
