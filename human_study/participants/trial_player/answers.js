// Keeps what is typed and chosen in the questions at the end while it is not sent, and puts it back after a reload.
// draft.js comes before it in the same module. `data`: participant.
//
// The fields are drawn by parts of Streamlit that arrive when they arrive, before this module or after it, and may go
// back to their first value once more; its choices tell the document of no change. So all of them are looked at again
// and again: what the participant has changed is kept, and what was kept is put back where they have not touched it.
const LOOK_EVERY_MS = 250;
const MOST_TRIES = 40; // a field that does not take what was kept is let be
const FIELDS = '[data-testid="stForm"] :is([role="radiogroup"], textarea, input:not([type="radio"]))';

const isChoice = (field) => field.getAttribute("role") === "radiogroup";
const nameOf = (field) => field.getAttribute("aria-label");
const optionsOf = (group) => [...group.querySelectorAll("input")];

// The text, or the place of the option that is chosen; nothing is null.
function heldBy(field) {
  if (!isChoice(field)) return field.value || null;
  const place = optionsOf(field).findIndex((option) => option.checked);
  return place < 0 ? null : place;
}

function fill(field, value) {
  if (isChoice(field)) {
    optionsOf(field)[value]?.click();
    return;
  }
  const prototype = field.tagName === "TEXTAREA" ? HTMLTextAreaElement.prototype : HTMLInputElement.prototype;
  Object.getOwnPropertyDescriptor(prototype, "value").set.call(field, value ?? "");
  field.dispatchEvent(new Event("input", { bubbles: true }));
  field.dispatchEvent(new FocusEvent("focusout", { bubbles: true }));
}

export default function keepAnswers({ data }) {
  const draft = new Draft(data.participant, "answers");
  const kept = draft.read();
  const known = new Set();
  const touched = new Set();
  const tries = {};
  let isPuttingBack = false;

  const look = () => document.querySelectorAll(FIELDS).forEach((field) => {
    const name = nameOf(field);
    const held = heldBy(field);
    // What a field holds when it is first seen was typed before this module came.
    if (!known.has(name) && held !== null) touched.add(name);
    known.add(name);
    if (held === (kept[name] ?? null)) return;
    if (touched.has(name) || !(name in kept)) {
      kept[name] = held;
      draft.write(kept);
      return;
    }
    tries[name] = (tries[name] ?? 0) + 1;
    if (tries[name] > MOST_TRIES) return;
    isPuttingBack = true;
    fill(field, kept[name]);
    isPuttingBack = false;
  });
  const touch = ({ target }) => {
    const field = target.closest?.(FIELDS);
    if (isPuttingBack || !field) return;
    touched.add(nameOf(field));
    if (!isChoice(field)) look();
  };

  const listening = new AbortController();
  const options = { signal: listening.signal, capture: true };
  ["input", "change"].forEach((kind) => document.addEventListener(kind, touch, options));
  // Of a group, a press or an arrow chooses; to walk through it with Tab does not.
  ["click", "keydown"].forEach((kind) => document.addEventListener(kind, (event) => {
    const group = event.target.closest?.('[role="radiogroup"]');
    if (group && event.key !== "Tab") touch(event);
  }, options));
  window.addEventListener("pagehide", look, options);
  const looking = setInterval(look, LOOK_EVERY_MS);
  look();
  return () => {
    clearInterval(looking);
    listening.abort();
  };
}
