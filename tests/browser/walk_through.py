"""The walk of docs/walkthrough.md: a nurse who has never seen Rounds finds and resolves the most dangerous of 60 items, hands over what
she holds, and reads what is still open. Driven by what stands on the pages alone; pictures are taken on the way."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from datetime import UTC, datetime, timedelta

from playwright.async_api import Page, expect

from service.db.database import Database
from service.domain.escalation import Reached
from service.domain.urgency import Urgency
from tests.actions.crew import crew_of
from tests.seed import PASSWORD, Clinic, Person, seed_item, seed_patient

Shoot = Callable[[Page, str], Awaitable[None]]
FIRST = ("Ada", "Bao", "Cy", "Dee", "Eli", "Flo", "Gil", "Hua", "Ira", "Joy")
LAST = ("Arden", "Birch", "Cole", "Dunn", "Egan", "Ford")
HOLDS = 3
"""Items that the nurse has in her hands at the end of her shift."""
KINDS = (
    (1, Urgency.EMERGENCY, "Chest pain", "my chest feels tight and I am sweating", "my chest feels tight", 15),
    (5, Urgency.URGENT, "Swelling of the legs", "my ankles are huge since yesterday", "my ankles are huge", 60),
    (14, Urgency.SAME_DAY, "Missed doses", "I ran out of my pills on Monday", "ran out of my pills", 240),
    (40, Urgency.ROUTINE, "A question about an appointment", "can I come on Thursday instead", "", 2880),
)
"""How many, how urgent, why, the patient's words, what is marked in them, due in so many minutes."""


async def sixty_items(database: Database, clinic: Clinic) -> None:
    """60 patients of one team, each with one open item; the emergency is among the last that came in."""
    now = datetime.now(UTC)
    await crew_of(database, clinic, now)
    people: list[Person] = []
    async with database.transaction() as connection:
        for n, (first, last) in enumerate((first, last) for last in LAST for first in FIRST):
            who = f"{first} {last}", f"+1202555{110 + n:04}"
            people.append(await seed_patient(connection, clinic.organization_id, clinic.team_a, now, *who))
    kinds = [kind for kind in reversed(KINDS) for _ in range(kind[0])]
    for n, (person, (_, urgency, reason, words, marked, minutes)) in enumerate(zip(people, kinds, strict=True)):
        came = now - timedelta(minutes=(60 - n) / 4)
        reached = Reached.NOT_REACHED if urgency is Urgency.EMERGENCY else Reached.NONE_NEEDED
        of_it = {"words": words, "highlight": marked, "urgency": urgency, "reason": reason}
        await seed_item(database, person, came, due_in=timedelta(minutes=minutes), reached=reached, **of_it)  # type: ignore[arg-type]


async def sign_in(page: Page, base: str, email: str) -> None:
    """By what stands on the page."""
    await page.goto(f"{base}/sign-in")
    await page.get_by_label("E-mail address").fill(email)
    await page.get_by_label("Password").fill(PASSWORD)
    await page.get_by_role("button", name="Sign in").click()
    await page.wait_for_url("**/queue")


async def walk(nora: Page, omar: Page, base: str, clinic: Clinic, shoot: Shoot) -> str:
    """The whole walk, Nora's part and then Omar's; the name of the patient who was found to be the most dangerous."""
    await sign_in(nora, base, clinic.nora.email)
    first = nora.locator("#rows > .row").first
    await expect(first).to_contain_text("Emergency")
    box, window = await first.bounding_box(), nora.viewport_size
    assert box is not None
    assert window is not None
    assert box["y"] + box["height"] <= window["height"], "the most dangerous is not on the screen without scrolling"
    await shoot(nora, "walk-queue")
    name = (await first.locator("h2 a").inner_text()).strip()
    await first.get_by_role("button", name="Claim").click()
    await nora.wait_for_url("**/items/*")
    await expect(nora.locator("#why mark").first).to_have_text("my chest feels tight")
    await shoot(nora, "walk-why")
    await nora.get_by_role("button", name="Reached the patient").click()
    await _close(nora, shoot)
    await expect(nora.get_by_text("Closed. The next item is on top of the list.")).to_be_visible()
    for _ in range(HOLDS):
        await nora.locator("#rows > .row").first.get_by_role("button", name="Claim").click()
        await nora.wait_for_url("**/items/*")
        await nora.goto(f"{base}/queue")
    await _hand_over(nora, base, shoot)
    await sign_in(omar, base, clinic.omar.email)
    await _accept(omar, base)
    await nora.goto(f"{base}/queue?tab=mine")
    await expect(nora.locator("#rows > .row")).to_have_count(0)
    await nora.goto(f"{base}/queue?tab=team")
    await expect(nora.locator("#tab-team .count")).to_have_text("59")
    await shoot(nora, "walk-open")
    return name


async def _close(page: Page, shoot: Shoot) -> None:
    """The encounter note of an emergency, by choosing alone, and the signature."""
    for concern in await page.locator("#answers input[type=checkbox]").all():
        await concern.check()
    chosen = {"spoke_to": "patient", "place": "home", "finding": "worse", "disposition": "emergency_services", "teach_back": "correct"}
    chosen |= {"agreement": "agrees", "notified": "prescriber"}
    several = {"identifiers": ("name", "birth_date"), "denied": ("fainting",), "advice": ("call_911_if_worse",)}
    for field, code in [*chosen.items(), *((field, code) for field, codes in several.items() for code in codes)]:
        await page.locator(f'#close input[name="{field}"][value="{code}"]').check()
    await page.locator("#close").evaluate("(here) => scrollTo(0, here.getBoundingClientRect().top + scrollY - 12)")
    await shoot(page, "walk-note")
    await page.get_by_role("button", name="Sign and close").click()
    await page.wait_for_url("**/queue")


async def _hand_over(nora: Page, base: str, shoot: Shoot) -> None:
    """Ending the shift is refused while urgent items are in hand; they are offered to Omar."""
    await nora.goto(f"{base}/hand-over")
    await nora.get_by_role("button", name="End my shift").click()
    await expect(nora.get_by_role("heading", name="Your shift cannot end yet")).to_be_visible()
    await nora.goto(f"{base}/hand-over")
    await nora.get_by_label("Who takes it over").select_option(label="Omar")
    await shoot(nora, "walk-hand-over")
    await nora.get_by_role("button", name="Offer what is ticked").click()
    await expect(nora.get_by_text(f"{HOLDS} lines are offered.")).to_be_visible()


async def _accept(omar: Page, base: str) -> None:
    """One by one."""
    await omar.goto(f"{base}/hand-over")
    accept = omar.get_by_role("button", name="I take it over")
    for left in range(HOLDS, 0, -1):
        await expect(accept).to_have_count(left)
        await accept.first.click()
    await expect(accept).to_have_count(0)
