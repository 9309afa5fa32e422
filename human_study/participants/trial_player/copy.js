// A button that copies the completion code. Without a clipboard (plain http) it selects the code instead.
//
// `data`: code, label, copied.
export default function copyCode({ data, parentElement }) {
  const button = document.createElement("button");
  button.type = "button";
  button.textContent = data.label;
  button.style.cssText = "display:block;width:100%;min-height:3rem;font:inherit;font-weight:600;color:var(--accent);"
    + "background:var(--white);border:2px solid var(--accent);border-radius:.5rem;cursor:pointer";
  const told = document.createElement("span");
  told.setAttribute("role", "status");
  button.addEventListener("click", async () => {
    try {
      await navigator.clipboard.writeText(data.code);
      told.textContent = data.copied;
    } catch {
      const shown = document.querySelector(".code");
      if (shown) getSelection().selectAllChildren(shown);
    }
  });
  parentElement.replaceChildren(button, told);
}
