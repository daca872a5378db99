from service.db.database import Database
from tests.seed import Clinic, seed_item
from tests.web.conftest import NOW, NewBrowser


async def test_story(browse: NewBrowser, clinic: Clinic, database: Database) -> None:
    item = await seed_item(database, clinic.chi, NOW)
    nora = await browse(clinic.nora)
    status, text, _ = await nora.get("/queue")
    assert status == 200
    assert "Chi Chen" in text
    status, text, _ = await nora.get(f"/items/{item}")
    assert status == 200, text
    assert "<mark>my ankles are huge</mark>" in text
    status, _, r = await nora.post(f"/items/{item}/claim", page=f"/items/{item}")
    assert status == 303
    status, text, _ = await nora.get(f"/items/{item}")
    assert "You have this item" in text
