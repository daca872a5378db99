// The open queue: emergencies are inserted at once; anything that would move the row under the pointer or the focus waits
// behind a bar until the nurse asks for it or turns elsewhere. Other rows change in place.
"use strict";
(() => {
  const byId = (id) => document.getElementById(id);
  const rowsOf = (queue) => [...queue.querySelectorAll(".row")];
  const idsOf = (queue) => rowsOf(queue).map((row) => row.id);
  let pointed = null, waiting = null;
  const announced = new Set(idsOf(byId("queue")));

  const list = byId("queue");
  list.addEventListener("pointermove", (event) => { pointed = event.pointerType === "mouse" ? event.target.closest(".row")?.id : null; });
  list.addEventListener("pointerleave", () => { pointed = null; settle(); });
  list.addEventListener("focusout", () => setTimeout(settle, 200));
  byId("held-show").addEventListener("click", () => { insert(waiting); byId("rows")?.querySelector("a")?.focus(); });

  function attended() {
    const focused = document.activeElement?.closest?.(".row")?.id;
    return [pointed, focused].filter((id) => id && byId(id));
  }

  function wouldMove(id, before, after) {
    const now = before.slice(0, before.indexOf(id)), then = after.slice(0, after.indexOf(id));
    return !after.includes(id) || now.join() !== then.join();
  }

  function apply(page) {
    const fresh = page.getElementById("queue");
    if (!fresh) return;
    const before = idsOf(list), after = idsOf(fresh);
    const added = after.filter((id) => !before.includes(id));
    const emergency = added.some((id) => page.getElementById(id).dataset.urgency === "emergency");
    announce(page, after);
    if (!emergency && attended().some((id) => wouldMove(id, before, after))) return hold(page, before, after, added);
    insert(page);
  }

  function hold(page, before, after, added) {
    waiting = page;
    for (const id of before) {
      const row = page.getElementById(id);
      if (row) Idiomorph.morph(byId(id), row.cloneNode(true));
      else byId(id).classList.add("gone");
    }
    Idiomorph.morph(list.querySelector(".tabs"), page.querySelector(".tabs").cloneNode(true));
    list.dataset.mark = page.getElementById("queue").dataset.mark;
    byId("held-show").textContent = added.length ? `${added.length} new - show` : "The order has changed - show";
    byId("held").hidden = false;
  }

  function insert(page) {
    if (!page) return;
    waiting = null;
    byId("held").hidden = true;
    Idiomorph.morph(list, page.getElementById("queue"));
    const emergencies = Number(list.dataset.emergencies);
    document.title = (emergencies ? `(${emergencies} emergency) ` : "") + "Queue - Rounds";
  }

  function settle() { if (waiting && !attended().length) insert(waiting); }

  function announce(page, ids) {
    const fresh = ids.filter((id) => !announced.has(id));
    fresh.forEach((id) => announced.add(id));
    const words = (id) => `${page.getElementById(id).querySelector("h2").textContent.trim()}: ${page.getElementById(id).querySelector(".concern").textContent.trim()}`;
    const emergencies = fresh.filter((id) => page.getElementById(id).dataset.urgency === "emergency");
    if (emergencies.length) byId("say-alert").textContent = `New emergency. ${emergencies.map(words).join(". ")}`;
    const others = fresh.length - emergencies.length;
    if (others) byId("say-status").textContent = others === 1 ? "1 new item in the queue" : `${others} new items in the queue`;
  }

  window.rounds.follow("queue", 30000, apply);
})();
