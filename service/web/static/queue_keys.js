// Single keys on the queue (only while nothing is being typed; a member of staff can switch them off), and the sound for what nobody has taken.
"use strict";
(() => {
  const byId = (id) => document.getElementById(id);
  const words = byId("words").dataset;
  const rows = () => [...document.querySelectorAll("#queue .row")].filter((row) => row.checkVisibility());
  const current = () => document.activeElement?.closest?.(".row");
  const linkOf = (row) => row?.querySelector("h2 a");

  function step(by) {
    const all = rows(), at = all.indexOf(current());
    const row = all[at < 0 ? (by > 0 ? 0 : all.length - 1) : Math.min(Math.max(at + by, 0), all.length - 1)];
    linkOf(row)?.focus();
    row?.scrollIntoView({ block: "nearest" });
  }

  const idOf = (row) => row.id.slice("item-".length);
  function snooze(row) {
    const dialog = byId("snooze-dialog");
    dialog.querySelector("form").action = `/items/${idOf(row)}/snooze`;
    dialog.querySelector("[name=version]").value = row.dataset.version; // of what was read when the key was pressed
    dialog.showModal();
  }

  const KEYS = {
    j: () => step(1),
    k: () => step(-1),
    c: (row) => row?.querySelector(".row-action form")?.requestSubmit(),
    s: (row) => { if (row) snooze(row); },
    r: (row) => { if (row) location.href = `/items/${idOf(row)}#resolve`; },
    n: () => linkOf(rows().find((row) => row.dataset.free))?.click(),
    x: (row) => { const box = row?.querySelector("input[name=chosen]"); if (box) { box.checked = !box.checked; counted(); } },
    "/": () => byId("q").focus(),
    "?": () => byId("keys-dialog").showModal(),
  };

  function typing(element) { return element.closest?.("input:not([type=checkbox]), textarea, select, [contenteditable], dialog"); }

  addEventListener("keydown", (event) => {
    if (words.keys !== "1" || event.ctrlKey || event.metaKey || event.altKey || event.defaultPrevented || typing(event.target)) return;
    if (!Object.hasOwn(KEYS, event.key)) return;
    event.preventDefault();
    KEYS[event.key](current());
  });

  byId("queue-tools").hidden = false;
  byId("keys-show")?.addEventListener("click", () => byId("keys-dialog").showModal());
  for (const button of document.querySelectorAll("dialog [data-close]")) button.addEventListener("click", () => button.closest("dialog").close());

  // How many are selected; the card opens with the first.
  function counted() {
    const n = document.querySelectorAll("input[name=chosen]:checked").length, badge = byId("many-count");
    if (!badge) return;
    badge.textContent = n;
    badge.hidden = n === 0;
    if (n) byId("many-card").open = true;
  }
  addEventListener("change", (event) => { if (event.target.name === "chosen") counted(); });

  // Sound: for unclaimed emergencies and urgent items only, one in 30 s at most; who has muted urgent ones still hears an emergency.
  const QUIET_MS = 30000;
  let context = null, last = -QUIET_MS, emergencies = Number(byId("queue").dataset.emergencies);
  function audio() {
    if (context === null && "AudioContext" in window) context = new AudioContext();
    return context;
  }
  function beep(times) {
    const now = performance.now(), out = audio();
    if (!out || now - last < QUIET_MS) return;
    if (out.state !== "running") { byId("sound-on").hidden = false; return; }
    last = now;
    for (let n = 0; n < times; n++) {
      const tone = out.createOscillator(), volume = out.createGain(), at = out.currentTime + n * 0.35;
      tone.frequency.value = n % 2 ? 660 : 880;
      volume.gain.setValueAtTime(0.0001, at);
      volume.gain.exponentialRampToValueAtTime(0.3, at + 0.03);
      volume.gain.exponentialRampToValueAtTime(0.0001, at + 0.28);
      tone.connect(volume).connect(out.destination);
      tone.start(at);
      tone.stop(at + 0.3);
    }
    document.dispatchEvent(new CustomEvent("rounds-sounded", { detail: times }));
  }
  addEventListener("pointerdown", () => audio()?.resume().then(() => { byId("sound-on").hidden = true; }));
  addEventListener("keydown", () => audio()?.resume().then(() => { byId("sound-on").hidden = true; }));
  window.rounds.ring = (urgencies) => {
    if (urgencies.includes("emergency")) beep(4);
    else if (urgencies.includes("urgent") && words.sound === "1") beep(2);
  };
  window.rounds.sounds = (now) => { emergencies = now; };
  setInterval(() => { if (emergencies > 0) beep(4); }, QUIET_MS); // an emergency that nobody has taken is not got used to
})();
