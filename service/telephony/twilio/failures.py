"""What goes wrong between us and Twilio, in the port's words: when something is made, and when something is only read."""

from __future__ import annotations

from collections.abc import Awaitable, Iterator
from contextlib import contextmanager
from typing import TypeVar

import aiohttp
from twilio.base.exceptions import TwilioException, TwilioRestException, TwilioServiceException

from service.telephony.port import PermanentFailure, ProviderError, TransientFailure, UnknownOutcome
from service.telephony.twilio import codes
from service.telephony.twilio.transport import AnswerTooLarge, NotConnected, TooManyRequests

_Found = TypeVar("_Found")

_MISREAD = (ValueError, TypeError, AttributeError, KeyError, AnswerTooLarge)
"""What the library raises over an answer that is not as it should be."""


@contextmanager
def creating() -> Iterator[None]:
    """Around one request that makes a text or a call: whatever does not say for certain that nothing was made is an unknown outcome."""
    try:
        yield
    except TooManyRequests as busy:
        raise codes.failure(429, 429, busy.retry_after_seconds) from None
    except NotConnected:
        raise TransientFailure("not_connected", "no connection to the provider, nothing was sent") from None
    except TimeoutError:
        raise UnknownOutcome("timeout", "the provider did not answer in time") from None
    except (aiohttp.ClientError, OSError):
        raise UnknownOutcome("connection_lost", "the connection broke during the request") from None
    except (TwilioRestException, TwilioServiceException) as error:
        raise codes.failure(error.code, error.status) from None
    except (TwilioException, *_MISREAD):
        raise UnknownOutcome("unreadable_answer", "the provider's answer was not understood") from None


@contextmanager
def reading() -> Iterator[None]:
    """Around requests that only read: nothing can be lost by them, so all but a refusal is transient."""
    try:
        yield
    except (TooManyRequests, NotConnected, TimeoutError, aiohttp.ClientError, OSError, TwilioException) as error:
        raise _unread(error) from None
    except _MISREAD:
        raise TransientFailure("unreadable_answer", "the provider's answer was not understood") from None


async def fetched(request: Awaitable[_Found]) -> _Found | None:
    """What was asked for by its id, None when Twilio knows no such thing; raises as `reading` does."""
    with reading():
        try:
            return await request
        except (TwilioRestException, TwilioServiceException) as error:
            if error.status == 404:
                return None
            raise


def _unread(error: Exception) -> ProviderError:
    if isinstance(error, TooManyRequests):
        return codes.failure(429, 429, error.retry_after_seconds)
    if isinstance(error, TwilioRestException | TwilioServiceException):
        failure = codes.failure(error.code, error.status)
    elif isinstance(error, TwilioException) and len(error.args) > 1:
        status = getattr(error.args[1], "status_code", 500)  # a page: the library hands over the answer itself
        failure = codes.failure(status, status)
    else:
        return TransientFailure("not_connected", "no answer from the provider")
    if isinstance(failure, PermanentFailure):
        return failure
    return TransientFailure(failure.code, failure.meaning)
