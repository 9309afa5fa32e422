// Removes what waits in localStorage: nothing of a participation that is over stays on a shared computer.
export default function forget() {
  try {
    Object.keys(localStorage)
      .filter((key) => key.startsWith("countenance.queue."))
      .forEach((key) => localStorage.removeItem(key));
  } catch {
    // Storage is blocked: nothing was kept.
  }
}
