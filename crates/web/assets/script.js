// Keeps an open page true: listens for changes, fetches the page anew, swaps its content.
// Without it the page is whole; it is then as old as its last load.
"use strict";
(() => {
  const byId = (id) => document.getElementById(id);
  const live = byId("live");
  const said = byId("said");
  let source = null;
  let retry = 0;
  let busy = false;
  let again = false;
  let swapped = performance.now();

  const show = (state, text) => {
    live.hidden = false;
    if (live.textContent !== text) live.textContent = text;
    live.dataset.state = state;
  };

  const clock = () => new Date().toTimeString().slice(0, 5);

  const lost = (why) => {
    if (live.dataset.state !== "off") show("off", `Not live since ${clock()}: ${why}`);
  };

  // As `distance` in moment.rs says it.
  const distance = (seconds) => {
    const length = Math.abs(seconds);
    if (length < 10) return "just now";
    const [unit, word] =
      length < 60 ? [1, "s"] : length < 3600 ? [60, "min"] : length < 172800 ? [3600, "h"] : [86400, "days"];
    const text = `${Math.floor(length / unit)} ${word}`;
    return seconds < 0 ? `in ${text}` : `${text} ago`;
  };

  const age = () => {
    const now = Date.parse(byId("main").dataset.now) + performance.now() - swapped;
    for (const time of document.querySelectorAll("time[data-ago], time[data-held]")) {
      let text = distance((now - Date.parse(time.dateTime)) / 1000);
      // As `standing` in moment.rs says it.
      if ("held" in time.dataset) text = text.endsWith(" ago") ? `for ${text.slice(0, -4)}` : "since just now";
      if (time.textContent !== text) time.textContent = text;
    }
  };

  // A way to find an element again in the page that takes its place.
  const trace = (element, within) => {
    if (!element || element === within || !within.contains(element)) return null;
    if (element.id) return (root) => root.querySelector(`#${CSS.escape(element.id)}`);
    const fold = element.closest("details[id], figure, li, article, section");
    const kind = element.tagName;
    const href = element.getAttribute("href");
    const label = element.getAttribute("aria-label");
    const same = (other) =>
      other.tagName === kind && other.getAttribute("href") === href && other.getAttribute("aria-label") === label;
    if (kind === "SUMMARY" && fold && fold.id) {
      return (root) => root.querySelector(`#${CSS.escape(fold.id)} > summary`);
    }
    const place = [...within.querySelectorAll(kind)].filter(same).indexOf(element);
    return (root) => [...root.querySelectorAll(kind)].filter(same)[place] || null;
  };

  const swap = (fresh) => {
    const old = byId("main");
    const find = trace(document.activeElement, old);
    const focused = document.activeElement === old;
    for (const fold of old.querySelectorAll("details[id]")) {
      const twin = fresh.querySelector(`#${CSS.escape(fold.id)}`);
      if (twin) twin.open = fold.open;
    }
    const aside = [...old.querySelectorAll(".scroll")].map((frame) => frame.scrollLeft);
    const [left, top] = [scrollX, scrollY];
    old.replaceWith(fresh);
    swapped = performance.now();
    fresh.querySelectorAll(".scroll").forEach((frame, place) => {
      if (aside[place]) frame.scrollLeft = aside[place];
    });
    scrollTo(left, top);
    const target = focused ? fresh : find && (find(fresh) || fresh);
    if (target) target.focus({ preventScroll: true });
    if (fresh.dataset.summary !== old.dataset.summary) said.textContent = fresh.dataset.summary;
  };

  // Whoever is marking text to copy it is not disturbed.
  const marking = () => {
    const selection = getSelection();
    return selection && !selection.isCollapsed && byId("main").contains(selection.anchorNode);
  };

  const refresh = async () => {
    if (busy || marking()) {
      again = true;
      return;
    }
    busy = true;
    again = false;
    try {
      const answer = await fetch(location.href, { redirect: "error", signal: AbortSignal.timeout(15000) });
      if (answer.status === 403) {
        close();
        show("off", "Not live: this session is over; `stead link` opens a new one");
        return;
      }
      const page = new DOMParser().parseFromString(await answer.text(), "text/html");
      const fresh = page.getElementById("main");
      if (!fresh) throw new Error("no page");
      swap(document.adoptNode(fresh));
      document.title = page.title;
    } catch {
      lost("the page cannot be fetched");
      again = true;
    } finally {
      busy = false;
    }
  };

  const close = () => {
    clearTimeout(retry);
    if (source) source.close();
    source = null;
  };

  const open = () => {
    close();
    source = new EventSource("/events");
    source.addEventListener("changed", (event) => {
      show("on", "Live");
      if (again || Number(event.data) > Number(byId("main").dataset.version)) refresh();
    });
    source.addEventListener("error", () => {
      lost("no connection");
      // A refused stream is not tried again by the browser.
      if (source && source.readyState === EventSource.CLOSED) {
        close();
        refresh();
        retry = setTimeout(open, 10000);
      }
    });
  };

  // A browser opens few connections to one place: pages that nobody looks at give theirs back.
  const look = () => (document.hidden ? close() : open());

  document.addEventListener("visibilitychange", look);
  document.addEventListener("selectionchange", () => {
    if (again && !busy && !marking()) refresh();
  });
  addEventListener("pagehide", close);
  addEventListener("pageshow", look);
  setInterval(age, 15000);
})();
