// The telephones follow what happens; texts, keys and words are sent without leaving the page. Without this script forms do the same.
"use strict";
(() => {
  const byId = (id) => document.getElementById(id);
  const phones = byId("phones");
  const idsOf = (selector) => [...phones.querySelectorAll(selector)].map((each) => each.id);
  const ownersOf = (ids) => [...new Set(ids.map((id) => byId(id).closest(".phone").querySelector("h2").textContent))].join(", ");
  const say = (text) => { byId("say-status").textContent = text; };
  let known = new Set(idsOf(".bubble"));
  let waiting = null;
  let ringing = new Set(idsOf(".phone-ringing"));

  function apply(page) {
    const fresh = page.getElementById("phones");
    if (!fresh) return;
    const here = document.activeElement?.closest(".phonecall")?.closest(".phone");
    const focused = document.activeElement?.id;
    const live = (id) => byId(id).querySelector(".phonecall");
    const fallen = () => !document.activeElement || document.activeElement === document.body;
    // A new form token may have come with the page; what is being typed, and what was opened, stays.
    Idiomorph.morph(phones, fresh, {
      callbacks: {
        beforeAttributeUpdated: (name, node) => !(name === "value" && ["text", "words"].includes(node.name)) && !(name === "open" && node.localName === "details"),
      },
    });
    // What had the focus may be gone while the service is asked: it, or what is to be used next, gets it back once it is there.
    if (here && fallen()) waiting = { phone: here.id, id: focused };
    else if (!fallen()) waiting = null;
    const again = waiting && (byId(waiting.id) || byId(waiting.phone).querySelector(live(waiting.phone) ? "[data-next]" : "input[name=text]"));
    if (again) { again.focus(); waiting = null; }
    const added = idsOf(".bubble").filter((id) => !known.has(id)).map(byId);
    known = new Set(idsOf(".bubble"));
    const texts = added.filter((bubble) => bubble.matches(".bubble-service:not(.call-line)")).map((bubble) => bubble.id);
    const rings = idsOf(".phone-ringing").filter((id) => !ringing.has(id));
    ringing = new Set(idsOf(".phone-ringing"));
    if (rings.length) say(`The phone of ${ownersOf(rings)} is ringing`);
    else if (texts.length) say(`New text for ${ownersOf(texts)}`);
    added.filter((bubble) => bubble.matches(".phonecall .bubble-service")).forEach(readAloud);
  }

  // Off until somebody asks for it; only what is said in calls, in its own language.
  const aloud = byId("aloud");
  const speaks = () => aloud.getAttribute("aria-pressed") === "true";
  byId("aloud-row").hidden = !window.speechSynthesis;
  aloud.addEventListener("click", () => {
    aloud.setAttribute("aria-pressed", String(!speaks()));
    if (!speaks()) speechSynthesis.cancel();
  });
  function readAloud(bubble) {
    if (!speaks()) return;
    const words = bubble.querySelector(".said-words").cloneNode(true);
    words.querySelector(".hidden-text").remove();
    const utterance = new SpeechSynthesisUtterance(words.textContent.trim());
    utterance.lang = words.lang === "es" ? "es-US" : "en-US";
    speechSynthesis.speak(utterance);
  }

  // One after the other: keys must arrive in the order in which they were pressed.
  let last = Promise.resolve();
  function send(form, body) {
    const post = () => fetch(form.action, { method: "POST", body });
    last = last.then(async () => {
      let answer = await post();
      if (answer.status === 403) {
        // Somebody signed in or out in another tab of this browser, and with that the form token changed.
        const page = await fetch(location.href.split("#")[0], { headers: { "X-Rounds-Background": "1" }, cache: "no-store" });
        const fresh = new DOMParser().parseFromString(await page.text(), "text/html");
        body.set("form_token", fresh.querySelector("#phones input[name=form_token]")?.value ?? "");
        apply(fresh);
        answer = await post();
      }
      if (!answer.ok) throw new Error(answer.status);
    });
    const mine = last;
    last = last.catch(() => {});
    return mine;
  }

  phones.addEventListener("submit", async (event) => {
    const form = event.target;
    event.preventDefault();
    const body = new URLSearchParams(new FormData(form, event.submitter));
    const field = form.querySelector("input[name=text], input[name=words]");
    const typed = field && !body.get("quick") && body.get("do") !== "silence";
    if (typed && !field.value.trim()) return field.focus();
    const words = typed ? field.value : "";
    if (typed) field.value = "";
    form.querySelector(".not-sent")?.remove();
    try {
      await send(form, body);
    } catch {
      if (typed) field.value = words;
      const told = document.createElement("p");
      told.className = "not-sent small problem";
      told.textContent = "It was not sent. Try again.";
      form.append(told);
      say(told.textContent);
    }
  });

  // The keyboard's digits are the telephone's keys while the focus is in a call and not in a field.
  phones.addEventListener("keydown", (event) => {
    const call = event.target.closest(".phonecall");
    if (!call || event.target.matches("input") || event.ctrlKey || event.metaKey || event.altKey || !/^[0-9*#]$/.test(event.key)) return;
    const button = [...call.querySelectorAll(".keys button")].find((each) => each.value === event.key);
    if (button) { event.preventDefault(); button.click(); }
  });

  window.rounds.follow("phones", 0, apply);
})();
