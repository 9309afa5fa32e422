// Every open page has a lease, and the newest acts for the participant. The others are told, and send nothing more.
// One a page, whatever is drawn on it; a reload makes a new one, and with it the newest. Where a page goes and another
// comes in the same tab, such as the app after consent, nobody has moved: the new page says whose lease it takes over.

const LEASES_ADDRESS = "api/leases";
// Two studies of one host may differ in their path alone.
const LEASE_CHANNEL = `countenance.lease ${new URL(".", location.href).pathname}`;
const LEFT_BEHIND = `countenance.left ${new URL(".", location.href).pathname}`;
const ASK_EVERY_MS = 20000;
const REQUEST_TIMEOUT_MS = 10000;

function randomKey() {
  // crypto.randomUUID exists on secure origins only; a lab's plain http server is none.
  return Array.from(crypto.getRandomValues(new Uint8Array(16)), (byte) => byte.toString(16).padStart(2, "0")).join("");
}

// The lease that the page before left in this tab. It lies there only from one page's going to the next one's coming, so
// that a tab that is duplicated does not find it.
function takeLeftBehind() {
  try {
    const left = sessionStorage.getItem(LEFT_BEHIND);
    sessionStorage.removeItem(LEFT_BEHIND);
    return left;
  } catch {
    return null; // a browser that keeps nothing
  }
}

class Lease extends EventTarget {
  constructor() {
    super();
    this.id = randomKey();
    this.isTaken = false;
    this.isLost = false;
    this.before = takeLeftBehind();
    this.hasUnsent = () => false;
    // Pages of this browser tell each other at once; whether another device took over is asked now and then.
    if (typeof BroadcastChannel === "function") {
      this.channel = new BroadcastChannel(LEASE_CHANNEL);
      this.channel.addEventListener("message", () => this.lose());
      this.channel.postMessage(this.id);
    }
    document.addEventListener("visibilitychange", () => this.ask());
    window.addEventListener("pagehide", () => this.leaveBehind());
    setInterval(() => this.ask(), ASK_EVERY_MS);
  }

  static ofThisPage() {
    window.countenanceLease ??= new Lease();
    return window.countenanceLease;
  }

  leaveBehind() {
    const held = this.isTaken ? this.id : this.before;
    if (this.isLost || !held) return;
    try {
      sessionStorage.setItem(LEFT_BEHIND, held);
    } catch {
      // Then the next page counts as another tab's.
    }
  }

  lose() {
    if (this.isLost) return;
    this.isLost = true;
    this.dispatchEvent(new Event("lost"));
  }

  // → "taken", "later" (no connection), "stopped" (the cookie is nobody's any more, or the participation over)
  async take() {
    if (this.isLost) return "stopped";
    if (this.isTaken) return "taken";
    const status = await this.post(true);
    if (status === "taken") this.isTaken = true;
    return status;
  }

  // What still waits to be sent is sent first: its answer tells as much, and its first one may count.
  async ask() {
    if (document.visibilityState !== "visible" || !this.isTaken || this.isLost || this.hasUnsent()) return;
    if (await this.post(false) === "stopped") this.lose();
  }

  async post(take) {
    try {
      const response = await fetch(LEASES_ADDRESS, {
        method: "POST",
        headers: { "Content-Type": "application/json" },
        body: JSON.stringify({ lease: this.id, take, before: this.before }),
        signal: AbortSignal.timeout(REQUEST_TIMEOUT_MS),
      });
      if (response.ok) return (await response.json()).is_newest ? "taken" : "stopped";
      return response.status === 401 || response.status === 403 ? "stopped" : "later";
    } catch {
      return "later";
    }
  }
}
