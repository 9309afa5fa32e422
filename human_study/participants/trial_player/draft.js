// What is chosen or typed and not yet sent, kept under the participant's own key so that a reload loses none of it.
class Draft {
  constructor(participant) {
    this.storageKey = keptName("draft", participant);
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
