// One item: what is read changes by itself, what is being written stays as it is.
"use strict";
(() => {
  const PARTS = ["item-head", "beside", "warnings", "why", "conversation", "calls-state", "patient", "follow-ups", "pauses"];
  const IDLE_MS = 2 * 60000, BEAT_MS = 30000;
  const byId = (id) => document.getElementById(id);
  const heard = (page) => page.querySelectorAll(".said-in").length;

  function toEnd() { const talk = byId("talk"); if (talk) talk.scrollTop = talk.scrollHeight; }

  function apply(page) {
    const talk = byId("talk"), atEnd = !talk || talk.scrollHeight - talk.scrollTop - talk.clientHeight < 80;
    const more = heard(page) - heard(document), status = byId("say-status").dataset;
    for (const id of PARTS) {
      const old = byId(id), fresh = page.getElementById(id);
      if (old && fresh && !writing(old)) Idiomorph.morph(old, fresh);
    }
    if (more > 0) byId("say-status").textContent = more === 1 ? status.one : status.more;
    if (atEnd) toEnd();
  }

  // An addendum that is being written stands in the thread: it is not swept away by what comes in.
  function writing(part) {
    return [...part.querySelectorAll("textarea")].some((area) => area.value !== "" || area === document.activeElement);
  }

  // How many texts the message takes, as the server counts them.
  const text = byId("text");
  let timer;
  text?.addEventListener("input", () => {
    clearTimeout(timer);
    timer = setTimeout(async () => {
      const form = new FormData(text.form);
      const answer = await fetch("/texts", { method: "POST", body: new URLSearchParams({ text: text.value, form_token: form.get("form_token") }) }).catch(() => null);
      if (answer?.ok && !answer.redirected) byId("text-count").textContent = text.value ? await answer.text() : "";
    }, 300);
  });

  // A ready answer goes into the box, where it can be read and changed before it leaves.
  for (const button of document.querySelectorAll("[data-ready]")) {
    button.hidden = false;
    button.addEventListener("click", () => {
      text.value = button.dataset.ready;
      text.dispatchEvent(new Event("input"));
      text.focus();
    });
  }

  // Time counts while somebody works on the page; after two minutes without a touch it stands still. The server counts, not the page.
  const clock = byId("timer");
  if (clock) {
    let touched = Date.now(), since = Date.now(), counted = Number(clock.dataset.seconds);
    // The note's minutes follow the timer until somebody has written their own, also on a page that came back with them.
    const minutes = byId("minutes");
    const proposed = () => String(Math.max(1, Math.floor(counted / 60)));
    let own = Boolean(minutes?.value) && minutes.value !== proposed();
    function propose() { if (minutes && !own) minutes.value = proposed(); }
    minutes?.addEventListener("input", () => { own = true; });
    propose();
    for (const kind of ["pointerdown", "keydown", "wheel", "touchmove"]) {
      addEventListener(kind, () => {
        if (Date.now() - touched > IDLE_MS) since = Date.now();
        touched = Date.now();
      }, { passive: true, capture: true });
    }
    async function beat() {
      const now = Date.now(), until = Math.min(now, touched + IDLE_MS);
      byId("timer-state").textContent = now > touched + IDLE_MS ? clock.dataset.paused : "";
      const seconds = (until - since) / 1000;
      if (seconds < 1) return;
      since = now;
      const body = new URLSearchParams({ seconds: String(seconds), form_token: clock.dataset.token });
      const answer = await fetch(clock.dataset.beat, { method: "POST", body, keepalive: true }).catch(() => null);
      if (!answer?.ok || answer.redirected) return;
      counted += Number(await answer.text()) || 0;
      byId("timer-minutes").textContent = String(Math.floor(counted / 60));
      propose();
    }
    setInterval(beat, BEAT_MS);
    addEventListener("submit", beat); // so that what was measured is there when a note is signed
    addEventListener("pagehide", beat);
  }

  toEnd();
  window.rounds.follow("item-head", 0, apply);
})();
