// Nothing of a participation that is over, or of somebody else's, stays on a shared computer; `keep` is whose may stay,
// or null. With kept.js one module.
export default function forget({ data }) {
  try {
    forgetOthers(data?.keep ?? null);
  } catch {
    // Storage is blocked: nothing was kept.
  }
}
