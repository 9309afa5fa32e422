// What Streamlit does not do for a page of several steps: the document says its language, a new step begins at its
// top (for screen readers title.js sees to that), and a page that is no longer the newest of its participant
// (lease.js) says so and takes nothing more. The two files are one module.
//
// Drawn before anything else of a step: were its top sought long after the step is there, it would move away under
// the finger of whoever presses a button at once.
//
// `data`: language, direction (ltr or rtl), step, and `older_lease`: what an older page is told, or null where the page acts for nobody (the
// participation is over) or tells it itself (the trial player).
const TRANSLATED = "html.translated-ltr, html.translated-rtl, font font, [_msttexthash]";
const LOOK_EVERY_MS = 2000;
let isWatching = false;
let shownStep = null;
let toldToOlder = null;

function tellOlder() {
  if (!toldToOlder || document.querySelector(".older-lease")) return;
  // Streamlit's dialogs are beside its app; none of it can be clicked or reached by keyboard any more.
  for (const part of document.body.children) part.inert = true;
  const notice = document.createElement("div");
  notice.className = "older-lease";
  notice.setAttribute("role", "alert");
  document.body.append(notice);
  notice.textContent = toldToOlder;
}

// Whether the browser shows the page in another language is part of what happened: decisions were taken on other words.
function watchTranslation() {
  if (isWatching) return;
  isWatching = true;
  const looking = setInterval(async () => {
    if (!document.querySelector(TRANSLATED)) return;
    clearInterval(looking);
    const body = JSON.stringify({ kind: "translated", language: document.documentElement.lang.slice(0, 20) });
    await fetch("api/page-events", { method: "POST", headers: { "Content-Type": "application/json" }, body })
      .catch(() => { isWatching = false; });
  }, LOOK_EVERY_MS);
}

async function takeLease() {
  const lease = Lease.ofThisPage();
  lease.addEventListener("lost", tellOlder);
  if (lease.isLost) tellOlder();
  // Without a connection nobody is told; Streamlit says so then, and the next step asks again.
  else if (await lease.take() === "stopped") lease.lose();
}

export default function arrive({ data }) {
  if (!document.querySelector(TRANSLATED)) {
    document.documentElement.lang = data.language;
    document.documentElement.dir = data.direction;
  }
  watchTranslation();
  toldToOlder = data.older_lease;
  if (data.step === shownStep) return;
  const isFirst = shownStep === null;
  shownStep = data.step;
  if (toldToOlder) takeLease();
  if (!isFirst) document.querySelector('[data-testid="stMain"]')?.scrollTo(0, 0);
}
