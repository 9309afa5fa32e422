// A new step begins at its title, for screen readers and the keyboard; drawn last, so that the title is there.
//
// `data`: step.
let toldStep = null;

export default function announce({ data }) {
  if (data.step === toldStep) return;
  const isFirst = toldStep === null;
  toldStep = data.step;
  const title = document.querySelector('[data-testid="stMain"] h1');
  if (isFirst || !title) return;
  title.tabIndex = -1;
  title.focus({ preventScroll: true });
}
