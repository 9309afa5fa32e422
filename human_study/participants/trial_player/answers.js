// Keeps what is typed and chosen in the questions at the end while it is not sent, and puts it back after a reload.
// draft.js comes before it in the same module. `data`: participant.
const RESTORE_WITHIN_MS = 10000;
// Streamlit's fields write their first value once they are drawn; what was restored before that would be overwritten.
const SETTLED_AFTER_MS = 250;
const FIELDS = '[data-testid="stForm"] textarea, [data-testid="stForm"] input';

const isChoice = (field) => field.type === "radio";

// By its question, and for a choice by its place in the group.
function nameOf(field) {
  if (!isChoice(field)) return field.getAttribute("aria-label");
  const group = field.closest('[role="radiogroup"]');
  return `${group?.getAttribute("aria-label")}#${[...group.querySelectorAll("input")].indexOf(field)}`;
}

function fill(field, text) {
  const prototype = field.tagName === "TEXTAREA" ? HTMLTextAreaElement.prototype : HTMLInputElement.prototype;
  Object.getOwnPropertyDescriptor(prototype, "value").set.call(field, text);
  field.dispatchEvent(new Event("input", { bubbles: true }));
  field.dispatchEvent(new FocusEvent("focusout", { bubbles: true }));
}

export default function keepAnswers({ data }) {
  const draft = new Draft(`${data.participant}.answers`);
  const kept = draft.read();
  const restored = new Set();
  const restore = () => document.querySelectorAll(FIELDS).forEach((field) => {
    const name = nameOf(field);
    if (restored.has(name) || !(name in kept)) return;
    restored.add(name);
    if (isChoice(field)) { if (!field.checked) field.click(); } else if (!field.value) fill(field, kept[name]);
  });
  const note = ({ target }) => {
    if (!target.matches?.(FIELDS) || isChoice(target)) return;
    const name = nameOf(target);
    kept[name] = target.value;
    restored.add(name);
    draft.write(kept);
  };
  // Streamlit's choices tell the document of no change: what is chosen is looked up after each press.
  const noteChoices = () => setTimeout(() => {
    const chosen = [...document.querySelectorAll(FIELDS)].filter((field) => isChoice(field) && field.checked);
    for (const name of chosen.map(nameOf)) {
      const question = name.slice(0, name.lastIndexOf("#") + 1);
      Object.keys(kept).filter((known) => known.startsWith(question)).forEach((known) => { delete kept[known]; });
      kept[name] = "";
      restored.add(name);
    }
    if (chosen.length > 0) draft.write(kept);
  }, SETTLED_AFTER_MS);
  let settling;
  const restoreSoon = () => {
    clearTimeout(settling);
    settling = setTimeout(restore, SETTLED_AFTER_MS);
  };
  restoreSoon();
  const watching = new MutationObserver(restoreSoon);
  watching.observe(document.body, { childList: true, subtree: true });
  const timer = setTimeout(() => watching.disconnect(), RESTORE_WITHIN_MS);
  document.addEventListener("input", note, true);
  document.addEventListener("change", note, true);
  document.addEventListener("click", noteChoices, true);
  document.addEventListener("keyup", noteChoices, true);
  return () => {
    clearTimeout(timer);
    clearTimeout(settling);
    watching.disconnect();
    document.removeEventListener("input", note, true);
    document.removeEventListener("change", note, true);
    document.removeEventListener("click", noteChoices, true);
    document.removeEventListener("keyup", noteChoices, true);
  };
}
