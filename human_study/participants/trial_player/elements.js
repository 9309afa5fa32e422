// What the other files of the trial player make elements, texts and pauses with.

const RETRY_DELAYS_MS = [300, 600, 1200, 2500, 5000, 8000];

// For so long after it is drawn, nothing can be chosen.
const LOCK_OUT_MS = 300;
// The second press of a double click or double tap belongs to the question before: for so long after an answer, nothing
// that has taken its place on the screen takes one.
const DOUBLE_PRESS_MS = 600;

const pause = (ms) => new Promise((resolve) => setTimeout(resolve, ms));
const retryDelay = (attempt) =>
  RETRY_DELAYS_MS[Math.min(attempt, RETRY_DELAYS_MS.length - 1)] * (0.75 + Math.random() / 2);

const tenths = (ms) => Math.round(ms * 10) / 10;

// A text with its words filled in: "{n} of {total}".
function filled(text, words) {
  return text.replace(/\{(\w+)\}/g, (_, name) => words[name] ?? "");
}

function element(tag, attributes = {}, ...children) {
  const node = document.createElement(tag);
  for (const [name, value] of Object.entries(attributes)) node.setAttribute(name, value);
  node.append(...children);
  return node;
}
