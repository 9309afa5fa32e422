// Proves that this browser can take part before anything is taken: it runs scripts that the study needs, keeps our
// cookie, and a websocket gets through at the very address that the study will use. Written for old browsers, which must be able to read what they lack.
(function () {
  var form = document.querySelector("form[data-check]");
  if (!form) return;
  var button = form.querySelector("button");
  var waiting = form.querySelector("[role=status]");
  var told = document.getElementById("missing");
  var wantsToBegin = false;
  var nTries = 0;
  var since = Date.now();

  function tell(what) {
    told.textContent = form.getAttribute("data-" + what);
    told.hidden = false;
    button.disabled = true;
  }

  function begin() {
    button.disabled = true;
    waiting.textContent = waiting.getAttribute("data-words"); // the next page may take long
    form.submit();
  }

  function isCurrent() {
    try {
      new Function("class A { static #b = 1; static async *c() { A?.d ?? 1; let e; e ??= 2; } }");
    } catch (error) {
      return false;
    }
    return "WebSocket" in window && "fetch" in window && "inert" in HTMLElement.prototype
      && "AbortSignal" in window && "timeout" in AbortSignal && "hasOwn" in Object && "at" in Array.prototype;
  }

  function check() {
    var isOver = false;
    var socket;
    function fail() {
      if (isOver) return;
      isOver = true;
      clearTimeout(patience);
      if (socket) socket.close();
      nTries += 1;
      // Said soon, and taken back where a later try gets through.
      if (nTries >= 3 || Date.now() - since > 6000) tell("websocket");
      if (nTries < 8) setTimeout(check, 700 * nTries);
    }
    var patience = setTimeout(fail, 7000);
    try {
      socket = new WebSocket(new URL("_stcore/stream?browser-check", location.href).href.replace(/^http/, "ws"));
    } catch (error) {
      fail();
      return;
    }
    socket.onopen = function () { socket.send("hello"); };
    socket.onmessage = function (event) {
      var answer = JSON.parse(event.data);
      isOver = true;
      clearTimeout(patience);
      if (answer.missing) {
        tell(answer.missing);
        return;
      }
      form.elements.entry.value = answer.entry;
      told.hidden = true;
      button.disabled = false;
      if (wantsToBegin) begin();
    };
    socket.onerror = fail;
    socket.onclose = fail;
  }

  if (window.top !== window.self) {
    tell("frame");
  } else if (!isCurrent()) {
    tell("browser");
  } else {
    button.disabled = false;
    form.addEventListener("submit", function (event) {
      event.preventDefault();
      wantsToBegin = true;
      if (form.elements.entry.value) begin();
      else button.disabled = true; // until the check is over
    });
    // Back from the next page: the browser shows this one as it was left.
    window.addEventListener("pageshow", function (event) { 
      if (!event.persisted) return;
      button.disabled = false;
      waiting.textContent = "";
    });
    check();
  }
})();
