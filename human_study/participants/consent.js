// The second question of who refuses; and a page that the browser kept, and shows again after "back", is drawn anew.
document.getElementById("refuse").addEventListener("click", () => document.querySelector("dialog").showModal());
window.addEventListener("pageshow", (event) => {
  if (event.persisted) location.reload();
});
watchTranslation();
