// Removes what waits in localStorage for others than the participant named by `keep` (nobody, where it is null):
// nothing of a participation that is over, or of somebody else's, stays on a shared computer.
export default function forget({ data }) {
  try {
    Object.keys(localStorage)
      .filter((key) => /^countenance\.(queue|draft)\./.test(key) && key.split(".")[2] !== data?.keep)
      .forEach((key) => localStorage.removeItem(key));
  } catch {
    // Storage is blocked: nothing was kept.
  }
}
