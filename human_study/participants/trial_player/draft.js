// What is chosen or typed and not yet sent, kept under the participant's own key so that a reload loses none of it.
// `what`: of which page, where it is not a trial's.
class Draft {
  constructor(participant, what = "draft") {
    this.storageKey = keptName(what, participant);
  }

  read() {
    try {
      return JSON.parse(localStorage.getItem(this.storageKey) ?? "{}");
    } catch {
      return {};
    }
  }

  write(values) {
    try {
      localStorage.setItem(this.storageKey, JSON.stringify(values));
    } catch {
      // Storage is blocked: a reload then begins this page anew.
    }
  }

  clear() {
    try {
      localStorage.removeItem(this.storageKey);
    } catch {
      // As above.
    }
  }
}
