// What Streamlit does not do for a page of several steps: the document says its language, a new step begins at its
// top (for screen readers title.js sees to that), an older page says so (older_page.js), and a translated one is
// recorded (translated.js). These files are one module.
//
// Drawn before anything else of a step: were its top sought long after the step is there, it would move away under
// the finger of whoever presses a button at once.
//
// `data`: language, direction (ltr or rtl), step, and `older_lease`: what an older page is told, or null where the page
// acts for nobody (the participation is over) or tells it itself (the trial player).
let shownStep = null;

export default function arrive({ data }) {
  if (!document.querySelector(TRANSLATED)) {
    document.documentElement.lang = data.language;
    document.documentElement.dir = data.direction;
  }
  watchTranslation();
  if (data.step === shownStep) {
    toldToOlder = data.older_lease;
    return;
  }
  const isFirst = shownStep === null;
  shownStep = data.step;
  tellWhenOlder(data.older_lease);
  if (!isFirst) document.querySelector('[data-testid="stMain"]')?.scrollTo(0, 0);
}
