// What Streamlit does not do for a page of several steps: the document says its language, and a new step begins at
// its top, for eyes and for screen readers alike. `data`: language, step.
let shownStep = null;

export default function arrive({ data }) {
  document.documentElement.lang = data.language;
  if (data.step === shownStep) return;
  const isFirst = shownStep === null;
  shownStep = data.step;
  if (isFirst) return;
  document.querySelector('[data-testid="stMain"]')?.scrollTo(0, 0);
  const title = document.querySelector('[data-testid="stMain"] h1');
  if (title) {
    title.tabIndex = -1;
    title.focus({ preventScroll: true });
  }
}
