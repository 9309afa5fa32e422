// What Streamlit does not do for a page of several steps: the document says its language, a new step begins at its
// top (for screen readers title.js sees to that), an older page says so (older_page.js), and a translated one is
// recorded (translated.js). These files are one module.
//
// Drawn before anything else of a step: were its top sought long after the step is there, it would move away under
// the finger of whoever presses a button at once.
//
// `data`: language, direction (ltr or rtl), step, `offline` and `close` (words of dialogs), and `older_lease`: what an
// older page is told, or null where the page acts for nobody (the participation is over) or tells it itself (the trial
// player).
let shownStep = null;
let dialogWords = null;

// Streamlit names its dialogs in English, its own about a lost connection even in their title.
function nameDialogs() {
  for (const dialog of document.querySelectorAll('[data-testid="stDialog"]')) {
    const closing = dialog.querySelector("section > button");
    if (closing && closing.ariaLabel !== dialogWords.close) closing.ariaLabel = dialogWords.close;
    const title = dialog.querySelector('[data-testid="stVerticalBlock"]') ? null : dialog.querySelector("section > h2");
    if (title && title.textContent !== dialogWords.offline) title.textContent = dialogWords.offline;
  }
}

export default function arrive({ data }) {
  if (!document.querySelector(TRANSLATED)) {
    document.documentElement.lang = data.language;
    document.documentElement.dir = data.direction;
  }
  watchTranslation();
  if (!dialogWords) new MutationObserver(nameDialogs).observe(document.body, { childList: true, subtree: true });
  dialogWords = { offline: data.offline, close: data.close };
  if (data.step === shownStep) {
    toldToOlder = data.older_lease;
    return;
  }
  const isFirst = shownStep === null;
  shownStep = data.step;
  tellWhenOlder(data.older_lease);
  if (!isFirst) document.querySelector('[data-testid="stMain"]')?.scrollTo(0, 0);
}
