// A new step begins at its title, for screen readers and the keyboard; drawn last, so that the title is there.
//
// `data`: step.
let toldStep = null;

export default function announce({ data }) {
  if (data.step === toldStep) return;
  const isFirst = toldStep === null;
  // What was unclear is read first, and it may lie below the window on a phone.
  document.querySelector(".st-key-explained")?.scrollIntoView({ block: "center" });
  toldStep = data.step;
  const title = document.querySelector('[data-testid="stMain"] h1');
  if (isFirst || !title) return;
  title.tabIndex = -1;
  title.focus({ preventScroll: true });
}
