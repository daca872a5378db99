// One item: what is read changes by itself, what is being written stays as it is.
"use strict";
(() => {
  const PARTS = ["item-head", "warnings", "why", "conversation", "patient", "notes", "pauses", "history"];
  const byId = (id) => document.getElementById(id);
  const heard = (page) => page.querySelectorAll(".said-in").length;

  function toEnd() { const talk = byId("talk"); if (talk) talk.scrollTop = talk.scrollHeight; }

  function apply(page) {
    const talk = byId("talk"), atEnd = !talk || talk.scrollHeight - talk.scrollTop - talk.clientHeight < 80;
    const more = heard(page) - heard(document);
    for (const id of PARTS) {
      const old = byId(id), fresh = page.getElementById(id);
      if (old && fresh) Idiomorph.morph(old, fresh);
    }
    if (more > 0) byId("say-status").textContent = more === 1 ? "New message from the patient" : `${more} new messages from the patient`;
    if (atEnd) toEnd();
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

  toEnd();
  window.rounds.follow("item-head", 0, apply);
})();
