// A page that is no longer the newest of its participant (lease.js) says so and takes nothing more.
let toldToOlder = null;

function tellOlder() {
  if (!toldToOlder || document.querySelector(".older-lease")) return;
  // A dialog of the page's own lies above everything and stays usable, whatever else is inert.
  for (const dialog of document.querySelectorAll("dialog[open]")) dialog.close();
  // Streamlit's dialogs are beside its app; none of it can be clicked or reached by keyboard any more.
  for (const part of document.body.children) part.inert = true;
  const notice = document.createElement("div");
  notice.className = "older-lease";
  notice.setAttribute("role", "alert");
  document.body.append(notice);
  notice.textContent = toldToOlder;
}

// `words`: what the page says once it is an older one, or null where it acts for nobody or tells it itself.
function tellWhenOlder(words) {
  toldToOlder = words;
  if (toldToOlder) takeLease();
}

async function takeLease() {
  const lease = Lease.ofThisPage();
  lease.addEventListener("lost", tellOlder);
  if (lease.isLost) tellOlder();
  // Without a connection nobody is told; the next step asks again.
  else if (await lease.take() === "stopped") lease.lose();
}
