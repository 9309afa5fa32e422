// What a study keeps in a browser until it is sent, under names that no other study's pages touch: two studies of one
// host may differ in their path alone. Each name ends with whose it is, by which it is told from what others left.
const KEPT = `countenance ${new URL(".", location.href).pathname} `;

function keptName(what, participant) {
  return `${KEPT}${what} ${participant}`;
}

// Removes what others than this participant left (everybody, where it is null): lab computers are shared.
function forgetOthers(participant) {
  Object.keys(localStorage)
    .filter((name) => name.startsWith(KEPT) && !name.endsWith(` ${participant}`))
    .forEach((name) => localStorage.removeItem(name));
}
