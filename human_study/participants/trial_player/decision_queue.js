// Decisions taken but not yet acknowledged, in localStorage under the participant's own key: they outlive a
// reload. Lab computers are shared, so other participants' queues are removed.

class DecisionQueue {
  constructor(participant) {
    this.storageKey = keptName("queue", participant);
    this.decisions = [];
    try {
      forgetOthers(participant);
      this.decisions = JSON.parse(localStorage.getItem(this.storageKey) ?? "[]");
    } catch {
      // Storage is blocked or holds something else: decisions then wait in memory alone.
    }
  }

  get isEmpty() {
    return this.decisions.length === 0;
  }

  holds(trialKey, stage) {
    return this.decisions.some(({ decision, stage: sent }) => decision.trial_key === trialKey && sent === stage);
  }

  replace(decisions) {
    this.decisions = decisions;
    try {
      if (this.isEmpty) localStorage.removeItem(this.storageKey);
      else localStorage.setItem(this.storageKey, JSON.stringify(decisions));
    } catch {
      // As above.
    }
  }
}
