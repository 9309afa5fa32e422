// The second question of who refuses; and a page that the browser kept, and shows again after "back", is drawn anew.
document.getElementById("refuse").addEventListener("click", () => document.querySelector("dialog").showModal());
window.addEventListener("pageshow", (event) => {
  if (event.persisted) location.reload();
});
watchTranslation();

// A database that does not answer can keep the next page waiting for half a minute.
function sayWhenSent(words) {
  document.addEventListener("submit", ({ target, submitter }) => {
    if (submitter?.formMethod !== "dialog") target.querySelector("[role=status]").textContent = words;
  });
}
