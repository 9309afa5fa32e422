// Confidence, reason and what the face told, asked after the choice, whose response time is taken already.

const MAX_REASON_LENGTH = 1000; // characters

class FollowUp {
  constructor(texts, nPoints) {
    Object.assign(this, { texts, nPoints });
    this.node = element("div", { class: "follow-up" });
  }

  get textarea() {
    return this.node.querySelector("textarea");
  }

  clear() {
    this.node.replaceChildren();
  }

  // What is answered takes no second answer while it still stands there.
  lock() {
    this.node.querySelectorAll("button").forEach((button) => { button.disabled = true; });
  }

  // Choose a point of the confidence scale by its number, from 1, where it is asked.
  press(number) {
    this.node.querySelectorAll(".points button")[number - 1]?.click();
  }

  // `choice`: its label; `kept`: answers from before a reload; `keep(answers)` keeps them from now on, and
  // `commit(answers)` is told all of them.
  ask({ asksConfidence, asksReason, choice, kept, keep, commit }) {
    const given = "confidence" in kept ? { confidence: kept.confidence } : {};
    const goOn = element("button", { type: "button", class: "go-on" }, this.texts.go_on);
    const parts = [];
    if (asksConfidence) {
      parts.push(this.confidence(filled(this.texts.confidence, { choice }), given.confidence, (confidence) => {
        given.confidence = confidence;
        if (!asksReason) {
          commit(given);
          return;
        }
        goOn.disabled = false;
        keep({ ...given, reason: this.textarea.value });
      }));
    }
    if (asksReason) {
      parts.push(this.reason(filled(this.texts.reason, { choice }), kept.reason ?? "",
        (reason) => keep({ ...given, reason })), goOn);
      goOn.disabled = asksConfidence && !("confidence" in given);
      goOn.addEventListener("click", () => {
        // A half of a surrogate pair is no text, and the server takes none; older browsers have no remedy.
        const reason = this.textarea.value.toWellFormed?.() ?? this.textarea.value;
        commit({ ...given, reason: reason.trim() });
      });
    }
    if (!("trial" in kept)) keep(given);
    // Confidence alone stays at the window's edge (player.css), so nothing moves; a reason needs room.
    this.node.classList.toggle("tall", asksReason);
    this.show(parts);
    if (asksReason) this.node.scrollIntoView({ block: "nearest" });
  }

  // `answered` is told the answer and how long it took.
  askPerceived({ question, options, ends }, answered) {
    const onset = performance.now();
    const buttons = options.map(([answer, label]) => {
      const button = element("button", { type: "button", "data-answer": answer }, label);
      button.addEventListener("click", () => {
        answered({ perceived: answer, perceived_time_ms: tenths(performance.now() - onset) });
      });
      return button;
    });
    this.node.classList.remove("tall");
    this.show([element("div", { class: "perception", role: "group", "aria-label": question },
      element("p", { class: "question", tabindex: "-1" }, question),
      element("div", { class: ends.length ? "points" : "points words" }, ...buttons),
      ...ends.map(([low, high]) => element("p", { class: "ends", "aria-hidden": "true" },
        element("span", {}, low), element("span", {}, high))))]);
  }

  // Draws what follows a choice; the keyboard and screen readers begin at its first words. Its buttons lie where those of
  // the choice lay, and are locked until nobody's double press can reach them.
  show(parts) {
    this.node.replaceChildren(...parts);
    const locked = [...this.node.querySelectorAll("button:enabled")];
    const begin = () => (this.node.querySelector("[tabindex], textarea") ?? parts.at(-1)).focus({ preventScroll: true });
    locked.forEach((button) => { button.disabled = true; });
    begin();
    setTimeout(() => {
      locked.forEach((button) => { button.disabled = false; });
      if (locked.includes(parts[0]) && this.node.contains(parts[0])) begin();
    }, DOUBLE_PRESS_MS);
  }

  confidence(question, given, onGiven) {
    const points = Array.from({ length: this.nPoints }, (_, point) => {
      const confidence = point / (this.nPoints - 1);
      const button = element("button", { type: "button", "aria-pressed": String(given === confidence),
        "aria-label": filled(this.texts.confidence_point, { n: point + 1, total: this.nPoints }) }, String(point + 1));
      button.addEventListener("click", () => {
        points.forEach((other) => { other.setAttribute("aria-pressed", String(other === button)); });
        onGiven(confidence);
      });
      return button;
    });
    return element("div", { class: "confidence", role: "group", "aria-label": question },
      element("p", { class: "question", tabindex: "-1" }, question),
      element("div", { class: "points" }, ...points),
      element("p", { class: "ends", "aria-hidden": "true" },
        element("span", {}, this.texts.confidence_low), element("span", {}, this.texts.confidence_high)));
  }

  reason(question, kept, onInput) {
    const text = element("textarea", { rows: "3", maxlength: String(MAX_REASON_LENGTH), dir: "auto" });
    text.value = kept;
    text.addEventListener("input", () => onInput(text.value));
    return element("label", { class: "reason" }, element("span", { class: "question" }, question), text);
  }
}
