// Keeps what is typed and chosen in the questions at the end while it is not sent, and puts it back after a reload.
// draft.js comes before it in the same module. `data`: participant.
//
// The fields are drawn by parts of Streamlit that arrive when they arrive, before this module or after it, and may go
// back to nothing once more; its choices tell the document of no change. So all of them are looked at again and again:
// what they hold is kept, and what was kept is put back where they hold nothing, unless the participant emptied them.
const LOOK_EVERY_MS = 250;
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
  let isPuttingBack = false;

  const keep = (field) => {
    kept[nameOf(field)] = heldBy(field);
    draft.write(kept);
  };
  const look = () => document.querySelectorAll(FIELDS).forEach((field) => {
    const held = heldBy(field), before = kept[nameOf(field)] ?? null;
    if (held === before) return;
    if (held !== null) {
      keep(field);
      return;
    }
    isPuttingBack = true;
    fill(field, before);
    isPuttingBack = false;
  });
  const onInput = ({ target }) => {
    if (!isPuttingBack && target.matches?.(FIELDS)) keep(target);
  };

  const listening = new AbortController();
  document.addEventListener("input", onInput, { signal: listening.signal, capture: true });
  window.addEventListener("pagehide", look, { signal: listening.signal });
  const looking = setInterval(look, LOOK_EVERY_MS);
  look();
  return () => {
    clearInterval(looking);
    listening.abort();
  };
}
