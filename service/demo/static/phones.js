// The telephones follow what happens; a text is sent without leaving the page. Without this script forms do the same.
"use strict";
(() => {
  const byId = (id) => document.getElementById(id);
  const phones = byId("phones");
  const textsOf = (page) => [...page.querySelectorAll(".bubble-service")].map((bubble) => bubble.id);
  let known = new Set(textsOf(phones));

  function apply(page) {
    const fresh = page.getElementById("phones");
    if (!fresh) return;
    // A new form token may have come with the page; what is being typed stays.
    Idiomorph.morph(phones, fresh, {
      callbacks: { beforeAttributeUpdated: (name, node) => !(name === "value" && node.name === "text") },
    });
    const added = textsOf(phones).filter((id) => !known.has(id));
    known = new Set(textsOf(phones));
    const owners = new Set(added.map((id) => byId(id).closest(".phone").querySelector("h2").textContent));
    if (owners.size) byId("say-status").textContent = `New text for ${[...owners].join(", ")}`;
  }

  phones.addEventListener("submit", async (event) => {
    const form = event.target;
    event.preventDefault();
    const body = new URLSearchParams(new FormData(form, event.submitter));
    const field = form.querySelector("input[name=text]");
    const typed = field && !body.get("quick");
    if (typed && !field.value.trim()) return field.focus();
    if (typed) field.value = "";
    try {
      const answer = await fetch(form.action, { method: "POST", body });
      if (!answer.ok) throw new Error(answer.status);
    } catch {
      if (typed) field.value = body.get("text");
      byId("say-status").textContent = "The text was not sent. Try again.";
    }
  });

  window.rounds.follow("phones", 0, apply);
})();
