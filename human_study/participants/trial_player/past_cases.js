// Past cases whose faces are most alike, each with what became of it. On a wide and high enough page they stand below
// the trial; elsewhere a button puts them in the place of the facts, so that the own face and the choices stay in view.

class PastCases {
  // `facts`: the box that holds the table of facts; `onToggle()`: what is in it has changed.
  constructor(texts, facts, table, onToggle) {
    Object.assign(this, { texts, facts, table, onToggle });
    this.strip = element("div", { class: "past-strip", role: "group", "aria-label": texts.past_cases });
    this.cards = element("div", { class: "past-cases", role: "group", "aria-label": texts.past_cases });
    this.toggle = element("button", { type: "button", class: "past-toggle", "aria-expanded": "false" });
    this.toggle.addEventListener("click", () => this.open(!this.isOpen));
    this.isOpen = false;
    this.isStrip = false;
    this.nOpened = 0;
    this.examples = [];
  }

  get any() {
    return this.examples.length > 0;
  }

  // The cases of another trial; `faces`: their decoded pictures, in order.
  draw(examples, faces) {
    this.examples = examples;
    this.nOpened = 0;
    this.cards.replaceChildren(...examples.map((past, k) => element("article", { class: "past-case" },
      ...(faces[k] ? [faces[k]] : []),
      element("div", {},
        element("p", { class: `outcome ${past.good ? "right" : "wrong"}`, dir: "auto" }, past.outcome),
        element("dl", {}, ...past.rows.map(([label, value]) => element("div", {},
          element("dt", { dir: "auto" }, label), element("dd", { dir: "auto" }, value))))))));
    this.open(false);
  }

  // Before the advice is seen, a place is kept for them.
  reveal(isRevealed) {
    for (const node of [this.strip, this.toggle]) node.style.visibility = isRevealed ? "" : "hidden";
  }

  // Where they stand: `isStrip`: in view below the trial.
  place(isStrip) {
    this.isStrip = isStrip && this.any;
    this.strip.hidden = !this.isStrip;
    this.toggle.hidden = this.isStrip || !this.any;
    const home = this.isStrip ? this.strip : this.facts;
    if (this.cards.parentNode !== home) home.append(this.cards);
    if (this.isStrip) this.isOpen = false;
    this.refresh();
  }

  open(isOpen) {
    if (isOpen && !this.isOpen) this.nOpened += 1;
    this.isOpen = isOpen;
    this.facts.scrollTop = 0;
    this.refresh();
    this.onToggle();
  }

  refresh() {
    this.table.hidden = this.isOpen;
    this.cards.hidden = !this.any || !(this.isStrip || this.isOpen);
    this.toggle.setAttribute("aria-expanded", String(this.isOpen));
    this.toggle.textContent = this.isOpen ? this.texts.past_close : this.texts.past_open;
  }

  // What is sent with the decision: how often they were opened, where they did not stand in view.
  counted(stage) {
    return this.any && !this.isStrip && stage === "final" ? { n_examples_opened: this.nOpened } : {};
  }
}
