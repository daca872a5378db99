// A page that stays current: the server says "changed", the page fetches itself anew and alters what differs.
// Without the stream it polls and says so; a page that has silently stopped is the worst that can happen here.
"use strict";
(() => {
  const POLL_MS = 5000, SILENT_MS = 15000, SPREAD_MS = 30, IDLE_MS = 15 * 60000, WARN_MS = 2 * 60000, STAY_EVERY_MS = 60000;
  const byId = (id) => document.getElementById(id);
  const show = (id, yes) => { const element = byId(id); if (element) element.hidden = !yes; };

  let ended = false;
  function signedOut(source) {
    ended = true;
    if (source) source.close();
    show("signed-out", true);
    show("feed-lost", false);
    show("idle", false);
  }

  // follow(element, refreshEvery, apply, news): `element` carries data-live (the stream), data-mark (the state it shows)
  // and, where the page may stand under a form's address, data-page (its own).
  // `news` takes what the stream brings along (new rows), before the page fetches itself.
  function follow(id, refreshEveryMs, apply, news) {
    let source, lostAt = null, heardAt = Date.now(), busy = false, again = false, lastFetch = Date.now(), later = null;

    async function refresh() {
      if (ended) return;
      if (busy) { again = true; return; }
      busy = true;
      try {
        do {
          again = false;
          const answer = await fetch(byId(id).dataset.page || location.href.split("#")[0], {
            headers: { "X-Rounds-Background": "1" }, cache: "no-store", signal: AbortSignal.timeout(10000),
          });
          if (answer.status === 401 || answer.redirected) return signedOut(source);
          if (!answer.ok) throw new Error(answer.status);
          lastFetch = Date.now();
          apply(new DOMParser().parseFromString(await answer.text(), "text/html"));
        } while (again && !ended);
      } catch { lost(); } finally { busy = false; }
    }

    function lost() { if (lostAt === null && !ended) lostAt = Date.now(); }

    // Of many open pages not all ask for themselves at the same moment.
    function refreshSoon(pages) {
      if (later === null) later = setTimeout(() => { later = null; refresh(); }, Math.random() * pages * SPREAD_MS);
    }

    function changed(event) {
      heardAt = Date.now();
      let told = null;
      if (news) { try { told = JSON.parse(event.data); } catch { told = null; } }
      if (!told) return refresh();
      if (told.html) news(new DOMParser().parseFromString(told.html, "text/html"));
      refreshSoon(told.pages || 1);
    }

    function open() {
      heardAt = Date.now();
      source = new EventSource(byId(id).dataset.live);
      source.addEventListener("hello", (event) => {
        lostAt = null;
        heardAt = Date.now();
        show("feed-lost", false);
        if (event.data !== byId(id).dataset.mark) refreshSoon(1);
      });
      source.addEventListener("beat", () => { heardAt = Date.now(); });
      source.addEventListener("changed", changed);
      source.addEventListener("ended", () => signedOut(source));
      source.addEventListener("error", lost);
    }

    window.rounds.refresh = refresh;
    open();
    addEventListener("pagehide", () => source.close());
    addEventListener("pageshow", (event) => { if (event.persisted) { open(); refresh(); } });
    setInterval(() => {
      if (ended) return;
      const now = Date.now();
      if (lostAt === null && now - heardAt > SILENT_MS) { // the line is dead though nobody has said so
        lostAt = heardAt;
        source.close();
        open();
      }
      if (lostAt !== null) {
        // The server ends a stream every few minutes; the browser is back within a second, which is no loss.
        if (now - lostAt > 4000) {
          const seconds = Math.round((now - lostAt) / 1000);
          byId("feed-lost-for").textContent = seconds < 60 ? `${seconds} s` : `${Math.floor(seconds / 60)} min`;
          show("feed-lost", true);
        }
        if (now - lastFetch >= POLL_MS) refresh();
        if (source.readyState === EventSource.CLOSED) { source.close(); open(); }
      } else if (refreshEveryMs && now - lastFetch >= refreshEveryMs) refresh();
    }, 1000);
  }

  // What somebody does in any tab keeps the session alive; two minutes before its end the page says so.
  const ACTIVE = "rounds-active";
  let told = Date.now();
  try { localStorage.setItem(ACTIVE, String(told)); } catch { /* without storage each tab counts for itself */ }
  function lastActive() {
    try { return Math.max(told, Number(localStorage.getItem(ACTIVE)) || 0); } catch { return told; }
  }
  function stay() {
    if (ended || !byId("stay")) return;
    told = Date.now();
    try { localStorage.setItem(ACTIVE, String(told)); } catch { /* as above */ }
    show("idle", false);
    fetch("/stay", { method: "POST", body: new URLSearchParams(new FormData(byId("stay"))) }).catch(() => {});
  }
  for (const kind of ["pointerdown", "keydown", "wheel", "touchmove"]) {
    addEventListener(kind, (event) => {
      const asked = event.target instanceof Element && event.target.closest("#idle"); // its button says so itself
      if (!asked && Date.now() - lastActive() > STAY_EVERY_MS) stay();
    }, { passive: true, capture: true });
  }
  setInterval(() => {
    if (ended || !byId("idle")) return;
    const left = IDLE_MS - (Date.now() - lastActive());
    if (left <= 0) return signedOut(null);
    show("idle", left <= WARN_MS);
    const ends = byId("session-ends");
    if (ends && Date.parse(ends.dataset.ends) - Date.now() <= 2 * IDLE_MS) ends.hidden = false;
    if (left <= WARN_MS) byId("idle-left").textContent = left > 60000 ? "2 min" : "1 min";
  }, 5000);
  byId("idle-stay")?.addEventListener("click", stay);

  for (const form of document.querySelectorAll("form.undo")) setTimeout(() => { form.hidden = true; }, 1000 * Number(form.dataset.seconds));
  document.querySelector("[data-focus]")?.focus();
  window.rounds = { follow };
})();
