"""The one table of Twilio's error codes: what kind of failure, what follows from it, and what it means in plain words.

A code arrives in the HTTP error of a create or later as ErrorCode of a status callback; both read this table. Source: Twilio's
error dictionary as checked in November 2026. A code that is not here is loud: it is logged as `unknown provider code`.
"""

from __future__ import annotations

from service.telephony.meaning import DAY, HOUR, Kind, Meaning, permanent, transient

CODES: dict[int, Meaning] = {
    # Not processed: again after a pause.
    20429: transient("too many requests, not processed"),
    21611: transient("the sender's queue is full"),
    30001: transient("the queue overflowed"),
    30017: transient("the carrier's network is congested"),
    30022: transient("the sender's rate limit was exceeded"),
    30410: transient("the carrier timed out"),
    63010: transient("the channel had an internal error"),
    63012: transient("the channel's provider had an internal error"),
    63018: transient("the channel's rate limit was exceeded"),
    30023: transient("the daily limit of this sender is reached", DAY),
    30027: transient("the carrier's daily limit is reached", DAY),
    # A few more tries hours apart, then another channel.
    30003: transient("the handset is switched off or out of reach", 2 * HOUR),
    30008: transient("the carrier gave no reason", 2 * HOUR),
    # Perhaps processed: look before sending again.
    20500: Meaning(Kind.UNKNOWN, "", "the provider had an internal error"),
    20503: Meaning(Kind.UNKNOWN, "", "the provider was unavailable"),
    # The number.
    21211: permanent("invalid_number", "the number is not valid"),
    21217: permanent("invalid_number", "the number is not valid"),
    21401: permanent("invalid_number", "the number is not valid"),
    21421: permanent("invalid_number", "the number is not valid"),
    21604: permanent("invalid_number", "the recipient's number is missing"),
    21612: permanent("not_mobile", "no route for texts from this sender to this number"),
    21614: permanent("not_mobile", "the number cannot receive texts"),
    30006: permanent("not_mobile", "a landline or a carrier that cannot be reached"),
    21214: permanent("invalid_number", "the number cannot be called"),
    21216: permanent("configuration", "this account may not call the number"),
    21210: permanent("configuration", "the number to call from is not ours or not verified"),
    30005: permanent("recycled", "the handset is unknown: the number may have a new owner"),
    # The person's own no.
    21610: permanent("opted_out", "the recipient has opted out at the provider"),
    30004: permanent("", "the text was blocked"),
    63033: permanent("", "the recipient has blocked this sender"),
    # The text.
    30007: permanent("filtered", "filtered by the carrier"),
    21602: permanent("content", "the text is empty"),
    21617: permanent("content", "the text is too long"),
    21619: permanent("content", "the text has neither body nor media"),
    21620: permanent("content", "the media address is not valid"),
    21623: permanent("content", "too many media files"),
    30019: permanent("content", "the content is too large for the carrier"),
    30036: permanent("validity_over", "the validity period ended before delivery"),
    # Our set-up: stop and alert.
    20003: permanent("configuration", "the credentials are refused"),
    20005: permanent("configuration", "the account is not active"),
    20404: permanent("configuration", "the account or address does not exist"),
    21212: permanent("configuration", "the sender is not valid"),
    21215: permanent("configuration", "the region is not permitted for this account"),
    21219: permanent("configuration", "a trial account may only reach verified numbers"),
    21408: permanent("configuration", "texts to this region are not permitted"),
    21603: permanent("configuration", "the sender is missing"),
    21606: permanent("configuration", "the sender cannot send texts or is not ours"),
    21608: permanent("configuration", "a trial account may only reach verified numbers"),
    21609: permanent("configuration", "the status callback address is not valid"),
    21701: permanent("configuration", "the messaging service does not exist"),
    21703: permanent("configuration", "the messaging service has no senders"),
    21704: permanent("configuration", "the messaging service has no senders"),
    21705: permanent("configuration", "the messaging service is not valid"),
    30002: permanent("configuration", "the account is suspended"),
    30018: permanent("configuration", "the destination requires a registered sender"),
    30024: permanent("configuration", "the sender is not registered at the carrier"),
    30032: permanent("configuration", "the toll-free number is not verified"),
    30034: permanent("configuration", "the number is not registered for A2P traffic"),
    30035: permanent("configuration", "the number is still being set up"),
}
