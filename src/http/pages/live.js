// Asks for the page again when the server says that something has changed, and puts in place what is different. Everything
// works without it. What somebody is writing in is left alone until they are done.
"use strict";
(() => {
  const pulse = document.getElementById("pulse");
  if (!pulse) return;
  const loaded = Date.now();
  let busy = false, again = false, due = false;

  const writing = () => {
    const at = document.activeElement;
    if (!at || !at.closest("[data-live]")) return false;
    return at.matches("textarea, select, input") && (at.tagName === "SELECT" || at.value !== at.defaultValue);
  };

  // Folded and unfolded parts stay as somebody left them, and the focus stays where it was.
  const keep = (part) => {
    const open = new Map([...part.querySelectorAll("details[data-key]")].map((one) => [one.dataset.key, one.open]));
    const at = part.contains(document.activeElement) ? document.activeElement : null;
    const place = at && [...part.querySelectorAll("a, button, input, summary, pre")].indexOf(at);
    return () => {
      for (const one of part.querySelectorAll("details[data-key]")) {
        if (open.has(one.dataset.key)) one.open = open.get(one.dataset.key);
      }
      if (at) part.querySelectorAll("a, button, input, summary, pre")[place]?.focus({ preventScroll: true });
    };
  };

  const refresh = async () => {
    if (busy) { again = true; return; }
    if (document.hidden || writing()) { due = true; return; }
    busy = true;
    due = false;
    try {
      const answer = await fetch(location.href, { headers: { accept: "text/html" }, redirect: "error" });
      if (answer.ok) {
        const page = new DOMParser().parseFromString(await answer.text(), "text/html");
        for (const part of document.querySelectorAll("[data-live]")) {
          const fresh = page.getElementById(part.id);
          if (!fresh || fresh.innerHTML === part.innerHTML || writing()) continue;
          const restore = keep(part);
          part.replaceChildren(...fresh.childNodes);
          restore();
        }
      }
    } catch { pulse.textContent = "Not live: the server does not answer"; }
    busy = false;
    if (again) { again = false; setTimeout(refresh, 300); }
  };

  const stream = new EventSource("/live");
  stream.addEventListener("open", () => {
    pulse.textContent = "Live";
    pulse.classList.add("on");
    if (Date.now() - loaded > 3000) refresh();
  });
  stream.addEventListener("error", () => {
    const over = stream.readyState === EventSource.CLOSED;
    pulse.textContent = over ? "Not live: load the page again, you may be signed out" : "Not live: connecting again";
    pulse.classList.remove("on");
  });
  stream.addEventListener("changed", refresh);
  const later = () => { if (due) refresh(); };
  document.addEventListener("visibilitychange", later);
  document.addEventListener("focusout", () => setTimeout(later, 0));

  const pages = { n: "/", e: "/events", r: "/runs", u: "/rules", a: "/approvals", g: "/agents", i: "/insights", t: "/audit" };
  let went = 0;
  document.addEventListener("keydown", (key) => {
    if (key.ctrlKey || key.metaKey || key.altKey || key.target.matches("input, textarea, select")) return;
    if (key.key === "/") {
      const search = document.querySelector("[data-search]");
      if (search) { key.preventDefault(); search.focus(); search.select(); } else { location.href = "/events"; }
    } else if (Date.now() - went < 1500 && pages[key.key]) {
      location.href = pages[key.key];
    } else if (key.key === "g") {
      went = Date.now();
      return;
    }
    went = 0;
  });
})();
