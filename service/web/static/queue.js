// The open queue. New rows come with the stream and go where they belong; whatever would move the row under the pointer or the
// focus waits behind a bar until the nurse asks for it or turns elsewhere. Other rows change in place.
"use strict";
(() => {
  const byId = (id) => document.getElementById(id);
  const list = byId("queue"), words = byId("words").dataset;
  const rowsOf = (part) => [...part.querySelectorAll(".row")];
  const idsOf = (part) => rowsOf(part).map((row) => row.id);
  const said = (text, n) => text.replace("{n}", n);
  const announced = new Set(idsOf(list));
  let pointed = null, waiting = null, asked = false; // asked: the nurse wants to see what waits; the first row gets the focus
  const held = new Map(); // id -> urgency of new rows that are not shown yet

  list.addEventListener("pointermove", (event) => { pointed = event.pointerType === "mouse" ? event.target.closest(".row")?.id : null; });
  list.addEventListener("pointerleave", () => { pointed = null; settle(); });
  for (const left of [list, byId("held")]) left.addEventListener("focusout", () => setTimeout(settle, 200));
  byId("held-show").addEventListener("click", () => { pointed = null; asked = true; insert(waiting); });

  // Whoever has come from a row to the bar by keyboard keeps it until it is pressed or left.
  function choosing() { return !byId("held").hidden && document.activeElement === byId("held-show"); }

  function attended() {
    const focused = document.activeElement?.closest?.(".row")?.id;
    return [pointed, focused].filter((id) => id && byId(id));
  }

  function wouldMove(id, before, after) {
    const now = before.slice(0, before.indexOf(id)), then = after.slice(0, after.indexOf(id));
    return !after.includes(id) || now.join() !== then.join();
  }

  // What a nurse has ticked or opened stays so.
  function keep(part) {
    for (const box of list.querySelectorAll("input[name=chosen]:checked")) {
      const same = part.querySelector(`input[name=chosen][value="${box.value}"]`);
      if (same) same.setAttribute("checked", "");
    }
    for (const open of list.querySelectorAll(".storm details[open]")) {
      part.querySelector(`#${open.parentElement.id} details`)?.setAttribute("open", "");
    }
  }

  function apply(page) {
    const fresh = page.getElementById("queue");
    if (!fresh) return;
    keep(fresh);
    const before = idsOf(list), after = idsOf(fresh);
    announce(rowsOf(fresh));
    if (choosing() || attended().some((id) => wouldMove(id, before, after))) return hold(page, before, after);
    insert(page);
  }

  // New rows from the stream, each with its place in the order.
  function news(page) {
    const rows = rowsOf(page);
    announce(rows);
    if (rows.length) waiting = null; // older than they are
    const token = document.querySelector("#stay input[name=form_token]")?.value || "";
    let moved = false;
    for (const row of rows) {
      for (const field of row.querySelectorAll("input[name=form_token]")) field.value = token;
      const old = byId(row.id);
      if (old && old.dataset.order === row.dataset.order) { Idiomorph.morph(old, row.cloneNode(true)); continue; }
      const place = placeOf(row);
      if (place === undefined) continue; // behind the last row of this page
      if (attended().length && blocks(place)) { held.set(row.id, row.dataset.urgency); continue; }
      old?.remove();
      if (byId("rows")) byId("rows").insertBefore(row, place);
      else { const fresh = document.createElement("ol"); fresh.id = "rows"; fresh.className = "rows"; fresh.append(row); byId("empty")?.replaceWith(fresh); }
      moved = true;
    }
    if (held.size) bar();
    if (moved) say();
  }

  function placeOf(row) {
    const all = [...(byId("rows")?.children || [])];
    const next = all.find((one) => (one.dataset.order || one.querySelector(".row")?.dataset.order || "~") > row.dataset.order);
    return next || (list.dataset.more ? undefined : null);
  }

  function blocks(place) {
    const top = [...(byId("rows")?.children || [])], at = place ? top.indexOf(place) : top.length;
    return attended().some((id) => top.findIndex((one) => one.contains(byId(id))) >= at);
  }

  function hold(page, before, after) {
    waiting = page;
    asked = false;
    held.clear();
    for (const id of after) if (!before.includes(id)) held.set(id, page.getElementById(id).dataset.urgency);
    for (const id of before) {
      const row = page.getElementById(id);
      if (row) Idiomorph.morph(byId(id), row.cloneNode(true));
      else byId(id).classList.add("gone");
    }
    Idiomorph.morph(list.querySelector(".tabs"), page.querySelector(".tabs").cloneNode(true));
    const fresh = page.getElementById("queue").dataset;
    for (const name of ["mark", "emergencies", "urgent"]) list.dataset[name] = fresh[name];
    bar();
    say();
  }

  // "3 new, 1 urgent - show"
  function bar() {
    const count = (urgency) => [...held.values()].filter((one) => one === urgency).length;
    const parts = held.size ? [said(words.new, held.size)] : [words.order];
    if (count("emergency")) parts.push(said(count("emergency") === 1 ? words.emergency : words.emergencies, count("emergency")));
    if (count("urgent")) parts.push(said(words.urgent, count("urgent")));
    byId("held-show").textContent = `${parts.join(", ")} - ${words.show}`;
    byId("held").classList.toggle("held-emergency", count("emergency") > 0);
    byId("held").hidden = false;
  }

  // Without a page that holds them all, the page is fetched first and comes back here.
  function insert(page) {
    waiting = null;
    held.clear();
    byId("held").hidden = true;
    if (!page) return window.rounds.refresh?.();
    Idiomorph.morph(list, page.getElementById("queue"));
    if (asked && [document.body, byId("held-show")].includes(document.activeElement)) byId("rows")?.querySelector("h2 a")?.focus();
    asked = false;
    say();
  }

  function settle() { if (!byId("held").hidden && !choosing() && !attended().length) insert(waiting); }

  // The title carries what nobody has taken yet.
  function say() {
    const emergencies = Number(list.dataset.emergencies), urgent = Number(list.dataset.urgent);
    const count = emergencies ? said(emergencies === 1 ? words.emergency : words.emergencies, emergencies) : urgent ? said(words.urgent, urgent) : "";
    document.title = (count ? `(${count}) ` : "") + `${words.title} - Rounds`;
    window.rounds.sounds?.(emergencies, urgent);
  }

  function announce(rows) {
    const fresh = rows.filter((row) => !announced.has(row.id));
    fresh.forEach((row) => announced.add(row.id));
    const what = (row) => `${row.querySelector("h2").textContent.trim()}: ${row.querySelector(".concern").textContent.trim()}`;
    const emergencies = fresh.filter((row) => row.dataset.urgency === "emergency");
    if (emergencies.length) byId("say-alert").textContent = `${words.newEmergency} ${emergencies.map(what).join(". ")}`;
    const others = fresh.length - emergencies.length;
    if (others) byId("say-status").textContent = said(others === 1 ? words.newItem : words.newItems, others);
    if (list.dataset.tab !== "done") window.rounds.ring?.(fresh.filter((row) => row.dataset.free).map((row) => row.dataset.urgency));
  }

  window.rounds.follow("queue", 30000, apply, news);
})();
