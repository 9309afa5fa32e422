// Plays a block of trials in the browser: preloads faces, draws each trial, measures the response time from
// the frame in which the trial was drawn, and posts every decision to the server, which stores it durably
// before it answers. What is not yet acknowledged waits in a queue that outlives the page (decision_queue.js), as does
// what is chosen (draft.js) while confidence and reason are asked (follow_up.js); faces.js fetches the faces; layout.js
// fits the trial into the window; past_cases.js shows what became of similar ones; only the newest of a participant's open pages sends (lease.js). With elements.js,
// these files are one module.
//
// `data` from Python: participant (random storage id), n_trials, choices [{choice, label, key}],
// confidence_points (0: not asked), texts, trials (as `playable_trial` in playable.py makes them).
// A trial has one stage, "final", or two: "initial", before the advice is shown, and "final", with it.
// Triggers to Python: `finished` when everything is acknowledged, `changed` when the server knows better.

const N_PRELOADED = 2;
const LONGEST_ON_ONE_LINE = 18; // characters
const FINISH_AGAIN_MS = 4000;
const ADDRESSES = { initial: "api/initial-decisions", final: "api/decisions" };
const FEEDBACK_ADDRESS = "api/feedback/";

// Streamlit covers the whole page when its own connection is lost. Trials go on without it, so its dialog is
// closed; those that the study opens itself hold a block of elements and stay.
function closeConnectionDialog() {
  for (const dialog of document.querySelectorAll('[data-testid="stDialog"]')) {
    if (!dialog.querySelector('[data-testid="stVerticalBlock"]')) {
      dialog.querySelector("section > button")?.click();
    }
  }
}

class TrialPlayer {
  constructor(root, data) {
    this.listening = new AbortController();
    this.queue = new DecisionQueue(data.participant);
    this.draft = new Draft(data.participant);
    this.answered = new Set();
    this.faces = new Faces(data.texts.face, () => this.isStopped, () => this.stop());
    this.trial = null;
    this.isSending = false;
    this.lease = Lease.ofThisPage();
    this.lease.hasUnsent = () => !this.queue.isEmpty;
    this.isStopped = false;
    this.isOffline = false;
    this.isLoading = false;
    this.isInFeedback = false;
    this.isOutOfView = false;
    this.onset = null;
    this.takesFrom = 0;
    this.chosen = null;
    this.counts = { n_blur: 0, n_focus: 0, n_key: 0, n_paste: 0 };
    this.build(root, data);
    const options = { signal: this.listening.signal, capture: true };
    const count = (event, name) => window.addEventListener(event, () => { this.counts[name] += 1; }, options);
    // Focus events of elements inside the page do not bubble, so only the window's own are counted.
    window.addEventListener("blur", (event) => { if (event.target === window) this.counts.n_blur += 1; }, options);
    window.addEventListener("focus", (event) => { if (event.target === window) this.counts.n_focus += 1; }, options);
    count("keydown", "n_key");
    count("paste", "n_paste");
    window.addEventListener("online", () => this.send(), options);
    window.addEventListener("resize", () => this.arrange(), options);
    this.lease.addEventListener("lost", () => this.stop(), { signal: this.listening.signal });
    this.dialogs = new MutationObserver(closeConnectionDialog);
    this.dialogs.observe(document.body, { childList: true });
  }

  build(root, data) {
    this.where = element("h2", { class: "where", tabindex: "-1" });
    this.progress = element("progress", { max: String(data.n_trials), value: "0", "aria-hidden": "true" });
    this.rows = element("tbody");
    const table = element("table", { class: "facts" }, element("caption", {}, data.texts.facts), this.rows);
    const facts = element("div", { class: "facts-box", role: "group", "aria-label": data.texts.facts }, table);
    const more = element("button", { type: "button", class: "more", tabindex: "-1", "aria-hidden": "true" },
      data.texts.more_facts);
    more.addEventListener("click", () => facts.scrollBy({ top: facts.clientHeight * 0.8, behavior: "smooth" }));
    this.advice = element("div", { class: "advice" });
    this.buttons = data.choices.map(({ choice, label, key }) => {
      const button = element("button", { type: "button", "data-choice": choice, "aria-keyshortcuts": key },
        element("span", {}, label), element("kbd", { "aria-hidden": "true" }, key));
      button.addEventListener("click", (event) => this.choose(choice, event));
      return button;
    });
    this.keys = new Map(data.choices.map(({ choice, key }) => [key.toLowerCase(), choice]));
    this.notice = element("p", { class: "notice", role: "status" });
    this.prompt = element("p", { class: "prompt", "aria-live": "polite" });
    this.choices = element("div", { class: "choices", role: "group", "aria-label": data.texts.choices }, ...this.buttons);
    this.followUp = new FollowUp(data.texts, data.confidence_points);
    this.past = new PastCases(data.texts, facts, table, () => {
      more.textContent = this.past.isOpen ? data.texts.more_past : data.texts.more_facts;
      this.layout.showWhetherThereIsMore();
    });
    const inFrame = element("div", { class: "facts-frame" }, this.past.toggle, element("div", { class: "facts-place" }, facts, more));
    const frame = element("div", { class: "case" }, inFrame, this.advice);
    this.stage = element("div", { class: "stage" }, this.prompt, frame, this.past.strip, this.choices, this.followUp.node);
    const header = element("header", {}, this.where, this.progress);
    // The page is followed in another language, too: numbers and values as they are.
    this.where.dir = this.prompt.dir = "auto";
    this.section = element("section", { class: "player", tabindex: "-1", "aria-label": data.texts.region },
      header, this.stage, this.notice);
    this.facts = facts;
    this.layout = new Layout({ section: this.section, header, prompt: this.prompt, frame, facts, table,
      advice: this.advice, choices: this.choices, more, past: this.past });
    this.section.addEventListener("keydown", (event) => this.onKey(event));
    root.querySelector(".player")?.remove();
    root.append(this.section);
  }

  // New data from Python, also after a reconnect: go on at the first trial that nobody answered yet.
  update(data, setTriggerValue) {
    this.data = data;
    this.setTriggerValue = setTriggerValue;
    this.remaining = data.trials.filter((trial) => this.stagesLeft(trial).length > 0);
    if (this.lease.isLost && !this.isStopped) this.stop();
    if (this.isStopped) return;
    if (!this.isInFeedback && (!this.trial || this.remaining[0]?.key !== this.trial.key)) this.next();
    this.takeLease();
    this.send();
  }

  async takeLease() {
    for (let attempt = 0; !this.isStopped; attempt += 1) {
      const status = await this.lease.take();
      if (status === "stopped") this.stop();
      if (status !== "later") return;
      await pause(retryDelay(attempt));
    }
  }

  stagesLeft(trial) {
    return trial.stages.filter((stage) => !this.queue.holds(trial.key, stage) && !this.answered.has(trial.key + stage));
  }

  async next() {
    const trial = this.remaining[0];
    this.trial = null;
    this.buttons.forEach((button) => { button.disabled = true; });
    if (!trial) {
      this.finish();
      return;
    }
    clearInterval(this.finishing);
    this.finishing = undefined;
    this.section.classList.remove("done");
    const pastOf = (one) => one.examples.map(({ case: key, image }) => this.faces.of({ key, image }));
    this.remaining.slice(0, 1 + N_PRELOADED).forEach((upcoming) => { this.faces.of(upcoming); pastOf(upcoming); });
    const waiting = setTimeout(() => { this.isLoading = true; this.notify(); }, 1000);
    const [face, ...pastFaces] = await Promise.all([this.faces.of(trial), ...pastOf(trial)]);
    clearTimeout(waiting);
    this.isLoading = false;
    if (this.isStopped || trial !== this.remaining[0]) return;
    requestAnimationFrame(() => this.draw(trial, face, pastFaces));
  }

  draw(trial, face, pastFaces) {
    if (this.trial === trial) return;
    const { texts, n_trials: nTrials } = this.data;
    this.where.textContent = filled(texts.where, { n: trial.number, total: nTrials });
    this.progress.value = trial.number - 1;
    this.rows.replaceChildren(...trial.rows.map(([label, value, help]) => element("tr", {},
      element("th", { scope: "row", dir: "auto" }, label, ...(help ? [element("small", {}, help)] : [])),
      element("td", { dir: "auto", ...(value.length <= LONGEST_ON_ONE_LINE ? { class: "short" } : {}) }, value))));
    this.section.classList.add("started");
    this.notify();
    this.trial = trial;
    this.shownFace = face;
    this.past.draw(trial.examples, pastFaces);
    this.before = trial.before ?? null;
    this.facts.scrollTop = 0;
    this.reservePrompt(trial);
    this.drawStage();
    this.resume(trial);
  }

  // The second stage says more than the first; as much space is kept from the beginning, so that nothing jumps.
  reservePrompt(trial) {
    this.prompt.style.minHeight = "";
    if (!trial.is_two_stage) return;
    const labels = this.data.choices.map(({ label }) => label);
    const longest = labels.reduce((one, other) => (other.length > one.length ? other : one));
    this.prompt.hidden = false;
    this.prompt.textContent = `${this.data.texts.second_stage} ${filled(this.data.texts.before, { choice: longest })}`;
    this.prompt.style.minHeight = `${this.prompt.offsetHeight}px`;
  }

  arrange() {
    if (!this.trial) return;
    const position = this.layout.arrange(Boolean(this.trial.image || this.trial.score));
    if (!this.chosen) this.layout.bringIntoView(position);
  }

  // Back after a reload in the midst of confidence or reason: the choice and its response time are taken already.
  resume(trial) {
    const kept = this.draft.read();
    if (kept.trial !== trial.key || kept.stage !== this.currentStage) return;
    this.chosen = { ...kept.chosen, at: performance.now() - Math.max(0, Date.now() - kept.chosen_at) };
    this.counts = kept.counts;
    if (kept.given) this.askPerceived(kept.given);
    else this.ask(kept);
  }

  // One stage of the trial, drawn in an animation frame: from that frame the response time runs.
  drawStage() {
    const { trial } = this;
    const [stage] = this.stagesLeft(trial);
    this.currentStage = stage;
    this.prompt.textContent = this.promptFor(trial, stage);
    this.prompt.hidden = !this.prompt.textContent;
    const isAdvised = stage === "final" && Boolean(trial.image || trial.score);
    this.advice.replaceChildren(...(isAdvised ? this.drawAdvice(trial, this.shownFace) : []));
    this.advice.hidden = !trial.image && !trial.score;
    this.past.reveal(isAdvised);
    this.followUp.clear();
    this.choices.hidden = false;
    this.buttons.forEach((button) => { button.disabled = true; });
    this.onset = null;
    this.chosen = null;
    this.arrange();
    // What had the focus is gone with the stage before, and keys reach the player only while it has the focus.
    this.where.focus({ preventScroll: true });
    this.counts = { n_blur: 0, n_focus: 0, n_key: 0, n_paste: 0 };
    this.startClock(trial, stage);
  }

  // The clock runs, and answers are taken, from the frame in which advice and choices can be seen.
  startClock(trial, stage) {
    if (this.trial !== trial || this.currentStage !== stage || this.isStopped || this.chosen) return;
    const isAdvised = this.advice.childElementCount > 0;
    this.isOutOfView = !this.layout.isInView([isAdvised ? this.advice : this.facts, ...this.buttons]);
    this.notify();
    if (this.isOutOfView) {
      requestAnimationFrame(() => this.startClock(trial, stage));
      return;
    }
    // The browser paints all this at the end of the present animation frame and shows it when the next one begins;
    // the clock is read here, where no other work of a busy page comes between. Known bias: Chromium reports the
    // picture as shown 7-10 ms later in the median (measured headless, much later where the machine has no time to
    // paint), and a screen needs 5-30 ms to light up, which no page can see; times are longer by both. Readings
    // further on (a task after the paint, the next frame's time) scatter twice as much around the same reports.
    this.onset = performance.now();
    this.takesFrom = Math.max(this.onset + LOCK_OUT_MS, this.takesFrom);
    setTimeout(() => {
      if (this.trial !== trial || this.currentStage !== stage || this.chosen) return;
      this.buttons.forEach((button) => { button.disabled = false; });
    }, this.takesFrom - this.onset);
  }

  promptFor(trial, stage) {
    const { texts } = this.data;
    if (trial.asked_choice) return filled(texts.attention, { choice: this.labelOf(trial.asked_choice) });
    if (stage === "initial") return texts.first_stage;
    if (!trial.is_two_stage) return "";
    return this.before ? `${texts.second_stage} ${filled(texts.before, { choice: this.labelOf(this.before) })}`
      : texts.second_stage;
  }

  labelOf(choice) {
    return this.data.choices.find((known) => known.choice === choice).label;
  }

  drawAdvice(trial, face) {
    if (face) return [face];
    if (!trial.score) return [];
    return [element("p", { class: "score" }, element("span", {}, this.data.texts.score),
      element("strong", {}, trial.score))];
  }

  onKey(event) {
    if (event.repeat || event.ctrlKey || event.altKey || event.metaKey) return;
    if (event.composedPath()[0].tagName === "TEXTAREA") return;
    const choice = this.keys.get(event.key.toLowerCase());
    if (choice && !this.chosen && this.trial) {
      event.preventDefault();
      this.choose(choice, event);
    } else if (this.chosen && /^[1-9]$/.test(event.key)) {
      this.followUp.press(Number(event.key));
    }
  }

  choose(choice, event) {
    const { trial } = this;
    // The event's own time, on the same clock as performance.now(): a key went down, a mouse button or a finger was
    // let go. When a busy page came to handle it does not matter.
    const responseTime = event.timeStamp - this.onset;
    if (!trial || this.chosen || this.onset === null || !(event.timeStamp >= this.takesFrom)) return;
    this.chosen = { choice, response_time_ms: tenths(responseTime), ...this.past.counted(this.currentStage),
      at: performance.now() };
    if (trial.confidence || (trial.reason && this.currentStage === "final")) this.ask();
    else this.askPerceived({});
  }

  ask(kept = {}) {
    const { trial, currentStage: stage, chosen: { choice, at } } = this;
    this.choices.hidden = true;
    this.followUp.ask({
      asksConfidence: trial.confidence,
      asksReason: trial.reason && stage === "final",
      choice: this.labelOf(choice),
      kept,
      keep: (answers) => this.keep(answers),
      commit: (answers) => this.askPerceived({ ...answers, followup_time_ms: tenths(performance.now() - at) }),
    });
  }

  keep(answers) {
    const { trial, currentStage: stage, chosen: { at, ...chosen } } = this;
    this.draft.write({ trial: trial.key, stage, counts: this.counts, chosen,
      chosen_at: Date.now() - (performance.now() - at), ...answers });
  }

  // What the face told, where the trial asks for it: when all else is given, so that it changes none of it.
  askPerceived(given) {
    const { trial } = this;
    if (!trial?.perception || this.currentStage !== "final") {
      this.commit(given);
      return;
    }
    this.keep({ given });
    this.choices.hidden = true;
    this.followUp.askPerceived(trial.perception, (answer) => this.commit({ ...given, ...answer }));
  }

  // The stage is decided: keep it, send it, and go on to the next stage, the feedback or the next trial.
  commit(given) {
    const { trial, currentStage: stage, chosen } = this;
    if (!trial || !chosen) return;
    const { at: _, ...decided } = chosen;
    this.queue.replace([...this.queue.decisions, { stage, decision: {
      trial_key: trial.key,
      ...decided,
      ...this.counts,
      idempotency_key: randomKey(),
      ...given,
    } }]);
    this.draft.clear();
    // A busy page comes late to drawing what follows: until then, what was answered takes no answer any more.
    this.chosen = null;
    this.onset = null;
    this.buttons.forEach((button) => { button.disabled = true; });
    this.followUp.lock();
    this.takesFrom = performance.now() + DOUBLE_PRESS_MS;
    this.answered.add(trial.key + stage);
    if (stage === "initial") {
      this.before = decided.choice;
      requestAnimationFrame(() => { if (this.trial === trial) this.drawStage(); });
    } else {
      this.remaining.shift();
      this.faces.forget(trial.key);
      this.followUp.clear();
      if (trial.feedback) this.giveFeedback(trial);
      else this.next();
    }
    this.send();
  }

  // What became of a practice application; asked for once the server has the decision, and never before.
  async giveFeedback(trial) {
    const { texts } = this.data;
    this.isInFeedback = true;
    this.trial = null;
    this.buttons.forEach((button) => { button.disabled = true; });
    const told = await this.fetchFeedback(trial);
    if (this.isStopped) return;
    const goOn = element("button", { type: "button", class: "go-on" }, texts.go_on);
    goOn.addEventListener("click", () => {
      this.followUp.lock();
      this.isInFeedback = false;
      this.takesFrom = performance.now() + DOUBLE_PRESS_MS;
      this.next();
    });
    const text = told && filled(told.right ? texts.feedback_right : texts.feedback_wrong, told);
    this.choices.hidden = true;
    this.prompt.hidden = true;
    const parts = text ? [element("p", { class: `feedback ${told.right ? "right" : "wrong"}`, tabindex: "-1" }, text)] : [];
    this.followUp.show([...parts, goOn]);
  }

  async fetchFeedback(trial) {
    for (let attempt = 0; !this.isStopped; attempt += 1) {
      try {
        const options = { signal: AbortSignal.timeout(REQUEST_TIMEOUT_MS) };
        if (!this.queue.holds(trial.key, "final")) {
          const response = await fetch(FEEDBACK_ADDRESS + trial.key, options);
          if (response.ok) return await response.json();
          if (response.status === 401 || response.status === 403) this.stop();
          if (response.status === 404) return null;
        }
      } catch {
        // No connection: try again.
      }
      await pause(attempt ? retryDelay(attempt) : 60);
    }
    return null;
  }

  // One at a time and in order: the server takes only the first unanswered trial.
  async send() {
    if (this.isSending) return;
    this.isSending = true;
    for (let attempt = 0; !this.queue.isEmpty && !this.isStopped;) {
      const status = await this.post(this.queue.decisions[0]);
      // A newer page of this browser has the queue now, and sends it.
      if (this.isStopped) break;
      if (status === "stored" || status === "stored for the last time") {
        this.queue.replace(this.queue.decisions.slice(1));
        attempt = 0;
        this.isOffline = false;
        this.notify();
        if (status !== "stored") this.giveUp();
      } else if (status === "later") {
        this.isOffline = attempt > 0;
        this.notify();
        await pause(retryDelay(attempt));
        attempt += 1;
      } else if (status === "refused") {
        // Someone answered elsewhere, or the trial is not ours to answer: begin again where the server stands.
        this.queue.decisions.forEach(({ decision, stage }) => this.answered.delete(decision.trial_key + stage));
        this.queue.replace([]);
        this.setTriggerValue("changed", randomKey());
      } else if (status === "older") {
        this.giveUp();
      } else {
        this.stop();
      }
    }
    this.isSending = false;
    if (!this.trial && !this.isInFeedback && this.remaining.length === 0) this.finish();
  }

  // The participant has gone on on another device: what waits here was not seen there, and counts no more.
  giveUp() {
    this.queue.replace([]);
    this.lease.lose();
  }

  // → "stored", "stored for the last time" (from an older page), "later" (try again), "refused" (never will be),
  // "older" (a newer page acts for the participant), "stopped" (nothing is taken from this browser any more)
  async post({ decision, stage }) {
    try {
      const lease = await this.lease.take();
      if (lease !== "taken") return lease;
      const response = await fetch(ADDRESSES[stage], {
        method: "POST",
        headers: { "Content-Type": "application/json" },
        body: JSON.stringify({ ...decision, lease: this.lease.id }),
        keepalive: true,
        signal: AbortSignal.timeout(REQUEST_TIMEOUT_MS),
      });
      if (response.ok) {
        const { status, lease: sender } = await response.json();
        if (status === "already") this.setTriggerValue("changed", randomKey());
        return sender === "older" ? "stored for the last time" : "stored";
      }
      if (response.status === 401 || response.status === 403) return "stopped";
      if (response.status === 409 && (await response.json()).reason === "older_lease") return "older";
      return response.status >= 500 || response.status === 429 ? "later" : "refused";
    } catch {
      return "later";
    }
  }

  finish() {
    if (this.isStopped) return;
    this.progress.value = this.data.n_trials;
    this.where.textContent = this.data.texts.done;
    this.section.classList.add("done");
    this.notify();
    if (!this.queue.isEmpty || this.finishing) return;
    this.setTriggerValue("finished", randomKey());
    // The trigger is lost where the page has no connection at this moment; ask until Python moves on.
    this.finishing = setInterval(() => this.setTriggerValue("finished", randomKey()), FINISH_AGAIN_MS);
  }

  // The server no longer knows this page as the participant's; Python says why.
  stop() {
    if (this.isStopped) return;
    this.isStopped = true;
    this.trial = null;
    this.section.classList.add("stopped");
    this.buttons.forEach((button) => { button.disabled = true; });
    this.notify();
    this.setTriggerValue("changed", randomKey());
  }

  // The one line under the trial; a screen reader speaks it when it changes.
  notify() {
    const { texts } = this.data;
    const isDone = !this.trial && !this.isInFeedback && this.remaining.length === 0;
    const text = (this.isStopped && texts.stopped) || (this.isOffline && texts.offline)
      || (this.isOutOfView && this.trial && texts.out_of_view) || (isDone && texts.saving) || (this.isLoading && texts.loading) || "";
    if (this.notice.textContent !== text) this.notice.textContent = text;
  }

  destroy() {
    this.isStopped = true;
    clearInterval(this.finishing);
    this.listening.abort();
    this.dialogs.disconnect();
    this.faces.forgetAll();
    this.section.remove();
  }
}

const players = new WeakMap();

export default function play({ data, parentElement, setTriggerValue }) {
  const known = players.get(parentElement);
  const player = known ?? new TrialPlayer(parentElement, data);
  clearTimeout(player.leaving);
  players.set(parentElement, player);
  player.update(data, setTriggerValue);
  return () => {
    // Streamlit may clean up only to draw again at once; the trial on the screen must outlive that.
    player.leaving = setTimeout(() => {
      players.delete(parentElement);
      player.destroy();
    }, 0);
  };
}
