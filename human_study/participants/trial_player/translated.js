// Whether the browser shows the page in another language is part of what happened: decisions were taken on other words.
const TRANSLATED = "html.translated-ltr, html.translated-rtl, font font, [_msttexthash]";
const LOOK_EVERY_MS = 2000;
let isWatching = false;

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
