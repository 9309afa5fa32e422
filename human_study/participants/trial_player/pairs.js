// Pairs of faces: on which of two pictures is an axis of the expression stronger? One after the other; the next one comes
// when the server has stored the answer, so that a reload loses none and goes on where it was.
//
// `data` from Python: n_pairs, texts, pairs [{position, question, pictures: [first, second]}].
// Trigger to Python: `done` when every pair is judged.

const AGAIN_MS = 4000;
const SIDES = ["left", "right"];
const KEYS = ["F", "J"];

class FacePairs {
  constructor(root, data) {
    this.listening = new AbortController();
    this.loaded = new Map();
    this.judged = new Set();
    this.takesFrom = 0;
    this.isStopped = false;
    this.where = element("p", { class: "where", role: "status" });
    this.question = element("h2", { class: "question", tabindex: "-1" });
    this.buttons = SIDES.map((side, k) => {
      const button = element("button", { type: "button", "data-side": side, "aria-keyshortcuts": KEYS[k],
        "aria-label": [data.texts.first, data.texts.second][k] });
      button.addEventListener("click", (event) => this.choose(side, event));
      return button;
    });
    this.notice = element("p", { class: "notice", role: "status" });
    this.section = element("section", { class: "pairs", "aria-label": data.texts.title },
      this.where, this.question, element("div", { class: "two" }, ...this.buttons), this.notice);
    // What to do is said once; then the pictures have the page.
    this.isIntroduced = data.pairs.length < data.n_pairs;
    if (!this.isIntroduced) this.introduce(data.texts);
    root.querySelector(".pairs")?.remove();
    root.append(this.section);
    document.addEventListener("keydown", (event) => this.onKey(event), { signal: this.listening.signal });
  }

  introduce(texts) {
    const start = element("button", { type: "button", class: "start" }, texts.start);
    const introduction = element("div", { class: "introduction" }, element("p", {}, texts.text), start);
    start.addEventListener("click", () => {
      introduction.remove();
      this.isIntroduced = true;
      this.takesFrom = performance.now() + DOUBLE_PRESS_MS;
      this.next();
    });
    this.section.prepend(introduction);
  }

  update(data, setTriggerValue) {
    Object.assign(this, { data, setTriggerValue });
    this.remaining = data.pairs.filter(({ position }) => !this.judged.has(position));
    if (!this.pair || this.remaining[0]?.position !== this.pair.position) this.next();
  }

  // A picture as an address of what is loaded; asked for until it is there.
  load(address) {
    if (!this.loaded.has(address)) this.loaded.set(address, this.fetchPicture(address));
    return this.loaded.get(address);
  }

  async fetchPicture(address) {
    for (let attempt = 0; !this.isStopped; attempt += 1) {
      try {
        const response = await fetch(address, { signal: AbortSignal.timeout(REQUEST_TIMEOUT_MS) });
        if (response.ok) {
          const picture = element("img", { alt: "", src: URL.createObjectURL(await response.blob()) });
          await picture.decode();
          return picture;
        }
        if (response.status < 500) this.leave();
      } catch {
        // No connection: try again.
      }
      this.notice.textContent = attempt > 0 ? this.data.texts.offline : "";
      await pause(retryDelay(attempt));
    }
    return null;
  }

  async next() {
    const [pair, following] = this.remaining;
    this.pair = null;
    this.onset = null;
    clearInterval(this.finishing);
    if (!pair) {
      this.finish();
      return;
    }
    const pictures = await Promise.all(pair.pictures.map((address) => this.load(address)));
    if (this.isStopped || pair !== this.remaining[0]) return;
    following?.pictures.forEach((address) => this.load(address));
    if (!this.isIntroduced) return;
    requestAnimationFrame(() => this.draw(pair, pictures));
  }

  draw(pair, pictures) {
    this.pair = pair;
    this.notice.textContent = "";
    const { texts, n_pairs: total } = this.data;
    this.where.textContent = filled(texts.where, { n: total - this.remaining.length + 1, total });
    this.question.textContent = pair.question;
    this.buttons.forEach((button, k) => {
      button.disabled = true;
      button.replaceChildren(pictures[k], element("kbd", { "aria-hidden": "true" }, KEYS[k]));
    });
    this.section.classList.add("started");
    this.question.focus({ preventScroll: true });
    this.section.scrollIntoView({ block: "nearest" });
    this.onset = performance.now();
    this.takesFrom = Math.max(this.onset + LOCK_OUT_MS, this.takesFrom);
    setTimeout(() => {
      if (this.pair === pair && this.onset !== null) this.buttons.forEach((button) => { button.disabled = false; });
    }, this.takesFrom - this.onset);
  }

  onKey(event) {
    if (event.repeat || event.ctrlKey || event.altKey || event.metaKey || document.querySelector('[role="dialog"]')) return;
    const side = SIDES[KEYS.indexOf(event.key.toUpperCase())];
    if (side) this.choose(side, event);
  }

  async choose(choice, event) {
    const { pair } = this;
    const taken = event.timeStamp - this.onset;
    if (!pair || this.onset === null || !(event.timeStamp >= this.takesFrom)) return;
    this.onset = null;
    this.takesFrom = event.timeStamp + DOUBLE_PRESS_MS;
    this.buttons.forEach((button) => { button.disabled = true; });
    const message = { position: pair.position, choice, response_time_ms: tenths(taken) };
    for (let attempt = 0; !this.isStopped && !(await this.isStored(message)); attempt += 1) {
      if (attempt > 0) this.notice.textContent = this.data.texts.offline;
      await pause(retryDelay(attempt));
    }
    if (this.isStopped) return;
    this.judged.add(pair.position);
    pair.pictures.forEach((address) => this.loaded.delete(address));
    this.remaining = this.remaining.filter((other) => other !== pair);
    this.next();
  }

  async isStored(message) {
    try {
      const response = await fetch("api/pair-judgements", {
        method: "POST",
        headers: { "Content-Type": "application/json" },
        body: JSON.stringify(message),
        signal: AbortSignal.timeout(REQUEST_TIMEOUT_MS),
      });
      if (!response.ok && response.status < 500) this.leave();
      return response.ok;
    } catch {
      return false;
    }
  }

  finish() {
    this.section.classList.add("done");
    this.question.textContent = this.data.texts.done;
    this.where.textContent = "";
    // The trigger is lost where the page has no connection at this moment; ask until Python moves on.
    this.setTriggerValue("done", randomKey());
    this.finishing = setInterval(() => this.setTriggerValue("done", randomKey()), AGAIN_MS);
  }

  // The server takes nothing from this page any more; Python says why.
  leave() {
    if (this.isStopped) return;
    this.isStopped = true;
    this.setTriggerValue("done", randomKey());
  }

  destroy() {
    this.isStopped = true;
    clearInterval(this.finishing);
    this.listening.abort();
    this.section.remove();
  }
}

const shown = new WeakMap();

export default function compare({ data, parentElement, setTriggerValue }) {
  const pairs = shown.get(parentElement) ?? new FacePairs(parentElement, data);
  clearTimeout(pairs.leaving);
  shown.set(parentElement, pairs);
  pairs.update(data, setTriggerValue);
  return () => {
    // Streamlit may clean up only to draw again at once.
    pairs.leaving = setTimeout(() => {
      shown.delete(parentElement);
      pairs.destroy();
    }, 0);
  };
}
