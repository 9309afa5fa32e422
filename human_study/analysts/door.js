// The key leaves the address bar before it is sent.
const key = new URLSearchParams(location.hash.slice(1)).get("key");
if (key) {
  history.replaceState(null, "", location.pathname);
  document.querySelector("input").value = key;
  document.querySelector("form").submit();
}
